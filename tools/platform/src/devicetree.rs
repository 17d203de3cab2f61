//! The device tree under `/proc/device-tree`: a directory is a node, a file is a property.
//!
//! Values are as Open Firmware has them (IEEE 1275): numbers are big-endian cells of 32 bits whatever the kernel's byte
//! order, strings end with a zero byte, a list of strings is one after the other.

use sysroot::Sysroot;

use crate::error::{Error, Result};

/// Where the tree is. The kernel's link leads to `/sys/firmware/devicetree/base`.
pub const ROOT: &str = "proc/device-tree";

/// The largest property of a real machine is `ibm,dynamic-memory` (24 bytes an LMB): 6 MiB at 64 TiB in LMBs of 256 MiB.
const PROPERTY_LIMIT_BYTES: usize = 16 << 20;

/// A partition's tree is 6 deep; this is where a tree that is a mistake or an attack ends.
const DEPTH_LIMIT: usize = 16;

/// A large partition has some 3,000 nodes (a node a thread's caches, a slot, a device).
const NODE_LIMIT: usize = 65_536;

/// A node of the tree.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    sysroot: &'a Sysroot,
    path: String,
}

/// The root of the tree.
pub fn root(sysroot: &Sysroot) -> Node<'_> {
    Node { sysroot, path: ROOT.to_owned() }
}

impl<'a> Node<'a> {
    /// The node at a path beneath this one: `vdevice/l-lan@30000004`. It may not exist.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        Self { sysroot: self.sysroot, path: format!("{}/{path}", self.path) }
    }

    /// The node that a path of the running system leads to: `sys/bus/vio/devices/30000004/of_node`.
    pub fn through(sysroot: &'a Sysroot, path: impl Into<String>) -> Self {
        Self { sysroot, path: path.into() }
    }

    /// Its directory, relative to the root of the machine.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its name, with the unit address: `l-lan@30000004`.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The file of one of its properties, whether or not it has it.
    pub fn property_path(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Its path from the root of the tree, `/vdevice/l-lan@30000004`, as `devspec` of a device has it.
    pub fn tree_path(&self) -> &str {
        self.path.strip_prefix(ROOT).unwrap_or(&self.path)
    }

    /// Whether there is such a node.
    pub fn exists(&self) -> bool {
        self.sysroot.is_dir(&self.path)
    }

    /// Whether it has a property, empty ones included.
    pub fn has(&self, name: &str) -> bool {
        self.sysroot.exists(format!("{}/{name}", self.path))
    }

    /// A property, or `None` when it has none of that name.
    pub fn property(&self, name: &str) -> Result<Option<Property>> {
        match self.sysroot.read_bytes_at_most(self.property_path(name), PROPERTY_LIMIT_BYTES) {
            Ok(bytes) => Ok(Some(Property(bytes))),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// All of its properties, in the order of their names.
    pub fn properties(&self) -> Result<Vec<(String, Property)>> {
        let mut found = Vec::new();
        for name in self.sysroot.list(&self.path)? {
            if self.sysroot.is_dir(self.property_path(&name)) {
                continue;
            }
            if let Some(property) = self.property(&name)? {
                found.push((name, property));
            }
        }
        Ok(found)
    }

    /// A property that is one string.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        self.typed(name, "a string", |property| property.text().map(str::to_owned))
    }

    /// A property that is one cell.
    pub fn cell(&self, name: &str) -> Result<Option<u32>> {
        self.typed(name, "one cell of 4 bytes", Property::cell)
    }

    fn typed<T>(&self, name: &str, expected: &str, get: impl Fn(&Property) -> Option<T>) -> Result<Option<T>> {
        let Some(property) = self.property(name)? else { return Ok(None) };
        match get(&property) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::malformed(format!("{}/{name}", self.path), format!("it is not {expected}"))),
        }
    }

    /// The nodes directly beneath, in the order of their names.
    pub fn children(&self) -> Result<Vec<Node<'a>>> {
        let names = self.sysroot.list(&self.path)?;
        Ok(names.iter().map(|name| self.at(name)).filter(Node::exists).collect())
    }

    /// The nodes directly beneath that have a unit address, in the order of their names: what firmware plugs in has one. No
    /// property has an `@` in its name, so that those need not be looked at.
    pub fn addressed_children(&self) -> Result<Vec<Node<'a>>> {
        let names = self.sysroot.list(&self.path)?;
        let addressed = names.iter().filter(|name| name.contains('@'));
        Ok(addressed.map(|name| self.at(name)).filter(Node::exists).collect())
    }

    /// This node and all beneath it, parents first, at most so deep and so many as a machine can have.
    pub fn descendants(&self) -> Result<Vec<Node<'a>>> {
        let mut found = Vec::new();
        let mut waiting = vec![(self.clone(), 0)];
        while let Some((node, depth)) = waiting.pop() {
            if depth > DEPTH_LIMIT {
                return Err(Error::TooMuch { file: node.path, limit: DEPTH_LIMIT, of_what: "levels" });
            }
            waiting.extend(node.children()?.into_iter().rev().map(|child| (child, depth + 1)));
            found.push(node);
            if found.len() > NODE_LIMIT {
                return Err(Error::TooMuch { file: self.path.clone(), limit: NODE_LIMIT, of_what: "nodes" });
            }
        }
        Ok(found)
    }
}

