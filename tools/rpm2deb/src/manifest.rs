//! The manifest of an unpacked tree: what an ordinary user cannot write to disk (owners, setuid bits, devices), in
//! mtree(5) form, the BSD format for exactly this.
//!
//! ```text
//! #mtree
//! ./usr/bin/x type=file mode=4754 uname=root gname=service time=1700000000.0
//! ./dev/y type=char device=native,1,3 mode=0666 uname=root gname=root time=0.0
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::Error;
use crate::plan::owner::check_name;
use crate::plan::path::checked_path;
use crate::tree::{Entry, EntryKind, TreePath};

/// What the manifest says of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub user: String,
    /// Group.
    pub group: String,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Line in the manifest: files keep their order. Largest for files that are not listed.
    pub position: usize,
    /// Set for what only the manifest can hold: devices and FIFOs. And for hard links, the first name.
    pub special: Option<EntryKind>,
}

impl Attributes {
    /// A file of root's that the manifest does not list.
    pub fn plain(mode: u32, mtime: u64) -> Self {
        let root = || "root".to_owned();
        Self { mode, user: root(), group: root(), mtime, position: usize::MAX, special: None }
    }
}

/// Renders one line for an entry.
pub fn line(entry: &Entry) -> String {
    let kind = match &entry.kind {
        EntryKind::Directory => "dir".to_owned(),
        EntryKind::Regular { .. } => "file".to_owned(),
        EntryKind::Symlink { .. } => "link".to_owned(),
        EntryKind::HardLink { target } => format!("file hardlink=./{}", escape(target)),
        EntryKind::CharDevice { major, minor } => format!("char device=native,{major},{minor}"),
        EntryKind::BlockDevice { major, minor } => format!("block device=native,{major},{minor}"),
        EntryKind::Fifo => "fifo".to_owned(),
    };
    format!(
        "./{} type={kind} mode={:04o} uname={} gname={} time={}.0\n",
        escape(&entry.path),
        entry.mode,
        entry.user,
        entry.group,
        entry.mtime
    )
}

/// vis(3) as mtree uses it: everything but plain graphic ASCII as `\ooo`.
fn escape(path: &[u8]) -> String {
    path.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_graphic() && !b"\\#=".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\{byte:03o}");
        }
        text
    })
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..3)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 8).ok()?);
        rest = &tail[3..];
    }
    Some(bytes)
}

/// Parses a manifest.
pub fn parse(text: &str) -> Result<BTreeMap<TreePath, Attributes>, Error> {
    let mut entries = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (path, mut attributes) = parse_line(line)
            .map_err(|reason| Error::malformed(format!("debian/manifest.mtree line {}", number + 1), reason))?;
        attributes.position = number;
        entries.insert(path, attributes);
    }
    Ok(entries)
}

fn parse_line(line: &str) -> Result<(TreePath, Attributes), String> {
    let mut words = line.split(' ');
    let path = parse_path(words.next().unwrap_or(""))?;
    let mut attributes = Attributes::plain(0o644, 0);
    let mut device = (0, 0);
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is not KEY=VALUE"))?;
        let bad = || format!("the value of '{word}' is not understood");
        match key {
            "mode" => {
                attributes.mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(bad)?;
            }
            "uname" => attributes.user = owner(value, &path)?,
            "gname" => attributes.group = owner(value, &path)?,
            "time" => {
                attributes.mtime = value.split('.').next().and_then(|whole| whole.parse().ok()).ok_or_else(bad)?;
            }
            "hardlink" => attributes.special = Some(EntryKind::HardLink { target: parse_path(value)? }),
            "device" => device = parse_device(value).ok_or_else(bad)?,
            "type" => {
                attributes.special = match value {
                    "char" => Some(EntryKind::CharDevice { major: 0, minor: 0 }),
                    "block" => Some(EntryKind::BlockDevice { major: 0, minor: 0 }),
                    "fifo" => Some(EntryKind::Fifo),
                    "file" | "dir" | "link" => None,
                    _ => return Err(bad()),
                };
            }
            _ => return Err(format!("the keyword '{key}' is not used here")),
        }
    }
    if let Some(EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor }) =
        &mut attributes.special
    {
        (*major, *minor) = device;
    }
    Ok((path, attributes))
}

fn parse_path(word: &str) -> Result<TreePath, String> {
    let path = word.strip_prefix('.').and_then(unescape).ok_or_else(|| format!("'{word}' is not a path"))?;
    checked_path(&path).map_err(|error| error.to_string())
}

fn owner(name: &str, path: &[u8]) -> Result<String, String> {
    check_name(name, path).map(|()| name.to_owned()).map_err(|error| error.to_string())
}

fn parse_device(value: &str) -> Option<(u32, u32)> {
    let (major, minor) = value.strip_prefix("native,")?.split_once(',')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_kind_of_entry_survives_writing_and_reading() {
        let base = Entry {
            path: b"a b/\xe9#=\\".to_vec(),
            kind: EntryKind::Fifo,
            mode: 0o4754,
            user: "root".to_owned(),
            group: "service".to_owned(),
            mtime: 7,
        };
        for kind in [
            EntryKind::Fifo,
            EntryKind::CharDevice { major: 1, minor: 3 },
            EntryKind::BlockDevice { major: 8, minor: 0 },
            EntryKind::HardLink { target: b"x y".to_vec() },
        ] {
            let entry = Entry { kind: kind.clone(), ..base.clone() };
            let parsed = parse(&line(&entry)).unwrap();
            let attributes = &parsed[&base.path];
            assert_eq!((attributes.mode, attributes.group.as_str(), attributes.mtime), (0o4754, "service", 7));
            assert_eq!(attributes.special, Some(kind));
        }
    }

    #[test]
    fn edited_nonsense_is_refused_with_its_line() {
        for bad in
            ["x mode=0644", "./a mode=99999", "./a uname=a:b", "./../x mode=0644", "./a frob=1", "./a type=socket"]
        {
            let error = parse(&format!("#mtree\n{bad}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
