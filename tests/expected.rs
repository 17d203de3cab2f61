//! What tests of several crates need of this directory: which machines were recorded, and what is expected of them.
//! Included by `#[path]`; `BLESS=yes cargo test -p CRATE` rewrites what is expected: read the diff before committing it.
#![allow(dead_code)] // each test file uses its part

use std::fs;
use std::path::{Path, PathBuf};

/// This directory.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

/// The names of all recorded machines, in order.
pub(crate) fn machines() -> Vec<String> {
    let entries = fs::read_dir(tests().join("machines")).unwrap().map(|entry| entry.unwrap().path());
    let names = entries.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    names
}

/// Compares with the file `expected/PATH`; gives whether they differ.
pub(crate) fn differs(path: &str, said: &str) -> bool {
    let file = tests().join("expected").join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, said).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if expected != said {
        println!("--- {path}: expected\n{expected}--- {path}: said\n{said}");
    }
    expected != said
}
