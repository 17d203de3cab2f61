//! One turn of the loop: waiting until something is ready, and serving what is.

use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Server;
use super::connection::ConnectionId;

/// What is ready.
#[derive(Debug, Default)]
pub(super) struct Ready {
    calls: bool,
    datagrams: bool,
    questions: bool,
    connections: Vec<ConnectionId>,
}

/// Waits until something comes, an order too, or something is due.
pub(super) fn wait(server: &Server) -> io::Result<Ready> {
    let sockets = &server.sockets;
    let mut waited = vec![
        PollFd::new(server.woken.as_fd(), PollFlags::POLLIN),
        PollFd::new(sockets.listener.as_fd(), PollFlags::POLLIN),
        PollFd::new(sockets.datagrams.as_fd(), PollFlags::POLLIN),
        PollFd::new(sockets.questions.as_fd(), PollFlags::POLLIN),
    ];
    let fixed = waited.len();
    waited.extend(server.connections.values().map(|connection| {
        let output = if connection.has_output() { PollFlags::POLLOUT } else { PollFlags::empty() };
        PollFd::new(connection.stream.as_fd(), PollFlags::POLLIN | output)
    }));
    match poll(&mut waited, timeout(server)) {
        Ok(_) => {}
        Err(nix::errno::Errno::EINTR) => return Ok(Ready::default()),
        Err(errno) => return Err(errno.into()),
    }
    let is_ready = |at: usize| waited.get(at).and_then(PollFd::any).unwrap_or(false);
    let connections = server.connections.keys().enumerate().filter(|(at, _)| is_ready(fixed + at));
    Ok(Ready {
        calls: is_ready(1),
        datagrams: is_ready(2),
        questions: is_ready(3),
        connections: connections.map(|(_, id)| *id).collect(),
    })
}

/// Rounded up to a millisecond: before its time nothing is due, and the loop would spin.
fn timeout(server: &Server) -> PollTimeout {
    let Some(deadline) = server.deadline() else { return PollTimeout::NONE };
    let left = deadline.saturating_sub(server.now());
    if left.is_zero() {
        return PollTimeout::ZERO;
    }
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}

impl Server {
    /// Known partners first: a flood of strangers comes after them.
    pub(super) fn serve(&mut self, ready: &Ready) {
        ready.connections.iter().for_each(|id| self.hear(*id));
        if ready.datagrams {
            self.take_datagrams();
        }
        if ready.questions {
            self.take_questions();
        }
        if ready.calls {
            self.take_calls();
        }
    }
}
