//! Single properties of the device tree, for those who know which one they want: no walk, no list, one read each.

use sysroot::Sysroot;

use crate::cells::{Cells, Malformed};

/// Where the device tree is.
pub const DEVICE_TREE: &str = "proc/device-tree";

/// `ibm,dynamic-memory` of a 64 TiB partition: 2^18 blocks of 24 bytes.
const MAX_BYTES: usize = 8 << 20;

/// Why a property could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PropertyError {
    /// The file could not be read.
    #[error(transparent)]
    Os(#[from] sysroot::Error),
    /// What is in it makes no sense.
    #[error("the property {path} {source}")]
    Malformed {
        /// The property's file.
        path: String,
        /// What is wrong.
        source: Malformed,
    },
}

impl PropertyError {
    /// For `map_err` on what was parsed from `property` of `node`.
    pub fn malformed(node: &str, property: &str) -> impl FnOnce(Malformed) -> Self {
        let path = format!("{node}/{property}");
        move |source| Self::Malformed { path, source }
    }
}

/// The bytes of a property; `None` when the node does not have it.
pub fn bytes(sysroot: &Sysroot, node: &str, property: &str) -> Result<Option<Vec<u8>>, PropertyError> {
    match sysroot.read_bytes_at_most(format!("{node}/{property}"), MAX_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The first cell of a property.
pub fn cell(sysroot: &Sysroot, node: &str, property: &str) -> Result<Option<u32>, PropertyError> {
    let Some(bytes) = bytes(sysroot, node, property)? else { return Ok(None) };
    Cells::new(&bytes).u32("a cell").map(Some).map_err(PropertyError::malformed(node, property))
}

/// The first string of a property.
pub fn text(sysroot: &Sysroot, node: &str, property: &str) -> Result<Option<String>, PropertyError> {
    let Some(bytes) = bytes(sysroot, node, property)? else { return Ok(None) };
    let text = Cells::new(&bytes).text("a string").map(str::to_owned);
    text.map(Some).map_err(PropertyError::malformed(node, property))
}

/// The nodes below a node, by name. A node has an address; a property never has an `@` in its name.
pub fn children(sysroot: &Sysroot, node: &str) -> Result<Vec<String>, PropertyError> {
    let mut names = sysroot.list(node)?;
    names.retain(|name| name.contains('@') && sysroot.is_dir(format!("{node}/{name}")));
    Ok(names)
}
