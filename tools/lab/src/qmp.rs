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
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{BufRead, BufReader};
    use std::thread::JoinHandle;

    use super::*;

    const GREETING: &str =
        r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}, "capabilities": []}}"#;

    /// What the scripted peer does next.
    enum Do {
        /// Reads one line; its `execute` must be this.
        Read(&'static str),
        /// Writes these bytes; `ID` stands for the id of the command read last.
        Write(String),
        /// Waits for a moment: a slow peer.
        Pause,
    }

    fn say(line: &str) -> Do {
        Do::Write(format!("{line}\r\n"))
    }

    /// A peer that plays a script and then closes, and our end of its socket.
    fn peer(script: Vec<Do>) -> (UnixStream, JoinHandle<()>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let player = thread::spawn(move || {
            let mut lines = BufReader::new(theirs.try_clone().unwrap());
            let mut id = Value::Null;
            for step in script {
                match step {
                    Do::Read(command) => {
                        let mut line = String::new();
                        lines.read_line(&mut line).unwrap();
                        let mut request: Value = serde_json::from_str(&line).unwrap();
                        assert_eq!(request["execute"], command);
                        id = request["id"].take();
                    }
                    // The reader may have given up: then the rest of the script is not wanted.
                    Do::Write(text) => drop((&theirs).write_all(text.replace("ID", &id.to_string()).as_bytes())),
                    Do::Pause => thread::sleep(Duration::from_millis(60)),
                }
            }
        });
        (ours, player)
    }

    fn negotiated(mut rest: Vec<Do>) -> (Qmp, JoinHandle<()>) {
        let mut script = vec![say(GREETING), Do::Read("qmp_capabilities"), say(r#"{"return": {}, "id": ID}"#)];
        script.append(&mut rest);
        let (ours, player) = peer(script);
        (Qmp::over(ours, soon()).unwrap(), player)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn shortly() -> Instant {
        Instant::now() + Duration::from_millis(10)
    }

    #[test]
    fn events_during_a_command_are_queued_with_their_times() {
        let event = r#"{"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "SUSPEND"}"#;
        let clockless = r#"{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP", "data": {"a": 1}}"#;
        let script = vec![
            Do::Read("query-status"),
            say(event),
            say(clockless),
            say(r#"{"return": {"status": "suspended"}, "id": ID}"#),
        ];
        let (mut qmp, player) = negotiated(script);
        assert_eq!(qmp.version()["qemu"]["major"], 10);
        assert_eq!(qmp.execute("query-status", Value::Null).unwrap()["status"], "suspended");
        let stop = qmp.wait_event(&["STOP"], soon()).unwrap();
        assert_eq!((stop.at, &stop.data), (None, &json!({"a": 1})));
        let suspend = qmp.next_event(Duration::ZERO).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        assert_eq!((suspend.name.as_str(), suspend.at), ("SUSPEND", Some(at)));
        player.join().unwrap();
        assert_eq!(qmp.next_event(Duration::from_secs(20)), None);
    }

    #[test]
    fn a_refusal_keeps_qemus_class_and_words_and_the_connection() {
        let script = vec![
            Do::Read("device_del"),
            say(r#"{"id": ID, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}"#),
            Do::Read("stop"),
            say(r#"{"return": {}, "id": ID}"#),
        ];
        let (mut qmp, _player) = negotiated(script);
        let refusal = qmp.execute("device_del", json!({"id": "x"})).unwrap_err();
        assert!(refusal.is_refusal());
        assert_eq!(refusal.to_string(), "QEMU refused device_del: Device 'x' not found (DeviceNotFound)");
        qmp.execute("stop", Value::Null).unwrap();
    }

    #[test]
    fn a_slow_peer_may_split_a_line_anywhere() {
        let script = vec![
            Do::Read("query-name"),
            Do::Write("{\"return\": {\"name\":".into()),
            Do::Pause,
            Do::Write(" \"l\"}, \"id\": ID}\n\n{\"event\"".into()),
            Do::Pause,
            say(r#": "RESUME"}"#),
        ];
        let (mut qmp, _player) = negotiated(script);
        assert_eq!(qmp.execute("query-name", Value::Null).unwrap()["name"], "l");
        assert_eq!(qmp.wait_event(&["RESUME", "STOP"], soon()).unwrap().name, "RESUME");
    }

    #[test]
    fn a_late_answer_is_not_taken_for_the_next_commands() {
        let script = vec![
            Do::Read("query-cpus-fast"),
            Do::Pause,
            say(r#"{"return": "late", "id": ID}"#),
            Do::Read("query-name"),
            say(r#"{"return": "right", "id": ID}"#),
        ];
        let (mut qmp, _player) = negotiated(script);
        let late = qmp.execute_until("query-cpus-fast", Value::Null, shortly()).unwrap_err();
        assert_eq!(late.to_string(), "the answer to query-cpus-fast did not come from QEMU in time");
        assert_eq!(qmp.execute("query-name", Value::Null).unwrap(), "right");
    }

    #[test]
    fn the_end_of_qemu_is_told_as_such() {
        let (mut qmp, player) = negotiated(vec![Do::Read("stop")]);
        assert!(matches!(qmp.execute("stop", Value::Null), Err(QmpError::Closed { .. })));
        player.join().unwrap();
        assert!(matches!(qmp.execute("cont", Value::Null), Err(QmpError::Closed { .. })));
        assert!(matches!(qmp.wait_event(&["STOP"], soon()), Err(QmpError::Closed { .. })));
    }

    #[test]
    fn garbage_is_refused_and_does_not_end_the_connection() {
        let lines = ["\u{7}hello", "[1]", "{}", "{\"id\": 3}", "{\"QMP\": 3}", "null", "{\"return\": "];
        for line in lines {
            let script = vec![Do::Read("stop"), say(line), Do::Read("cont"), say(r#"{"return": 7, "id": ID}"#)];
            let (mut qmp, _player) = negotiated(script);
            let error = qmp.execute("stop", Value::Null).unwrap_err();
            assert!(matches!(error, QmpError::Garbage { .. }), "{line}: {error}");
            assert!(!error.to_string().contains('\u{7}'));
            assert_eq!(qmp.execute("cont", Value::Null).unwrap(), 7);
        }
    }

    #[test]
    fn a_peer_that_is_no_qemu_is_refused() {
        for first in [r#"{"return": {}}"#, "SSH-2.0-OpenSSH"] {
            let (ours, _player) = peer(vec![say(first)]);
            assert!(matches!(Qmp::over(ours, soon()), Err(QmpError::Garbage { .. })), "{first}");
        }
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert!(matches!(Qmp::over(ours, shortly()), Err(QmpError::Timeout { .. })));
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let (mut qmp, _player) = negotiated(vec![Do::Read("stop"), Do::Write("x".repeat(LINE_MAX_BYTES + (64 << 10)))]);
        assert!(matches!(qmp.execute("stop", Value::Null), Err(QmpError::LineTooLong)));
    }

    #[test]
    fn a_flood_of_events_loses_the_oldest() {
        let mut flood: String = (0..=QUEUE_MAX_EVENTS).map(|n| format!("{{\"event\": \"E{n}\"}}\n")).collect();
        flood.push_str("{\"return\": {}, \"id\": ID}\n");
        // No number follows an E in the answer, and ID stands nowhere else.
        let (mut qmp, _player) = negotiated(vec![Do::Read("stop"), Do::Write(flood)]);
        qmp.execute("stop", Value::Null).unwrap();
        assert_eq!(qmp.next_event(Duration::ZERO).unwrap().name, "E1");
    }

    #[test]
    fn an_absent_socket_is_awaited_and_then_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = Qmp::connect(&directory.path().join("qmp"), shortly()).unwrap_err();
        assert!(matches!(error, QmpError::Connect { .. }));
    }
}
