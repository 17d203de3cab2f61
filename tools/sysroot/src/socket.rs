//! Sockets that have a name in the file system: `run/lpard/control`.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::{Error, Operation};
use crate::{Result, Sysroot};

impl Sysroot {
    /// Connects to who listens at a path. In a recorded machine too: a test may listen there.
    pub fn connect(&self, path: impl AsRef<Path>) -> Result<UnixStream> {
        let path = path.as_ref();
        let socket = self.open(Operation::Connect, path, OFlag::O_PATH, 0)?;
        // There is no connectat(2): the name of the descriptor leads to the socket and nowhere else.
        UnixStream::connect(format!("/proc/self/fd/{}", socket.as_raw_fd()))
            .map_err(Error::because(Operation::Connect, path))
    }
}
