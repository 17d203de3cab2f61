//! One end of the socket between the parts: packets of limited size, a queue of limited length, and no waiting.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, setsockopt, socketpair, sockopt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{FromNetwork, FromRoot};

/// The longest message of the root part: an inventory of a partition with a thousand slots has a fifth of it.
const FROM_ROOT_BYTES: usize = 1 << 20;

/// The longest of the network part: what a console asks for has some hundred bytes, and a name that it chooses at most.
const FROM_NETWORK_BYTES: usize = 64 << 10;

/// Messages that wait for the other part to read. It reads whenever there is something, unless it hangs.
const QUEUE: usize = 256;

/// What a part sends, with its limit.
pub(crate) trait Message: Serialize + DeserializeOwned {
    /// The longest one.
    const LIMIT_BYTES: usize;
}

impl Message for FromRoot {
    const LIMIT_BYTES: usize = FROM_ROOT_BYTES;
}

impl Message for FromNetwork {
    const LIMIT_BYTES: usize = FROM_NETWORK_BYTES;
}

/// Why the parts cannot talk any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// The other part has ended.
    #[error("the other part has ended")]
    Ended,
    /// The system refused.
    #[error("talk to the other part")]
    System(#[source] Errno),
    /// The other part sent what is no message.
    #[error("the other part sent what is no message of its")]
    NoMessage(#[source] serde_json::Error),
    /// The other part sent too much.
    #[error("the other part sent {0} bytes at once")]
    TooLong(usize),
    /// A message is longer than the other part takes.
    #[error("a message for the other part has {0} bytes")]
    CannotSend(usize),
    /// A message cannot be written as JSON.
    #[error("write a message for the other part")]
    Json(#[source] serde_json::Error),
    /// The other part does not read.
    #[error("the other part does not read: {QUEUE} messages wait")]
    Stuck,
}

/// One end: sends `S`, hears `R`.
#[derive(Debug)]
pub(crate) struct Channel<S, R> {
    socket: OwnedFd,
    queue: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
    kinds: PhantomData<(S, R)>,
}

/// Both ends: the root part's, and the socket for the network part.
pub(crate) fn pair() -> nix::Result<(Channel<FromRoot, FromNetwork>, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((Channel::new(ours), theirs))
}

impl<S: Message, R: Message> Channel<S, R> {
    /// An end that was made by somebody else.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        // A packet has to fit into the buffer as a whole. Who may not raise it has the system's default, which does for all
        // but the largest partitions.
        let _ = setsockopt(&socket, sockopt::SndBufForce, &(2 * S::LIMIT_BYTES));
        Self { socket, queue: VecDeque::new(), buffer: vec![0; R::LIMIT_BYTES], kinds: PhantomData }
    }

    /// Sends, now or when the other part reads.
    pub(crate) fn send(&mut self, message: &S) -> Result<(), ChannelError> {
        let bytes = serde_json::to_vec(message).map_err(ChannelError::Json)?;
        if bytes.len() > S::LIMIT_BYTES {
            return Err(ChannelError::CannotSend(bytes.len()));
        }
        if self.queue.len() >= QUEUE {
            return Err(ChannelError::Stuck);
        }
        self.queue.push_back(bytes);
        self.flush()
    }

    /// Whether something waits to be sent.
    pub(crate) fn wants_to_send(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Sends what waits, as far as the other part has room.
    pub(crate) fn flush(&mut self) -> Result<(), ChannelError> {
        while let Some(bytes) = self.queue.front() {
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => drop(self.queue.pop_front()),
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(Errno::EMSGSIZE) => return Err(ChannelError::CannotSend(bytes.len())),
                Err(error) => return Err(ended_or(error)),
            }
        }
        Ok(())
    }

    /// The next message, if there is one now.
    pub(crate) fn receive(&mut self) -> Result<Option<R>, ChannelError> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
        match recv(self.socket.as_raw_fd(), &mut self.buffer, flags) {
            Ok(0) => Err(ChannelError::Ended),
            // With MSG_TRUNC this is the length of the packet, not of what was taken.
            Ok(length) if length > self.buffer.len() => Err(ChannelError::TooLong(length)),
            Ok(length) => serde_json::from_slice(&self.buffer[..length]).map(Some).map_err(ChannelError::NoMessage),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(error) => Err(ended_or(error)),
        }
    }
}

fn ended_or(error: Errno) -> ChannelError {
    match error {
        Errno::EPIPE | Errno::ECONNRESET | Errno::ENOTCONN => ChannelError::Ended,
        error => ChannelError::System(error),
    }
}

impl<S, R> AsFd for Channel<S, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::message::Ticket;
    use super::*;

    fn ends() -> (Channel<FromRoot, FromNetwork>, Channel<FromNetwork, FromRoot>) {
        let (root, network) = pair().unwrap();
        (root, Channel::new(network))
    }

    fn raw(channel: &Channel<FromNetwork, FromRoot>, bytes: &[u8]) {
        send(channel.socket.as_raw_fd(), bytes, MsgFlags::empty()).unwrap();
    }

    #[test]
    fn messages_keep_their_order_and_the_end_is_seen() {
        let (mut root, mut network) = ends();
        assert!(root.receive().unwrap().is_none());
        for number in 0..20 {
            network.send(&FromNetwork::Stop { ticket: Ticket(number) }).unwrap();
        }
        drop(network);
        for number in 0..20 {
            assert_eq!(root.receive().unwrap(), Some(FromNetwork::Stop { ticket: Ticket(number) }));
        }
        assert!(matches!(root.receive(), Err(ChannelError::Ended)));
        assert!(matches!(root.send(&FromRoot::End), Err(ChannelError::Ended)));
    }

    #[test]
    fn what_is_too_long_or_no_message_is_refused() {
        let (mut root, network) = ends();
        raw(&network, b"{\"shell\":{}}");
        assert!(matches!(root.receive(), Err(ChannelError::NoMessage(_))));
        raw(&network, &vec![b' '; FROM_NETWORK_BYTES + 1]);
        assert!(matches!(root.receive(), Err(ChannelError::TooLong(length)) if length == FROM_NETWORK_BYTES + 1));
        let (_root, mut network) = ends();
        let why = "x".repeat(FROM_NETWORK_BYTES);
        assert!(matches!(network.send(&FromNetwork::Disconnected { why }), Err(ChannelError::CannotSend(_))));
    }

    #[test]
    fn a_part_that_does_not_read_is_noticed_and_keeps_nobody_waiting() {
        let (mut root, mut network) = ends();
        let mut sent = 0;
        while root.send(&FromRoot::End).is_ok() {
            sent += 1;
        }
        assert!(root.wants_to_send() && sent > QUEUE);
        let mut heard = 0;
        while heard < sent {
            root.flush().unwrap();
            heard += usize::from(network.receive().unwrap().is_some());
        }
        assert!(!root.wants_to_send(), "nothing is lost");
    }
}
