//! The console process: joins the lab's pipe with the partitions' channels. It holds no state that matters, so that killing
//! it loses nothing but what is on its way.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lab_guest::channel::{self, Reply};

use super::message::{FromConsole, News, Outcome, ToConsole};
use super::session::{self, Handle, Order, Post};

/// A line of the channel is 1 MiB at most; what is longer is not ours.
const MAX_LINE_BYTES: u64 = (1 << 20) + 1;
/// A QEMU that has just started opens its sockets soon.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);

type Channels = Arc<Mutex<HashMap<String, UnixStream>>>;

/// Serves until standard input ends, as it does when the lab ends.
pub fn serve(post: &Post) -> io::Result<()> {
    let channels = Channels::default();
    // The channels are worth having without sessions, and the lab says which partitions have none.
    let mut sessions = session::start(post, |news| tell(&news))
        .inspect_err(|error| eprintln!("console: listen at {}%{}: {error}", post.address, post.bridge))
        .ok();
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?) {
            Ok(message) => obey(&channels, sessions.as_mut(), message),
            Err(error) => eprintln!("console: {error}"),
        }
    }
    Ok(())
}

fn obey(channels: &Channels, sessions: Option<&mut Handle>, message: ToConsole) {
    match message {
        ToConsole::Attach { lpar, socket } => {
            let channels = Arc::clone(channels);
            std::thread::spawn(move || match attach(&channels, &lpar, &socket) {
                Ok(()) => tell(&FromConsole::Lost { lpar, cause: "its channel was closed".into() }),
                Err(error) => tell(&FromConsole::Lost { lpar, cause: format!("{}: {error}", socket.display()) }),
            });
        }
        ToConsole::Detach { lpar } => {
            if let Some(stream) = lock(channels).remove(&lpar) {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            order(sessions, Order::Unpin { lpar });
        }
        ToConsole::Pin { lpar, id, key } => order(sessions, Order::Pin { lpar, id, key }),
        ToConsole::Ask { lpar, ask, request, patience_ms } => {
            let patience = Duration::from_millis(patience_ms);
            order(sessions, Order::Ask { lpar, ask, request: *request, patience });
        }
        ToConsole::Send { lpar, request } => {
            let sent = match lock(channels).get_mut(&lpar) {
                Some(stream) => {
                    channel::encode(&request).map_err(io::Error::other).and_then(|line| stream.write_all(&line))
                }
                None => Err(io::Error::other("its channel is not open")),
            };
            if let Err(error) = sent {
                let answer = channel::Answer::Failed { errno: 0, message: format!("reach {lpar}: {error}") };
                tell(&FromConsole::Said { lpar, reply: Reply { id: request.id, answer } });
            }
        }
    }
}

fn order(sessions: Option<&mut Handle>, order: Order) {
    match (sessions, order) {
        (Some(sessions), order) => sessions.give(order),
        (None, Order::Ask { lpar, ask, .. }) => {
            let outcome = Outcome::NotAsked("the console does not listen; see its log".into());
            tell(&FromConsole::Agent { lpar, news: News::Ended { ask, outcome } });
        }
        (None, Order::Pin { .. } | Order::Unpin { .. }) => {}
    }
}

/// Connects and passes on what the partition says, until the channel ends.
fn attach(channels: &Channels, lpar: &str, socket: &Path) -> io::Result<()> {
    let stream = connect(socket)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    lock(channels).insert(lpar.to_owned(), stream);
    tell(&FromConsole::Attached { lpar: lpar.to_owned() });
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match channel::decode::<Reply>(&line) {
            Ok(reply) => tell(&FromConsole::Said { lpar: lpar.to_owned(), reply }),
            // The end of a line that began on another system, or noise: its request will time out.
            Err(error) => eprintln!("console: {lpar}: {error}"),
        }
    }
}

fn connect(socket: &Path) -> io::Result<UnixStream> {
    let end = Instant::now() + CONNECT_DEADLINE;
    loop {
        match UnixStream::connect(socket) {
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
            connected => return connected,
        }
    }
}

fn tell(message: &FromConsole) {
    let Ok(mut line) = serde_json::to_string(message) else { return };
    line.push('\n');
    let mut out = io::stdout().lock();
    // When the lab is gone, standard input has ended too and the process with it.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
