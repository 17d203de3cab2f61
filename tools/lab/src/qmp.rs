//! QEMU's machine protocol (QMP): one JSON object a line over a unix socket. QEMU greets, we negotiate, then commands get
//! answers by id, and events come in between at any time.
//!
//! Theory of operation: one connection, no thread. Every read has a deadline; bytes of an unfinished line are kept for the
//! next call. Events that come while an answer is awaited wait in a queue, in order. An answer that comes after its
//! deadline is recognised by its id and dropped, so that a connection stays usable after a timeout.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

/// Longest line: QEMU's longest answers (query-qmp-schema) have a quarter of a MiB.
pub const LINE_MAX_BYTES: usize = 16 << 20;

/// Events kept for later calls; a guest that makes more than this unread loses the oldest.
pub const QUEUE_MAX_EVENTS: usize = 10_000;

/// How long a command may take, until [`Qmp::set_command_timeout`]. QEMU answers at once, but its main loop may be busy
/// under TCG on a loaded machine.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Between two attempts to connect to a QEMU that has just been started.
const CONNECT_RETRY: Duration = Duration::from_millis(10);

/// How much of a line that is not understood is shown.
const EXCERPT_MAX_CHARS: usize = 200;

/// A failed exchange.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// Nobody listens there, or not in time.
    #[error("cannot connect to QEMU at {path}; is it running?")]
    Connect {
        /// The socket.
        path: String,
        /// The last attempt's answer.
        source: std::io::Error,
    },
    /// The socket failed.
    #[error("cannot {operation} QEMU's protocol socket")]
    Io {
        /// Verb.
        operation: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// QEMU closed the connection: it ended, or was killed.
    #[error("QEMU closed its protocol socket while {waiting_for} was awaited; its log says why it ended")]
    Closed {
        /// What was being waited for.
        waiting_for: String,
    },
    /// Nothing came in time.
    #[error("{waiting_for} did not come from QEMU in time")]
    Timeout {
        /// What was being waited for.
        waiting_for: String,
    },
    /// A line that is not of the protocol. The line has been dropped.
    #[error("QEMU sent a line that is not of its protocol ({reason}): {excerpt}")]
    Garbage {
        /// What is wrong.
        reason: String,
        /// The beginning of it.
        excerpt: String,
    },
    /// A line without end.
    #[error("QEMU sent a line of more than {LINE_MAX_BYTES} bytes; the connection cannot be used further")]
    LineTooLong,
    /// QEMU refused a command.
    #[error("QEMU refused {command}: {description} ({class})")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's error class: `GenericError`, `DeviceNotFound`, …
        class: String,
        /// QEMU's words.
        description: String,
    },
}

impl QmpError {
    /// Whether QEMU itself said no: the connection is fine.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// Something that happened in QEMU.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `SUSPEND`, `RESUME`, `DEVICE_DELETED`, …
    pub name: String,
    /// What belongs to it; null when nothing does.
    pub data: Value,
    /// When, by QEMU's clock; absent when QEMU could not say.
    pub at: Option<SystemTime>,
    /// When it was read here: for durations beside other things measured here.
    pub seen: Instant,
}

/// A connection to one QEMU.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    unread: Vec<u8>,
    /// Bytes of `unread` known to hold no end of line.
    scanned: usize,
    events: VecDeque<Event>,
    next_id: u64,
    command_timeout: Duration,
    version: Value,
}

/// One line from QEMU, understood.
enum Message {
    Greeting(Value),
    Answer { id: Option<u64>, result: Result<Value, (String, String)> },
    Event(Event),
}

