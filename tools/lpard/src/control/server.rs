//! All clients of the control socket.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::{Mode, umask};
use serde_json::Value;
use sysroot::Sysroot;

use super::connection::{Connection, ConnectionId};
use super::method::Called;
use super::varlink::Failure;
use crate::accounts;

const DIRECTORY: &str = "run/lpard";
const SOCKET: &str = "run/lpard/control";

/// Clients at the same time.
const CLIENTS: usize = 32;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("make room for the control socket")]
    Directory(#[from] sysroot::Error),
    #[error("listen on /{SOCKET}")]
    Listen(#[source] io::Error),
}

/// The socket and its clients.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    clients: BTreeMap<ConnectionId, Connection>,
    last: u64,
}

impl Server {
    /// Listens below `root`. A socket that a killed agent left is replaced.
    pub(crate) fn listen(root: &Path, sysroot: &Sysroot) -> Result<Self, ControlError> {
        sysroot.create_directories(DIRECTORY)?;
        sysroot.remove_file(SOCKET)?;
        // Everybody may connect; who may do what is decided call by call. No other thread makes files yet.
        let before = umask(Mode::from_bits_truncate(0o111));
        let listener = UnixListener::bind(root.join(SOCKET));
        umask(before);
        let listener = listener.map_err(ControlError::Listen)?;
        listener.set_nonblocking(true).map_err(ControlError::Listen)?;
        Ok(Self { listener, clients: BTreeMap::new(), last: 0 })
    }

    /// What to wait for.
    pub(crate) fn sockets(&self) -> Vec<PollFd<'_>> {
        let listener = PollFd::new(self.listener.as_fd(), PollFlags::POLLIN);
        std::iter::once(listener).chain(self.clients.values().map(Connection::socket)).collect()
    }

    /// Whether a client has called for which no socket will tell.
    pub(crate) fn is_behind(&self) -> bool {
        self.clients.values().any(Connection::is_behind)
    }

    /// Takes new clients, and hears all of them. Of each the next call only: nobody keeps the others waiting.
    pub(crate) fn look(&mut self, sysroot: &Sysroot, group: &str) -> Vec<(ConnectionId, Called)> {
        while let Ok((stream, _)) = self.listener.accept() {
            self.admit(stream, sysroot, group);
        }
        let mut called = Vec::new();
        self.clients.retain(|id, client| match client.flush().and_then(|()| client.hear(group)) {
            Ok(call) => {
                called.extend(call.map(|call| (*id, call)));
                !client.is_over()
            }
            Err(_) => false,
        });
        called
    }

    fn admit(&mut self, stream: UnixStream, sysroot: &Sysroot, group: &str) {
        let is_administrator = getsockopt(&stream, sockopt::PeerCredentials).is_ok_and(|peer| {
            peer.uid() == 0 || accounts::is_member(sysroot, peer.uid(), peer.gid(), group).unwrap_or(false)
        });
        if self.clients.len() >= CLIENTS && !self.make_place(is_administrator) {
            return;
        }
        if let Ok(client) = Connection::new(stream, is_administrator) {
            self.last += 1;
            self.clients.insert(ConnectionId(self.last), client);
        }
    }

    /// The one who is there longest and is no administrator gives way to one who is.
    fn make_place(&mut self, for_administrator: bool) -> bool {
        let longest = self.clients.iter().find(|(_, client)| !client.is_administrator()).map(|(id, _)| *id);
        for_administrator && longest.is_some_and(|id| self.clients.remove(&id).is_some())
    }

    /// Answers. A client that is gone does not hear it.
    pub(crate) fn answer(&mut self, id: ConnectionId, result: &Result<Value, Failure>, continues: bool) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.answer(result, continues).is_err() {
            self.clients.remove(&id);
        }
    }

    /// Whether the client is still there.
    pub(crate) fn has(&self, id: ConnectionId) -> bool {
        self.clients.contains_key(&id)
    }
}
