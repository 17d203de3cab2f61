//! Small recorded machines for the tests beside the code.

use std::fs;

use sysroot::Sysroot;
use tempfile::TempDir;

/// A machine of these files.
pub(crate) fn machine<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> (TempDir, Sysroot) {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let sysroot = Sysroot::at(dir.path()).unwrap();
    (dir, sysroot)
}
