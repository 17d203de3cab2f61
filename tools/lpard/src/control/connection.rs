//! One client: what it sent, what it waits for, what waits to be read by it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};

use super::method::{Asked, Called, asked};
use super::varlink::{Failure, Message, reply};

/// The longest call.
const CALL_BYTES: usize = 64 << 10;

/// What may wait for a client that does not read; an inventory of a large partition fits in several times.
const UNREAD_BYTES: usize = 4 << 20;

/// Names a client for as long as the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(super) u64);

/// A client.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    is_administrator: bool,
    unparsed: Vec<u8>,
    unread: Vec<u8>,
    /// A call is being carried out; those behind it wait, and answers keep their order.
    waiting: Option<Waiting>,
    /// It has nothing more to say.
    finished: bool,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    oneway: bool,
    more: bool,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, is_administrator: bool) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (unparsed, unread) = (Vec::new(), Vec::new());
        Ok(Self { stream, is_administrator, unparsed, unread, waiting: None, finished: false })
    }

    pub(super) fn is_administrator(&self) -> bool {
        self.is_administrator
    }

    /// What to wait for. A client whose call is being carried out is not read from.
    pub(super) fn socket(&self) -> PollFd<'_> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, self.waiting.is_none() && !self.finished);
        flags.set(PollFlags::POLLOUT, !self.unread.is_empty());
        PollFd::new(self.stream.as_fd(), flags)
    }

    /// Whether a call is there that was not looked at: it came together with one that is answered now, and no socket tells.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.is_none() && self.unparsed.contains(&0)
    }

    /// Whether nothing will come of it any more.
    pub(super) fn is_over(&self) -> bool {
        self.finished && self.unread.is_empty() && self.waiting.is_none()
    }

    /// Reads what came; gives the next call for the agent.
    pub(super) fn hear(&mut self, group: &str) -> io::Result<Option<Called>> {
        if self.waiting.is_some() && self.has_hung_up()? {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut piece = [0; 4096];
        while self.waiting.is_none() && !self.finished && self.unparsed.len() <= CALL_BYTES {
            match self.stream.read(&mut piece) {
                Ok(0) => self.finished = true,
                Ok(length) => self.unparsed.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.next_call(group)
    }

    /// A client that waits for an answer is not read from, so its end has to be asked for.
    fn has_hung_up(&self) -> io::Result<bool> {
        let mut socket = [PollFd::new(self.stream.as_fd(), PollFlags::empty())];
        poll(&mut socket, PollTimeout::ZERO)?;
        Ok(socket[0].any().unwrap_or(true))
    }

    fn next_call(&mut self, group: &str) -> io::Result<Option<Called>> {
        while self.waiting.is_none() {
            let Some(end) = self.unparsed.iter().position(|byte| *byte == 0) else {
                return if self.unparsed.len() > CALL_BYTES { Err(too_long()) } else { Ok(None) };
            };
            let message = serde_json::from_slice::<Message>(&self.unparsed[..end]);
            self.unparsed.drain(..=end);
            // Who does not send varlink cannot be answered in it.
            let message = message.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.waiting = Some(Waiting { oneway: message.oneway, more: message.more });
            match self.permitted(message, group) {
                Ok(Asked::Agent(called)) => return Ok(Some(called)),
                Ok(Asked::Here(value)) => self.answer(&Ok(value), false)?,
                Err(failure) => self.answer(&Err(failure), false)?,
            }
        }
        Ok(None)
    }

    fn permitted(&self, message: Message, group: &str) -> Result<Asked, Failure> {
        let asked = asked(message)?;
        match &asked {
            Asked::Agent(called) if called.call.is_for_administrators() && !self.is_administrator => {
                Err(Failure::ours("NotPermitted", json!({ "group": group })))
            }
            _ => Ok(asked),
        }
    }

    /// Answers the call that is being carried out. With `continues` there will be more; a client that does not want that
    /// gets only the last answer.
    pub(super) fn answer(&mut self, result: &Result<Value, Failure>, continues: bool) -> io::Result<()> {
        let Some(Waiting { oneway, more }) = self.waiting else { return Ok(()) };
        if !continues || result.is_err() {
            self.waiting = None;
        }
        if !oneway && (more || !continues) {
            self.unread.extend_from_slice(&reply(result, continues));
        }
        self.flush()?;
        if self.unread.len() > UNREAD_BYTES { Err(too_long()) } else { Ok(()) }
    }

    /// Writes what waits, as far as the client reads.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unread.is_empty() {
            match self.stream.write(&self.unread) {
                Ok(written) => drop(self.unread.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "too long")
}
