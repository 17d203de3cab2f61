//! Datagrams to a socket of the machine: `dev/log`.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::{Error, Operation};
use crate::{Mode, Result, Sysroot};

impl Sysroot {
    /// Sends one datagram and does not wait for a reader that is behind. A recorded machine notes it as a line of the file.
    pub fn send_datagram(&self, path: impl AsRef<Path>, text: &str) -> Result<()> {
        let path = path.as_ref();
        if self.mode == Mode::Recorded {
            return self.append_log_line(path, text);
        }
        self.open(Operation::Send, path, OFlag::O_PATH, 0)?; // it is there, and inside
        let send = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.send_to(text.as_bytes(), Path::new("/").join(path)).map(drop)
        };
        send().map_err(Error::because(Operation::Send, path))
    }
}
