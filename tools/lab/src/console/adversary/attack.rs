//! Attacks on a console. Each ends when the console has sent the attacker away, or fails when it does not.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wire::discovery::PORT;
use wire::heartbeat::DATAGRAM_BYTES;
use wire::hex::RunId;
use wire::key::{PrivateKey, PublicKey};
use wire::message::inventory::{Identity, Machine};
use wire::message::{self, FromPartition, Hello};
use wire::tls::{self, Trust};
use wire::version::Range;

use super::line::{Line, is_early, is_hung_up};
use crate::capture::{Capture, Transport};
use crate::console::key;

/// What to do to a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Bytes that are no TLS.
    Garbage,
    /// A byte now and then.
    SlowLoris,
    /// A thousand connections that say nothing.
    ThousandConnections,
    /// A session with a key that is not pinned.
    WrongKey,
    /// With a pinned key: a greeting of a version that is no longer spoken.
    OldVersion,
    /// With a pinned key: a frame that says it has four gigabytes.
    OversizedFrame,
    /// With a pinned key: the greeting of another partition.
    OtherIdentity,
    /// Heartbeats that were heard on the network, sent again, to the console and to the partition.
    ReplayedHeartbeats,
    /// Datagrams that are neither questions nor heartbeats.
    BadDatagrams,
}

/// Whom to attack, as whom.
#[derive(Debug)]
pub struct Target<'a> {
    /// The interface on which the network can be heard.
    pub interface: &'a str,
    /// The console's port.
    pub address: SocketAddrV6,
    /// The console's key.
    pub console: PublicKey,
    /// The key of a partition that was taken over, which the console has pinned, and its number.
    pub insider: (&'a PrivateKey, u32),
}

/// A console that does not send an attacker away until then has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 1000;
/// Of them at once: a process has not many more descriptors.
const HELD: usize = 500;
const DATAGRAMS: u32 = 1000;
const REPLAYS: u32 = 100;
/// Between two bytes of the slow one: it would need an hour for a greeting.
const SLOWNESS: Duration = Duration::from_millis(200);

/// Attacks; says what was seen.
pub fn attack(target: &Target<'_>, attack: Attack) -> io::Result<String> {
    let end = Instant::now() + PATIENCE;
    match attack {
        Attack::Garbage => garbage(target, end),
        Attack::SlowLoris => slow_loris(target, end),
        Attack::ThousandConnections => thousand_connections(target),
        Attack::WrongKey => wrong_key(target, end),
        Attack::OldVersion => old_version(target, end),
        Attack::OversizedFrame => oversized_frame(target, end),
        Attack::OtherIdentity => other_identity(target, end),
        Attack::ReplayedHeartbeats => replayed_heartbeats(target, end),
        Attack::BadDatagrams => bad_datagrams(target),
    }
}

fn garbage(target: &Target<'_>, end: Instant) -> io::Result<String> {
    let mut stream = TcpStream::connect(target.address)?;
    // What the console's end does not read any more is lost, which is the point.
    let _ = stream.write_all(&vec![0x55; 100_000]);
    wait_for_end(&mut stream, end).map(|()| "hung up on garbage".into())
}

fn slow_loris(target: &Target<'_>, end: Instant) -> io::Result<String> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(target.address)?;
    stream.set_read_timeout(Some(SLOWNESS))?;
    // A record of TLS that says it has 16 KiB, one byte at a time.
    let record = [22, 3, 1, 0x40, 0].into_iter().chain(std::iter::repeat(0));
    for byte in record {
        if stream.write_all(&[byte]).is_err() || has_ended(&mut stream)? {
            return Ok(format!("hung up after {:.1} s", begun.elapsed().as_secs_f64()));
        }
        if Instant::now() > end {
            break;
        }
    }
    Err(still_there())
}

fn thousand_connections(target: &Target<'_>) -> io::Result<String> {
    let begun = Instant::now();
    let mut held = VecDeque::new();
    let mut refused = 0;
    for _ in 0..CONNECTIONS {
        match TcpStream::connect_timeout(&target.address.into(), PATIENCE) {
            Ok(stream) => held.push_back(stream),
            Err(_) => refused += 1,
        }
        if held.len() > HELD {
            held.pop_front();
        }
    }
    match refused {
        0 => Ok(format!("{CONNECTIONS} connections in {:.1} s", begun.elapsed().as_secs_f64())),
        refused => Err(io::Error::other(format!("{refused} of {CONNECTIONS} connections were not taken"))),
    }
}

fn wrong_key(target: &Target<'_>, end: Instant) -> io::Result<String> {
    let stranger = PrivateKey::from_seed(&key::random()?).map_err(io::Error::other)?;
    let mut line = call(target, &stranger)?;
    // In TLS 1.3 a client has done its part before the server judges it: the refusal comes instead of a first message.
    let refused = line.shake_hands(end).and_then(|()| line.next_message(end).map(drop));
    expect_hang_up(refused, "refused the key")
}

fn old_version(target: &Target<'_>, end: Instant) -> io::Result<String> {
    let hello = Hello { versions: Range { min: 0, max: 0 }, ..hello(target.insider.1)? };
    greet(target, hello, end)
}

