//! What is asked of the agent, and how it answers: the client's side of the varlink interface `org.lparkit.lpard`.
//!
//! Answers are read leniently: a field that a newer agent adds is passed over, one that an older agent lacks is absent.

pub(crate) mod answer;
mod fault;
mod varlink;

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sysroot::Sysroot;

pub(crate) use fault::Fault;
use varlink::Transport;
use varlink::{Call, Reply};

/// Where the agent listens.
pub(crate) const SOCKET: &str = "run/lpard/control";

/// How long an answer may take that needs no work.
pub(crate) const PROMPT: Duration = Duration::from_secs(10);

/// Why the agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody listens.
    #[error("lpard does not run: nobody listens on /{SOCKET}")]
    NotRunning,
    /// The socket is there and cannot be used.
    #[error("lpard cannot be asked")]
    Connect(#[source] sysroot::Error),
    /// What came through the socket is not as it should be, or nothing came.
    #[error("ask lpard for {method}")]
    Transport {
        method: Method,
        #[source]
        source: Transport,
    },
    /// The answer has something else in it than it should.
    #[error("lpard's answer to {method} is not understood")]
    Answer {
        method: Method,
        #[source]
        source: serde_json::Error,
    },
    /// The agent said no.
    #[error("lpard says no to {method}: {fault}")]
    Refused { method: Method, fault: Fault },
}

impl Error {
    /// The answers ended without the one that counts.
    pub(crate) fn no_outcome(method: Method) -> Self {
        Self::Transport { method, source: Transport::Closed }
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NotRunning => Some("systemctl start lpard; journalctl -u lpard tells why it stopped"),
            Self::Connect(error) if error.errno() == Some(Errno::EACCES) => Some(fault::WHO_MAY),
            Self::Connect(_) => None,
            Self::Transport { .. } => Some("journalctl -u lpard tells what it is doing"),
            Self::Answer { .. } => Some("lpar and lpard are of different versions; restart lpard after an upgrade"),
            Self::Refused { fault, .. } => fault.advice(),
        }
    }
}

/// The methods of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Dlpar,
    Events,
    Hooks,
    MigrateCheck,
    Status,
    TrustAdd,
    TrustList,
    TrustRemove,
}

impl Method {
    /// With its interface, as it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dlpar => "org.lparkit.lpard.Dlpar",
            Self::Events => "org.lparkit.lpard.Events",
            Self::Hooks => "org.lparkit.lpard.Hooks",
            Self::MigrateCheck => "org.lparkit.lpard.MigrateCheck",
            Self::Status => "org.lparkit.lpard.Status",
            Self::TrustAdd => "org.lparkit.lpard.TrustAdd",
            Self::TrustList => "org.lparkit.lpard.TrustList",
            Self::TrustRemove => "org.lparkit.lpard.TrustRemove",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name().rsplit('.').next().unwrap_or_default())
    }
}

/// A connection to the agent.
#[derive(Debug)]
pub(crate) struct Agent {
    socket: BufReader<UnixStream>,
}

impl Agent {
    /// Connects to the agent of a machine.
    pub(crate) fn connect(sysroot: &Sysroot) -> Result<Self, Error> {
        match sysroot.connect(SOCKET) {
            Ok(socket) => Ok(Self { socket: BufReader::new(socket) }),
            Err(error) if error.is_absent() || error.errno() == Some(Errno::ECONNREFUSED) => Err(Error::NotRunning),
            Err(error) => Err(Error::Connect(error)),
        }
    }

    /// The agent; none of a recorded machine, where nobody listens. A test may.
    pub(crate) fn connect_unless_recorded(sysroot: &Sysroot) -> Result<Option<Self>, Error> {
        match Self::connect(sysroot) {
            Err(Error::NotRunning) if !sysroot.is_live() => Ok(None),
            connected => connected.map(Some),
        }
    }

    /// Asks a question that has one answer.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        method: Method,
        parameters: impl Serialize,
        patience: Duration,
    ) -> Result<T, Error> {
        self.send(method, parameters, false)?;
        let reply = self.receive(method, Some(patience))?;
        read(method, reply)
    }

    /// Asks a question that has many answers, until the last of them.
    pub(crate) fn listen(
        mut self,
        method: Method,
        parameters: impl Serialize,
        patience: Option<Duration>,
    ) -> Result<Answers, Error> {
        self.send(method, parameters, true)?;
        Ok(Answers { agent: self, method, patience, continues: true })
    }

    fn send(&mut self, method: Method, parameters: impl Serialize, more: bool) -> Result<(), Error> {
        varlink::send(self.socket.get_mut(), &Call { method: method.name(), parameters, more })
            .map_err(|source| Error::Transport { method, source })
    }

    fn receive(&mut self, method: Method, patience: Option<Duration>) -> Result<Reply, Error> {
        let transport = |source| Error::Transport { method, source };
        self.socket
            .get_ref()
            .set_read_timeout(patience)
            .map_err(|source| transport(Transport::Socket { doing: "set a deadline", source }))?;
        let reply = varlink::receive(&mut self.socket).map_err(transport)?;
        match reply.error {
            Some(error) => Err(Error::Refused { method, fault: Fault::new(&error, reply.parameters) }),
            None => Ok(reply),
        }
    }
}

/// The answer of the agent, or where nobody listens that of its files: what is only read is there without it too, and on a
/// recorded machine.
pub(crate) fn ask_or_read<T: DeserializeOwned>(
    sysroot: &Sysroot,
    method: Method,
    files: fn(&Sysroot) -> Result<Value, lpard::Error>,
) -> crate::error::Result<T> {
    match Agent::connect(sysroot) {
        Ok(mut agent) => Ok(agent.ask(method, Map::new(), PROMPT)?),
        Err(Error::NotRunning) => Ok(serde_json::from_value(files(sysroot)?)?),
        Err(error) => Err(error.into()),
    }
}

/// The answers to one question.
#[derive(Debug)]
pub(crate) struct Answers {
    agent: Agent,
    method: Method,
    /// How long the next answer may take; none for as long as it likes.
    patience: Option<Duration>,
    continues: bool,
}

impl Answers {
    /// The next answer; none after the last.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        if !self.continues {
            return Ok(None);
        }
        let reply = self.agent.receive(self.method, self.patience)?;
        self.continues = reply.continues;
        read(self.method, reply).map(Some)
    }
}

fn read<T: DeserializeOwned>(method: Method, reply: Reply) -> Result<T, Error> {
    serde_json::from_value(Value::Object(reply.parameters)).map_err(|source| Error::Answer { method, source })
}

#[cfg(test)]
mod tests {
    use std::io;

    use sysroot::Operation;

    use super::*;

    #[test]
    fn a_socket_for_others_says_who_may() {
        let source = io::Error::from(Errno::EACCES);
        let closed = sysroot::Error::System { operation: Operation::Connect, path: SOCKET.into(), source };
        assert_eq!(Error::Connect(closed).advice(), Some(fault::WHO_MAY));
    }
}
