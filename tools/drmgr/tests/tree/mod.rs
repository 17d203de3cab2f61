//! Everything a directory holds, for a test that wants it left as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every path below a directory, with the bytes of what is a file and nothing of what is none.
pub(crate) fn tree(of: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let below = |entry: fs::DirEntry| {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let more = if kind.is_dir() { tree(&path) } else { BTreeMap::new() };
        let bytes = kind.is_file().then(|| fs::read(&path).unwrap());
        more.into_iter().chain([(path, bytes)])
    };
    fs::read_dir(of).unwrap().map(Result::unwrap).flat_map(below).collect()
}