fn other_identity(target: &Target<'_>, end: Instant) -> io::Result<String> {
    greet(target, hello(target.insider.1 + 1)?, end)
}

/// Greets, and expects to be told goodbye.
fn greet(target: &Target<'_>, hello: Hello, end: Instant) -> io::Result<String> {
    let mut line = call(target, target.insider.0)?;
    line.shake_hands(end)?;
    line.send(&message::encode(&FromPartition::Hello(hello)).map_err(io::Error::other)?)?;
    loop {
        let said: message::FromConsole = message::decode(&line.next_message(end)?).map_err(io::Error::other)?;
        if let message::FromConsole::Goodbye(goodbye) = said {
            return Ok(format!("told goodbye: {}", goodbye.text));
        }
    }
}

fn oversized_frame(target: &Target<'_>, end: Instant) -> io::Result<String> {
    let mut line = call(target, target.insider.0)?;
    line.shake_hands(end)?;
    line.send(&[0xff; 64])?;
    let refused = line.next_message(end).map(drop);
    expect_hang_up(refused, "hung up on the frame")
}

/// The console's own address is the sender of what it is sent; what counts in a heartbeat is its seal.
fn replayed_heartbeats(target: &Target<'_>, end: Instant) -> io::Result<String> {
    let mut capture = Capture::open(target.interface).map_err(io::Error::other)?;
    let socket = UdpSocket::bind(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0))?;
    let console = IpAddr::from(*target.address.ip());
    let (mut to_console, mut to_partition) = (0, 0);
    while (to_console == 0 || to_partition == 0) && Instant::now() < end {
        let Some((frame, segment)) = capture.next_of_port(PORT, end).map_err(io::Error::other)? else { break };
        // What was injected is heard here too.
        let is_beat = segment.transport == Transport::Udp && segment.length == DATAGRAM_BYTES;
        if is_beat && segment.destination == console && to_console == 0 {
            let sealed = &frame.bytes[frame.bytes.len() - DATAGRAM_BYTES..];
            (0..REPLAYS).try_for_each(|_| socket.send_to(sealed, target.address).map(drop))?;
            to_console = REPLAYS;
        } else if is_beat && segment.source == console && to_partition == 0 {
            (0..REPLAYS).try_for_each(|_| capture.inject(&frame.bytes)).map_err(io::Error::other)?;
            to_partition = REPLAYS;
        }
    }
    if to_console == 0 || to_partition == 0 {
        return Err(io::Error::other(format!("no heartbeats of both directions on {}", target.interface)));
    }
    Ok(format!("{to_console} to the console, {to_partition} to the partition"))
}

fn bad_datagrams(target: &Target<'_>) -> io::Result<String> {
    let socket = UdpSocket::bind(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0))?;
    for number in 0..DATAGRAMS {
        let mut datagram = [0; 52];
        datagram[..4].copy_from_slice(if number % 2 == 0 { b"lpHB" } else { b"lpDQ" });
        datagram[12..16].copy_from_slice(&number.to_be_bytes());
        // A full buffer loses some, as a network does.
        let _ = socket.send_to(&datagram, target.address);
    }
    Ok(format!("{DATAGRAMS} datagrams sent"))
}

fn call(target: &Target<'_>, own: &PrivateKey) -> io::Result<Line> {
    let config = tls::partition_config(own, Trust::Pinned([target.console].into())).map_err(io::Error::other)?;
    let tls = tls::partition_connection(config).map_err(io::Error::other)?;
    Line::new(TcpStream::connect(target.address)?, tls)
}

fn hello(id: u32) -> io::Result<Hello> {
    Ok(Hello {
        versions: Range::OURS,
        agent: "adversary".into(),
        run: RunId(u64::from_ne_bytes(key::random()?)),
        identity: Identity {
            id,
            name: None,
            uuid: None,
            machine: Machine { type_model: "8286-41A".into(), serial: "0000000".into() },
        },
    })
}

fn expect_hang_up(result: io::Result<()>, seen: &str) -> io::Result<String> {
    match result {
        Err(error) if is_hung_up(&error) => Ok(format!("{seen}: {error}")),
        Err(error) => Err(error),
        Ok(()) => Err(io::Error::other("it was served")),
    }
}

fn wait_for_end(stream: &mut TcpStream, end: Instant) -> io::Result<()> {
    stream.set_read_timeout(Some(SLOWNESS))?;
    while Instant::now() < end {
        if has_ended(stream)? {
            return Ok(());
        }
    }
    Err(still_there())
}

/// Whether the other side has hung up; what it said before does not matter.
fn has_ended(stream: &mut TcpStream) -> io::Result<bool> {
    match stream.read(&mut [0; 1024]) {
        Ok(0) => Ok(true),
        Ok(_) => Ok(false),
        Err(error) if is_early(&error) => Ok(false),
        Err(error) if is_hung_up(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

fn still_there() -> io::Error {
    io::Error::other(format!("the console holds the connection after {PATIENCE:?}"))
}
