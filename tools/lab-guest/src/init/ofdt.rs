//! Writes device-tree properties through /proc/ppc64/ofdt, one write each.
//! (Linux, arch/powerpc/platforms/pseries/reconfig.c)

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use lab_guest::personality::{Personality, Property, properties};

const OFDT: &str = "/proc/ppc64/ofdt";

/// All that can be written is; what cannot is said at the end.
pub(crate) fn write_all(personality: &Personality) -> Result<()> {
    let failures: Vec<String> = properties(personality)
        .iter()
        .filter_map(|property| write(property).err().map(|error| format!("{}: {error:#}", property.name)))
        .collect();
    if failures.is_empty() { Ok(()) } else { bail!(failures.join("; ")) }
}

fn write(property: &Property) -> Result<()> {
    let node = PathBuf::from(property.node.directory());
    let handle = phandle(&node)?;
    let request = request(node.join(property.name).exists(), handle, property);
    let mut ofdt = OpenOptions::new().write(true).open(OFDT).with_context(|| format!("open {OFDT}"))?;
    let written = ofdt.write(&request).with_context(|| format!("write {OFDT}"))?;
    if written == request.len() { Ok(()) } else { bail!("{OFDT} took {written} of {} bytes", request.len()) }
}

fn phandle(node: &Path) -> Result<u32> {
    let path = node.join("phandle");
    let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let bytes: [u8; 4] = bytes.try_into().ok().with_context(|| format!("{} has not 4 bytes", path.display()))?;
    Ok(u32::from_be_bytes(bytes))
}

fn request(exists: bool, phandle: u32, property: &Property) -> Vec<u8> {
    let verb = if exists { "update_property" } else { "add_property" };
    let head = format!("{verb} {phandle} {} {} ", property.name, property.value.len());
    [head.as_bytes(), &property.value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab_guest::personality::Node;

    #[test]
    fn requests_are_what_the_kernel_parses() {
        let property = Property { node: Node::Root, name: "ibm,partition-name", value: b"a\0".to_vec() };
        assert_eq!(request(false, 300, &property), b"add_property 300 ibm,partition-name 2 a\0");
        assert_eq!(request(true, 300, &property), b"update_property 300 ibm,partition-name 2 a\0");
    }
}
