//! The part that talks to consoles: one thread, one poll, no rights.
//!
//! # Theory of operation
//!
//! ```text
//!                  .---------------------- caller ----------------------.
//!  root part <-->  | agenda (whom to call, when: pure)                  |
//!   (channel)      | wire::Partition (the session: pure)                | <--> TCP 657, UDP 657, questions
//!                  '----------------------------------------------------'
//! ```
//!
//! [`agenda`] says whom to call next; [`link`] is one connection, from `connect` to its end; [`discover`] asks the link who is
//! there. What is said in a session is `wire`'s business, what is done about it the root part's; [`caller`] carries one to the
//! other. This file waits: for sockets, and for the earliest of all deadlines.

mod agenda;
mod caller;
mod complaints;
mod discover;
mod heartbeat_socket;
mod link;
mod link_watch;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::log::Log;
use crate::parts::channel::{Channel, ChannelError};
use crate::parts::confine::{ConfineError, confine, end_with};
use crate::parts::message::{Beginning, FromNetwork, FromRoot, Landlock};

use caller::Caller;
use heartbeat_socket::HeartbeatSocket;
use link_watch::LinkWatch;

/// The root part says the first word at once.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// Who is not told of changes of the links looks by the clock.
const BLIND_INTERVAL: Duration = Duration::from_secs(60);

/// Why the network part ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    /// Not started by the root part.
    #[error("standard input is no socket of the root part; this part is started by the other one, not by hand")]
    NotStarted(#[source] io::Error),
    /// The root part did not say what to do.
    #[error("the root part did not say what to do")]
    NoBeginning,
    /// There is no socket for heartbeats.
    #[error("open a socket for heartbeats")]
    Heartbeats(#[source] io::Error),
    /// Some right could not be given up.
    #[error("give up all rights")]
    Confine(#[from] ConfineError),
    /// The root part cannot be talked to.
    #[error("the parts cannot talk")]
    Channel(#[from] ChannelError),
    /// The key or the session could not be set up.
    #[error("set up sessions")]
    Setup(#[from] caller::SetupError),
    /// Waiting failed.
    #[error("wait for sockets")]
    Wait(#[source] Errno),
}

/// Serves until the root part ends, or says so.
pub(crate) fn serve() -> Result<(), NetworkError> {
    let log = Log::to_stderr();
    let socket = standard_input().map_err(NetworkError::NotStarted)?;
    let mut channel: Channel<FromNetwork, FromRoot> = Channel::new(socket);
    let beginning = first_word(&mut channel)?;
    // What is opened before the rights are gone stays open.
    let watch = LinkWatch::open();
    let beats = HeartbeatSocket::open().map_err(NetworkError::Heartbeats)?;
    let confinement = confine(beginning.become_user)?;
    end_with(beginning.parent)?;
    if !confinement.unprivileged || confinement.landlock != Landlock::Full {
        log.info(format_args!("the network part is held by: {confinement:?}"));
    }
    channel.send(&FromNetwork::Confined(confinement))?;
    let caller = Caller::new(beginning, beats, log)?;
    match serve_sockets(channel, caller, watch) {
        Err(NetworkError::Channel(ChannelError::Ended)) => Ok(()),
        ended => ended,
    }
}

/// The socket is standard input; it gets a number of its own, so that nothing else can read from it.
fn standard_input() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}

fn first_word(channel: &mut Channel<FromNetwork, FromRoot>) -> Result<Beginning, NetworkError> {
    wait(&mut [PollFd::new(channel.as_fd(), PollFlags::POLLIN)], Some(FIRST_WORD))?;
    match channel.receive()? {
        Some(FromRoot::Begin(beginning)) => Ok(*beginning),
        _ => Err(NetworkError::NoBeginning),
    }
}

fn serve_sockets(
    mut channel: Channel<FromNetwork, FromRoot>,
    mut caller: Caller,
    mut watch: Option<LinkWatch>,
) -> Result<(), NetworkError> {
    let began = Instant::now();
    let mut blind_until = watch.is_none().then_some(BLIND_INTERVAL);
    loop {
        let mut next = caller.tick(began.elapsed());
        for message in next.to_root {
            channel.send(&message)?;
        }
        if next.ends {
            return Ok(());
        }
        next.deadline = next.deadline.into_iter().chain(blind_until).min();
        let ready = wait_for_any(&channel, &caller, watch.as_ref(), next.deadline, began)?;
        let now = began.elapsed();
        if ready.channel {
            channel.flush()?;
            while let Some(message) = channel.receive()? {
                caller.hear_root(now, message);
            }
        }
        if ready.link_changed && watch.as_mut().is_some_and(LinkWatch::drain) {
            caller.link_changed(now);
        }
        if blind_until.is_some_and(|until| now >= until) {
            blind_until = Some(now + BLIND_INTERVAL);
            caller.link_changed(now);
        }
        caller.look_at_sockets(now);
    }
}

struct Ready {
    channel: bool,
    link_changed: bool,
}

fn wait_for_any(
    channel: &Channel<FromNetwork, FromRoot>,
    caller: &Caller,
    watch: Option<&LinkWatch>,
    deadline: Option<Duration>,
    began: Instant,
) -> Result<Ready, NetworkError> {
    let flags = if channel.wants_to_send() { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
    let mut sockets = vec![PollFd::new(channel.as_fd(), flags)];
    sockets.extend(watch.map(|watch| PollFd::new(watch.as_fd(), PollFlags::POLLIN)));
    sockets.extend(caller.sockets());
    wait(&mut sockets, deadline.map(|deadline| deadline.saturating_sub(began.elapsed())))?;
    let ready = |socket: Option<&PollFd<'_>>| socket.is_some_and(|socket| socket.any().unwrap_or(true));
    let link_changed = watch.is_some() && ready(sockets.get(1));
    Ok(Ready { channel: ready(sockets.first()), link_changed })
}

fn wait(sockets: &mut [PollFd<'_>], patience: Option<Duration>) -> Result<(), NetworkError> {
    match poll(sockets, timeout(patience)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(NetworkError::Wait(error)),
    }
}

/// In whole milliseconds, rounded up: who wakes up too early only waits again.
pub(crate) fn timeout(patience: Option<Duration>) -> PollTimeout {
    let Some(patience) = patience else { return PollTimeout::NONE };
    let millis = patience.as_millis() + u128::from(patience.subsec_nanos() % 1_000_000 != 0);
    i32::try_from(millis).ok().and_then(|millis| PollTimeout::try_from(millis).ok()).unwrap_or(PollTimeout::MAX)
}