/// The bytes of a property, and what they can be read as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Property(Vec<u8>);

impl From<Vec<u8>> for Property {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Property {
    /// As they are.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// One string, its zero byte taken off. None when it is not text or more than one string.
    pub fn text(&self) -> Option<&str> {
        let bytes = self.0.strip_suffix(b"\0").unwrap_or(&self.0);
        if bytes.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
    }

    /// A list of strings. None when one is not text; empty for an empty property.
    pub fn texts(&self) -> Option<Vec<&str>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        let bytes = self.0.strip_suffix(b"\0").unwrap_or(&self.0);
        bytes.split(|byte| *byte == 0).map(|text| std::str::from_utf8(text).ok()).collect()
    }

    /// One number of 32 bits.
    pub fn cell(&self) -> Option<u32> {
        self.0.as_slice().try_into().ok().map(u32::from_be_bytes)
    }

    /// One number of one or two cells.
    pub fn number(&self) -> Option<u64> {
        let wide = || self.0.as_slice().try_into().ok().map(u64::from_be_bytes);
        self.cell().map(u64::from).or_else(wide)
    }

    /// Numbers of 32 bits. None when the length is not a multiple of 4.
    pub fn cells(&self) -> Option<Vec<u32>> {
        let cells = self.0.chunks_exact(4);
        if !cells.remainder().is_empty() {
            return None;
        }
        Some(cells.filter_map(|cell| cell.try_into().ok()).map(u32::from_be_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::machine;

    fn property(bytes: &[u8]) -> Property {
        Property(bytes.to_vec())
    }

    #[test]
    fn one_string_is_not_a_list() {
        assert_eq!(property(b"IBM,9009-42A\0").text(), Some("IBM,9009-42A"));
        assert_eq!(property(b"no end").text(), Some("no end"));
        assert_eq!(property(b"").text(), Some(""));
        assert_eq!(property(b"a\0b\0").text(), None);
        assert_eq!(property(b"\xff\0").text(), None);
    }

    #[test]
    fn lists_of_strings_keep_empty_ones() {
        assert_eq!(property(b"a\0\0b\0").texts(), Some(vec!["a", "", "b"]));
        assert_eq!(property(b"\0").texts(), Some(vec![""]));
        assert_eq!(property(b"").texts(), Some(vec![]));
        assert_eq!(property(b"a\0\xff\0").texts(), None);
    }

    #[test]
    fn numbers_are_big_endian_cells() {
        assert_eq!(property(&[0x30, 0, 0, 4]).cell(), Some(0x3000_0004));
        assert_eq!(property(&[0, 0, 0, 1, 0, 0, 0, 2]).cell(), None);
        assert_eq!(property(&[0, 0, 0, 1, 0, 0, 0, 2]).number(), Some(0x1_0000_0002));
        assert_eq!(property(&[0, 0, 0, 1, 0, 0, 0, 2]).cells(), Some(vec![1, 2]));
        assert_eq!(property(&[0, 0, 0, 1, 0]).cells(), None);
        assert_eq!(property(&[]).cells(), Some(vec![]));
    }

    #[test]
    fn a_tree_is_walked_parents_first_and_no_deeper_than_a_machine() {
        let reg = [0x30_u8, 0, 0, 4];
        let (dir, sysroot) = machine([
            ("proc/device-tree/vdevice/l-lan@30000004/reg", &reg as &[u8]),
            ("proc/device-tree/cpus/name", b"cpus\0"),
        ]);
        let found = root(&sysroot).descendants().unwrap();
        let names: Vec<_> = found.iter().map(Node::name).collect();
        assert_eq!(names, ["device-tree", "cpus", "vdevice", "l-lan@30000004"]);
        assert_eq!(found[3].cell("reg").unwrap(), Some(0x3000_0004));
        assert_eq!(found[3].cell("absent").unwrap(), None);
        assert!(found[3].text("reg").is_err());
        let properties = |node: &Node<'_>| node.properties().unwrap().into_iter().map(|(name, _)| name);
        assert_eq!(properties(&found[3]).collect::<Vec<_>>(), ["reg"]);
        assert_eq!(properties(&found[2]).count(), 0, "a child is no property");
        std::fs::create_dir_all(dir.path().join(ROOT).join("d/".repeat(DEPTH_LIMIT + 2))).unwrap();
        assert!(matches!(root(&sysroot).descendants(), Err(Error::TooMuch { of_what: "levels", .. })));
    }
}
