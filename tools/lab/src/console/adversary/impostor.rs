//! False consoles: they listen where the console of a managed system should, which is held down meanwhile, and do to the
//! partitions that call what no console does. Each is judged by what the partitions do about it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wire::discovery::{PORT, Question};
use wire::hex::RunId;
use wire::key::{PrivateKey, PublicKey};
use wire::message::{self, FromConsole, FromPartition, Sequence, Welcome};
use wire::tls::{self, Trust};

use super::line::{Line, is_early, is_hung_up};
use crate::console::key;
use crate::console::session::sockets::Sockets;

/// What a false console does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Imposture {
    /// Has a key that no partition trusts, as a console that was replaced.
    WrongKey,
    /// Has the console's key, and welcomes with a version that is no longer spoken.
    OldVersion,
    /// Says what is no TLS.
    Garbage,
    /// Says a byte now and then.
    Slow,
    /// Has the console's key, and sends a frame that says it has four gigabytes.
    OversizedFrame,
}

/// What came of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Questions for a console.
    pub questions: u32,
    /// Connections.
    pub calls: u32,
    /// Connections that the partition gave up.
    pub given_up: u32,
}

impl Seen {
    /// The partition did not serve the false console: it gave it up, so many times, or did not even call the one with the wrong key,
    /// however often that answered.
    pub fn is_turned_away(&self, what: Imposture, times: u32) -> bool {
        self.given_up >= times || (what == Imposture::WrongKey && self.calls == 0 && self.questions >= QUESTIONS)
    }
}

/// With whom a false console deals.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Where it listens; the real console does not.
    pub sockets: &'a Sockets,
    /// The real console's key.
    pub console: &'a PrivateKey,
    /// The key of the partition that may call.
    pub partition: PublicKey,
}

/// A partition gives a silent console up sooner.
const PATIENCE: Duration = Duration::from_secs(40);
/// A partition that does not believe the answer asks again and does not call.
const QUESTIONS: u32 = 3;
const TURN: Duration = Duration::from_millis(50);
const SLOWNESS: Duration = Duration::from_millis(200);

/// Poses until `end`, or until a partition has turned away so many times.
pub fn pose(scene: &Scene<'_>, what: Imposture, times: u32, end: Instant) -> io::Result<Seen> {
    let stranger = PrivateKey::from_seed(&key::random()?).map_err(io::Error::other)?;
    let own = if what == Imposture::WrongKey { &stranger } else { scene.console };
    let mut seen = Seen::default();
    while !seen.is_turned_away(what, times) && Instant::now() < end {
        answer_questions(scene.sockets, own, &mut seen)?;
        match scene.sockets.listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                seen.calls += 1;
                seen.given_up += u32::from(is_given_up(mislead(stream, scene, own, what))?);
            }
            Err(error) if is_early(&error) => std::thread::sleep(TURN),
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

fn answer_questions(sockets: &Sockets, own: &PrivateKey, seen: &mut Seen) -> io::Result<()> {
    for socket in [&sockets.questions, &sockets.datagrams] {
        let mut datagram = [0; 512];
        match socket.recv_from(&mut datagram) {
            Ok((count, from)) => {
                if let Some(question) = Question::parse(&datagram[..count]) {
                    seen.questions += 1;
                    sockets.datagrams.send_to(&question.answer(own, sockets.address.into(), PORT), from)?;
                }
            }
            Err(error) if is_early(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Until the partition gives up, which is an error of the connection.
fn mislead(stream: TcpStream, scene: &Scene<'_>, own: &PrivateKey, what: Imposture) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    match what {
        Imposture::Garbage => drip(stream, &[0x55; 4096], Duration::ZERO, end),
        // A record of TLS that says it has 16 KiB.
        Imposture::Slow => drip(stream, &[22, 3, 3, 0x40, 0], SLOWNESS, end),
        Imposture::WrongKey => Err(read_on(&mut shaken(stream, scene, own, end)?, end)),
        Imposture::OldVersion => {
            let mut line = shaken(stream, scene, own, end)?;
            line.next_message(end)?;
            line.send(&message::encode(&FromConsole::Welcome(old_welcome()?)).map_err(io::Error::other)?)?;
            Err(read_on(&mut line, end))
        }
        Imposture::OversizedFrame => {
            let mut line = shaken(stream, scene, own, end)?;
            line.next_message(end)?;
            line.send(&[0xff; 64])?;
            Err(read_on(&mut line, end))
        }
    }
}

/// Why nothing more comes; a goodbye is one reason.
fn read_on(line: &mut Line, end: Instant) -> io::Error {
    loop {
        match line.next_message(end).map(|bytes| message::decode(&bytes)) {
            Ok(Ok(FromPartition::Goodbye(goodbye))) => {
                return io::Error::new(io::ErrorKind::UnexpectedEof, goodbye.text);
            }
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

fn shaken(stream: TcpStream, scene: &Scene<'_>, own: &PrivateKey, end: Instant) -> io::Result<Line> {
    let config = tls::console_config(own, Trust::Pinned([scene.partition].into())).map_err(io::Error::other)?;
    let mut line = Line::new(stream, tls::console_connection(config).map_err(io::Error::other)?)?;
    line.shake_hands(end)?;
    Ok(line)
}

fn old_welcome() -> io::Result<Welcome> {
    let run = RunId(u64::from_ne_bytes(key::random()?));
    Ok(Welcome { version: 0, console: "impostor".into(), run, heartbeat_ms: 2000, seen: Sequence(0) })
}

/// Says these bytes, then zeros, one after the other.
fn drip(mut stream: TcpStream, beginning: &[u8], pause: Duration, end: Instant) -> io::Result<()> {
    stream.set_read_timeout(Some(TURN))?;
    for byte in beginning.iter().copied().chain(std::iter::repeat(0)) {
        stream.write_all(&[byte])?;
        std::thread::sleep(pause);
        if Instant::now() >= end {
            break;
        }
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if is_early(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_given_up(ended: io::Result<()>) -> io::Result<bool> {
    match ended {
        Err(error) if is_hung_up(&error) => Ok(true),
        Err(error) if is_early(&error) => Ok(false),
        Err(error) => Err(error),
        Ok(()) => Ok(false),
    }
}