impl Qmp {
    /// Connects to a QEMU that listens at `path`, or soon will, and negotiates.
    pub fn connect(path: &Path, deadline: Instant) -> Result<Self, QmpError> {
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => return Self::over(stream, deadline),
                Err(source) => {
                    let soon = matches!(source.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
                    if !soon || Instant::now() >= deadline {
                        return Err(QmpError::Connect { path: path.display().to_string(), source });
                    }
                }
            }
            thread::sleep(CONNECT_RETRY);
        }
    }

    /// Negotiates over a connected socket.
    pub fn over(stream: UnixStream, deadline: Instant) -> Result<Self, QmpError> {
        let mut qmp = Self {
            stream,
            unread: Vec::new(),
            scanned: 0,
            events: VecDeque::new(),
            next_id: 1,
            command_timeout: COMMAND_TIMEOUT,
            version: Value::Null,
        };
        let waiting_for = "the greeting";
        qmp.version = loop {
            match qmp.read_message(deadline, waiting_for)? {
                Message::Greeting(version) => break version,
                Message::Event(event) => qmp.keep(event),
                Message::Answer { .. } => {
                    return Err(garbage("an answer before the greeting", b""));
                }
            }
        };
        qmp.execute_until("qmp_capabilities", Value::Null, deadline)?;
        Ok(qmp)
    }

    /// The `version` object of the greeting.
    pub fn version(&self) -> &Value {
        &self.version
    }

    /// How long later commands may take.
    pub fn set_command_timeout(&mut self, timeout: Duration) {
        self.command_timeout = timeout;
    }

    /// Runs a command and gives what it returns. `arguments` is an object, or null for none.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        self.execute_until(command, arguments, Instant::now() + self.command_timeout)
    }

    /// The same with a deadline of its own.
    pub fn execute_until(&mut self, command: &str, arguments: Value, deadline: Instant) -> Result<Value, QmpError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = json!({ "execute": command, "id": id });
        if !arguments.is_null() {
            request["arguments"] = arguments;
        }
        self.send(&request, command, deadline)?;
        let waiting_for = format!("the answer to {command}");
        loop {
            match self.read_message(deadline, &waiting_for)? {
                Message::Event(event) => self.keep(event),
                // QEMU leaves the id out when it could not read the command: that is about ours too.
                Message::Answer { id: answered, result } if answered.is_none_or(|answered| answered == id) => {
                    return result.map_err(|(class, description)| QmpError::Refused {
                        command: command.to_owned(),
                        class,
                        description,
                    });
                }
                Message::Answer { .. } => {} // to a command whose deadline has passed
                Message::Greeting(_) => return Err(garbage("a second greeting", b"")),
            }
        }
    }

    /// The first event, queued or to come, with one of these names. Other events stay queued.
    pub fn wait_event(&mut self, names: &[&str], deadline: Instant) -> Result<Event, QmpError> {
        if let Some(position) = self.events.iter().position(|event| names.contains(&event.name.as_str())) {
            if let Some(event) = self.events.remove(position) {
                return Ok(event);
            }
        }
        let waiting_for = format!("the event {}", names.join(" or "));
        loop {
            if let Message::Event(event) = self.read_message(deadline, &waiting_for)? {
                if names.contains(&event.name.as_str()) {
                    return Ok(event);
                }
                self.keep(event);
            }
        }
    }

    /// The oldest queued event, or the next that comes within `patience`. `None` too when QEMU has gone: the next
    /// command says so.
    pub fn next_event(&mut self, patience: Duration) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let deadline = Instant::now() + patience;
        loop {
            match self.read_message(deadline, "an event") {
                Ok(Message::Event(event)) => return Some(event),
                Ok(_) | Err(QmpError::Garbage { .. }) => {}
                Err(_) => return None,
            }
        }
    }

    /// Forgets the events so far, before something is begun whose events are awaited.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == QUEUE_MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn send(&mut self, request: &Value, command: &str, deadline: Instant) -> Result<(), QmpError> {
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                QmpError::Timeout { waiting_for: format!("room to send {command}") }
            }
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                QmpError::Closed { waiting_for: format!("the answer to {command}") }
            }
            _ => QmpError::Io { operation: "write to", source },
        };
        let mut line = request.to_string().into_bytes();
        line.push(b'\n');
        self.stream.set_write_timeout(Some(time_left(deadline))).map_err(failed)?;
        self.stream.write_all(&line).map_err(failed)
    }

    fn read_message(&mut self, deadline: Instant, waiting_for: &str) -> Result<Message, QmpError> {
        let line = self.read_line(deadline, waiting_for)?;
        understand(&line)
    }

    /// The next line that is not empty, without its end.
    fn read_line(&mut self, deadline: Instant, waiting_for: &str) -> Result<Vec<u8>, QmpError> {
        let mut chunk = [0; 16 << 10];
        loop {
            if let Some(end) = self.unread[self.scanned..].iter().position(|&byte| byte == b'\n') {
                let rest = self.unread.split_off(self.scanned + end + 1);
                let line = std::mem::replace(&mut self.unread, rest);
                self.scanned = 0;
                let line = line.trim_ascii();
                if line.is_empty() {
                    continue;
                }
                return Ok(line.to_vec());
            }
            self.scanned = self.unread.len();
            if self.unread.len() > LINE_MAX_BYTES {
                return Err(QmpError::LineTooLong);
            }
            let length = self.read_some(&mut chunk, deadline, waiting_for)?;
            self.unread.extend_from_slice(&chunk[..length]);
        }
    }

    fn read_some(&mut self, chunk: &mut [u8], deadline: Instant, waiting_for: &str) -> Result<usize, QmpError> {
        let broken = |source| QmpError::Io { operation: "read from", source };
        loop {
            self.stream.set_read_timeout(Some(time_left(deadline))).map_err(broken)?;
            match self.stream.read(chunk) {
                Ok(0) => return Err(QmpError::Closed { waiting_for: waiting_for.to_owned() }),
                Ok(length) => return Ok(length),
                Err(source) => match source.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut if Instant::now() >= deadline => {
                        return Err(QmpError::Timeout { waiting_for: waiting_for.to_owned() });
                    }
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                    ErrorKind::ConnectionReset => {
                        return Err(QmpError::Closed { waiting_for: waiting_for.to_owned() });
                    }
                    _ => return Err(broken(source)),
                },
            }
        }
    }
}

