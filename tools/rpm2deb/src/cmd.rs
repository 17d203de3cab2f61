//! The verbs: each takes its arguments, calls the library and reports.

pub(crate) mod build;
pub(crate) mod convert;
pub(crate) mod inspect;
pub(crate) mod manual;
pub(crate) mod unpack;

use std::fs::File;
use std::path::Path;

use rpm2deb::error::Error;

/// Opens an RPM; a directory or a FIFO is refused at once instead of failing, or waiting, later.
fn open(path: &Path) -> Result<File, Error> {
    let metadata = std::fs::metadata(path).map_err(Error::io("open", path))?;
    if !metadata.is_file() {
        return Err(Error::refused("input", "is not a regular file"));
    }
    File::open(path).map_err(Error::io("open", path))
}
