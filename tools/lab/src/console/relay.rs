//! The console process: joins the lab's pipe with the partitions' channels. It holds no state that matters, so that killing
//! it loses nothing but what is on its way.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lab_guest::channel::{self, Reply};

use super::{FromConsole, ToConsole};

/// A line of the channel is 1 MiB at most; what is longer is not ours.
const MAX_LINE_BYTES: u64 = (1 << 20) + 1;
/// A QEMU that has just started opens its sockets soon.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);

type Channels = Arc<Mutex<HashMap<String, UnixStream>>>;

/// Serves until standard input ends, as it does when the lab ends.
pub fn serve() -> io::Result<()> {
    let channels = Channels::default();
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?) {
            Ok(message) => obey(&channels, message),
            Err(error) => eprintln!("console: {error}"),
        }
    }
    Ok(())
}

fn obey(channels: &Channels, message: ToConsole) {
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
