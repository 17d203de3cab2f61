//! How much room a file system has.

use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::statvfs::fstatvfs;

use crate::error::{Error, Operation};
use crate::{Mode, Result, Sysroot};

/// Room in a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub total_bytes: u64,
    /// What programs without privileges may still write.
    pub available_bytes: u64,
}

/// What a recorded machine answers from: `space/var+tmp` has the two numbers.
const RECORDED_ANSWERS: &str = "space";

impl Sysroot {
    /// The room in the file system that a path is on.
    pub fn space(&self, path: impl AsRef<Path>) -> Result<Space> {
        let path = path.as_ref();
        if self.mode == Mode::Recorded {
            return self.recorded_space(path);
        }
        let opened = self.open(Operation::Look, path, OFlag::O_RDONLY, 0)?;
        let found = fstatvfs(&opened).map_err(Error::because(Operation::Look, path))?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        Ok(Space { total_bytes: bytes(found.blocks()), available_bytes: bytes(found.blocks_available()) })
    }

    /// The record is in another file system than the machine was.
    fn recorded_space(&self, path: &Path) -> Result<Space> {
        let wanted = Path::new(RECORDED_ANSWERS).join(path.to_string_lossy().replace('/', "+"));
        let text = self.read_text_if_present(&wanted)?.unwrap_or_default();
        let mut numbers = text.split_ascii_whitespace().map_while(|number| number.parse().ok());
        match (numbers.next(), numbers.next()) {
            (Some(total_bytes), Some(available_bytes)) => Ok(Space { total_bytes, available_bytes }),
            _ => Err(Error::NotRecorded { operation: Operation::Look, path: path.to_owned(), wanted }),
        }
    }
}
