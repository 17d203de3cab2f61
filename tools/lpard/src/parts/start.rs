//! Starting the network part: by systemd where its socket is, else as a child of this process.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use super::channel::{Channel, pair};
use super::message::{FromNetwork, FromRoot};

/// Where systemd listens for the root part: `lpard-network.socket`.
const SOCKET: &str = "run/lpard/network";

/// A network part that was started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) channel: Channel<FromRoot, FromNetwork>,
    /// None when systemd has started it: it looks after it too.
    pub(crate) child: Option<Child>,
}

impl Started {
    /// Starts one.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        match by_systemd(&root.join(SOCKET)) {
            Ok(socket) => Ok(Self { channel: Channel::new(socket), child: None }),
            Err(_) => as_child(),
        }
    }

    /// Whether systemd has made it a user without rights.
    pub(crate) fn is_confined_by_systemd(&self) -> bool {
        self.child.is_none()
    }
}

impl Drop for Started {
    /// A child that was let go of has nothing left to do, and must not stay as a zombie.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Each connection to the socket starts an instance whose standard input it is.
fn by_systemd(path: &Path) -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

fn as_child() -> io::Result<Started> {
    let (channel, theirs) = pair()?;
    // The one program that sysroot cannot run: it goes on as long as this one, and talks to it.
    #[allow(clippy::disallowed_methods)]
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let command = command.args(["--part", "network"]).env_clear().current_dir("/");
    let child = command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
    Ok(Started { channel, child: Some(child) })
}