/// At least a millisecond: a socket's timeout of zero would mean none.
fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn understand(line: &[u8]) -> Result<Message, QmpError> {
    let mut object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|reason| garbage(&reason.to_string(), line))?;
    if let Some(greeting) = object.remove("QMP") {
        return Ok(Message::Greeting(greeting["version"].clone()));
    }
    if let Some(name) = object.get("event").and_then(Value::as_str) {
        let name = name.to_owned();
        let at = object.get("timestamp").and_then(timestamp);
        let data = object.remove("data").unwrap_or(Value::Null);
        return Ok(Message::Event(Event { name, data, at, seen: Instant::now() }));
    }
    let id = object.get("id").and_then(Value::as_u64);
    if let Some(value) = object.remove("return") {
        return Ok(Message::Answer { id, result: Ok(value) });
    }
    if let Some(error) = object.get("error") {
        let word = |key: &str| error[key].as_str().unwrap_or("unknown").to_owned();
        return Ok(Message::Answer { id, result: Err((word("class"), word("desc"))) });
    }
    Err(garbage("neither greeting, answer nor event", line))
}

/// QEMU writes -1 when the host's clock fails.
fn timestamp(stamp: &Value) -> Option<SystemTime> {
    let part = |key: &str| stamp.get(key).and_then(Value::as_u64);
    let since_epoch =
        Duration::from_secs(part("seconds")?).checked_add(Duration::from_micros(part("microseconds")?))?;
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

fn garbage(reason: &str, line: &[u8]) -> QmpError {
    let start = &line[..line.len().min(4 * EXCERPT_MAX_CHARS)];
    let excerpt = String::from_utf8_lossy(start).escape_debug().take(EXCERPT_MAX_CHARS).collect();
    QmpError::Garbage { reason: reason.to_owned(), excerpt }
}

#[cfg(test)]
mod tests;
