//! Connections: from the call to the session, and what the session's end wants done.

use std::net::{IpAddr, SocketAddrV6};

use wire::admission::Stranger;
use wire::channel::{Channel, ChannelError};
use wire::console::{Input, Note, Output};
use wire::discovery::PORT;
use wire::heartbeat::{Heartbeats, Side};
use wire::key::PublicKey;
use wire::message::greeting::{Goodbye, GoodbyeReason, Hello};
use wire::message::{self, FromConsole, RequestId};
use wire::tls::{self, TlsError};

use super::Server;
use super::complaints::Misdeed;
use super::connection::{Connection, ConnectionId, Received};
use super::partner::{Link, changes_inventory, is_about_inventory};
use crate::console::message::{News, Outcome};
use crate::error::chain;

/// Taken before something else has its turn.
const AT_ONCE: usize = 64;

impl Server {
    pub(super) fn take_calls(&mut self) {
        for _ in 0..AT_ONCE {
            match self.sockets.listener.accept() {
                Ok((stream, from)) => self.take_call(stream, from.ip()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // It hung up before it was taken; or this process has no room, and says so.
                Err(error) => return eprintln!("console: accept: {error}"),
            }
        }
    }

    fn take_call(&mut self, stream: std::net::TcpStream, from: IpAddr) {
        let tls = match tls::console_connection(self.tls.clone()) {
            Ok(tls) => tls,
            Err(error) => return eprintln!("console: {}", chain(&error)),
        };
        if let Err(error) = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)) {
            return eprintln!("console: {from}: {error}");
        }
        let (stranger, displaced) = self.door.enter(self.now(), from);
        self.connections_so_far += 1;
        let connection = Connection::new(stream, from, Channel::new(tls), stranger);
        self.connections.insert(ConnectionId(self.connections_so_far), connection);
        if let Some(displaced) = displaced {
            self.refuse_stranger(displaced, Misdeed::TooMany, "a newer one takes its place");
        }
    }

    /// Something came on a connection, or it can take more.
    pub(super) fn hear(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.flush().is_err() {
            return self.forget(id);
        }
        match connection.receive() {
            Ok(Received::Nothing) => {}
            Ok(Received::Bytes(_)) if connection.is_too_much() => {
                self.refuse(id, Misdeed::TooMuch, "more bytes than it takes to prove a key");
            }
            Ok(Received::Bytes(bytes)) => self.take_bytes(id, &bytes),
            Ok(Received::End) | Err(_) => self.forget(id),
        }
    }

    fn take_bytes(&mut self, id: ConnectionId, mut input: &[u8]) {
        loop {
            // It may be gone by now: what it said last closed it.
            let Some(connection) = self.connections.get_mut(&id) else { return };
            if connection.closes_at().is_some() {
                return;
            }
            let next = connection.channel.next_message(&mut input);
            let peer = if connection.lpar.is_none() { connection.channel.peer() } else { Ok(None) };
            match (next, peer) {
                (Err(error), _) | (_, Err(error)) => return self.break_off(id, &error),
                (Ok(message), Ok(peer)) => {
                    let known = peer.is_none_or(|key| self.recognise(id, key));
                    match message {
                        Some(message) if known => self.take_message(id, &message),
                        _ => return self.flush(id),
                    }
                }
            }
        }
    }

    /// The peer proved a key: whose it is. Where the lab unpinned it a moment ago, nobody's.
    fn recognise(&mut self, id: ConnectionId, key: PublicKey) -> bool {
        let now = self.now();
        let found = self.partners.iter_mut().find(|(_, partner)| partner.key == key);
        let (Some((lpar, partner)), Some(connection)) = (found, self.connections.get_mut(&id)) else {
            self.refuse(id, Misdeed::Key, &format!("{key} is not pinned any more"));
            return false;
        };
        let heartbeats = connection.channel.heartbeat_secret().map_err(|error| chain(&error)).and_then(|secret| {
            Heartbeats::new(&secret, Side::Console, partner.id.into()).map_err(|error| error.to_string())
        });
        let heartbeats = match heartbeats {
            Ok(heartbeats) => heartbeats,
            Err(cause) => {
                self.refuse(id, Misdeed::NoSession, &cause);
                return false;
            }
        };
        connection.lpar = Some(lpar.clone());
        if let Some(stranger) = connection.stranger.take() {
            self.door.leave(stranger);
        }
        let beats_to = SocketAddrV6::new(in_ipv6(connection.peer), PORT, 0, self.sockets.link).into();
        let before = partner.link.replace(Link { connection: id, heartbeats, beats_to });
        let (lpar, outputs) = (lpar.clone(), partner.end.handle(now, Input::Connected));
        self.perform(&lpar, outputs);
        if let Some(before) = before {
            self.forget(before.connection);
        }
        true
    }

    fn take_message(&mut self, id: ConnectionId, bytes: &[u8]) {
        let now = self.now();
        let Some(lpar) = self.connections.get(&id).and_then(|connection| connection.lpar.clone()) else { return };
        let Some(partner) = self.partners.get_mut(&lpar) else { return };
        let outputs = partner.end.handle(now, Input::Received(message::decode(bytes)));
        self.perform(&lpar, outputs);
    }

    /// Does what a session's end wants.
    pub(super) fn perform(&mut self, lpar: &str, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(message) => self.send(lpar, &message),
                Output::Welcomed(hello) => self.welcome(lpar, &hello),
                Output::Beat => {
                    self.beat(lpar);
                    self.ask_again(lpar);
                }
                Output::Progressed(progress) => {
                    let news =
                        self.partners.get(lpar).and_then(|partner| partner.progressed(progress.id, progress.text));
                    if let Some(news) = news {
                        self.report(lpar, news);
                    }
                }
                Output::Ended(id, outcome) => self.end_request(lpar, id, outcome),
                Output::Happened(event) => {
                    let is_old = is_about_inventory(&event);
                    self.report(lpar, News::Event(event));
                    if is_old {
                        self.refresh(lpar);
                    }
                }
                Output::Disconnect => self.hang_up(lpar),
                Output::Note(note) => self.note(lpar, note),
            }
        }
        self.notice_end(lpar);
    }

    fn send(&mut self, lpar: &str, message: &FromConsole) {
        let Some(id) = self.partners.get(lpar).and_then(|partner| partner.link.as_ref()).map(|link| link.connection)
        else {
            return;
        };
        let frame = match message::encode(message) {
            Ok(frame) => frame,
            Err(error) => return eprintln!("console: {lpar}: {}", chain(&error)),
        };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.channel.send(&frame) {
            Ok(()) => self.flush(id),
            Err(error) => self.break_off(id, &error),
        }
    }

    /// The partition greeted: it is believed from here on, if it is the one that the key is of.
    fn welcome(&mut self, lpar: &str, hello: &Hello) {
        let Some(partner) = self.partners.get_mut(lpar) else { return };
        let Some(link) = &partner.link else { return };
        let (id, address) = (link.connection, link.beats_to.ip());
        if hello.identity.id != u32::from(partner.id) {
            let text = format!("{lpar} is partition {}, and says that it is {}", partner.id, hello.identity.id);
            let outputs = partner.end.leave(GoodbyeReason::Protocol, &text);
            return self.perform(lpar, outputs);
        }
        partner.is_open = true;
        partner.parting = None;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.channel.greeting_accepted();
        }
        self.report(lpar, News::Opened { address, agent: hello.agent.clone() });
        self.refresh(lpar);
    }

    fn refresh(&mut self, lpar: &str) {
        let now = self.now();
        if let Some(partner) = self.partners.get_mut(lpar) {
            partner.is_known = false;
            let outputs = partner.ask_inventory(now);
            self.perform(lpar, outputs);
        }
    }

    /// One that was too busy to say what it is, or did not say it in time, is not unknown for as long as the session lasts.
    fn ask_again(&mut self, lpar: &str) {
        if self.partners.get(lpar).is_some_and(|partner| partner.is_open && !partner.is_known) {
            self.refresh(lpar);
        }
    }

    fn end_request(&mut self, lpar: &str, id: RequestId, outcome: wire::console::Outcome) {
        let Some(news) = self.partners.get_mut(lpar).and_then(|partner| partner.ended(id, outcome)) else { return };
        let is_old =
            matches!(&news, News::Ended { outcome: Outcome::Answered(answer), .. } if changes_inventory(answer));
        self.report(lpar, news);
        if is_old {
            self.refresh(lpar);
        }
    }

    fn note(&mut self, lpar: &str, note: Note) {
        let Some(partner) = self.partners.get_mut(lpar) else { return };
        match note {
            Note::Ended(Goodbye { text, .. }) if !partner.is_open => {
                if let Some(address) = partner.beats_to() {
                    self.complain(address, Misdeed::Rules, &text);
                }
            }
            Note::Ended(Goodbye { text, .. }) | Note::PartitionLeft(Goodbye { text, .. }) => {
                partner.parting = Some(text);
            }
            Note::Replaced => partner.parting = Some("another connection took its place".into()),
            Note::Late(id, answer) => eprintln!("console: {lpar}: answered {} too late: {answer:?}", id.0),
        }
    }

    /// A session that was told to the lab is over.
    fn notice_end(&mut self, lpar: &str) {
        let Some(partner) = self.partners.get_mut(lpar) else { return };
        if partner.is_open && !partner.end.is_active() {
            partner.is_open = false;
            let cause = partner.parting.take().unwrap_or_else(|| "the connection broke".into());
            self.report(lpar, News::Closed { cause });
        }
    }

    /// The session is over; its connection closes when all is sent.
    fn hang_up(&mut self, lpar: &str) {
        let now = self.now();
        let link = self.partners.get_mut(lpar).and_then(|partner| partner.link.take());
        let Some(id) = link.map(|link| link.connection) else { return };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.close(now);
            self.flush(id);
        }
    }

    fn flush(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.flush().is_err() {
            self.forget(id);
        }
    }

    /// The peer's bytes are no session.
    fn break_off(&mut self, id: ConnectionId, error: &ChannelError) {
        let misdeed = match error {
            ChannelError::Tls(TlsError::Refused(_) | TlsError::NoKey) => Misdeed::Key,
            ChannelError::Tls(_) => Misdeed::NoSession,
            ChannelError::Frame(_) => Misdeed::Frame,
            ChannelError::PeerDoesNotRead(_) => Misdeed::TooSlow,
        };
        self.refuse(id, misdeed, &chain(error));
    }

    pub(super) fn refuse_stranger(&mut self, stranger: Stranger, misdeed: Misdeed, cause: &str) {
        let found = self.connections.iter().find(|(_, connection)| connection.stranger == Some(stranger));
        if let Some(id) = found.map(|(id, _)| *id) {
            self.refuse(id, misdeed, cause);
        }
    }

    /// Sends a peer away, and says so once. The alert that tells it why is written before.
    pub(super) fn refuse(&mut self, id: ConnectionId, misdeed: Misdeed, cause: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        // The peer may not read; then it does not learn why.
        let _ = connection.flush();
        let peer = connection.peer;
        self.complain(peer, misdeed, cause);
        self.forget(id);
    }

    /// A connection is gone, and with it the session that lived on it. Before a session that is nothing worth a line: ports are
    /// probed.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        if let Some(stranger) = connection.stranger {
            self.door.leave(stranger);
        }
        let Some(lpar) = connection.lpar else { return };
        let now = self.now();
        let Some(partner) = self.partners.get_mut(&lpar) else { return };
        if partner.link.take_if(|link| link.connection == id).is_some() {
            let outputs = partner.end.handle(now, Input::Disconnected);
            self.perform(&lpar, outputs);
        }
    }
}

/// The socket has IPv6 addresses only.
fn in_ipv6(address: IpAddr) -> std::net::Ipv6Addr {
    match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => address.to_ipv6_mapped(),
    }
}
