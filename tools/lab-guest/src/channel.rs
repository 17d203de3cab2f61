//! The test channel: requests of the host to the guest and the replies, one JSON object a line, ASCII, at most 1 MiB.
//!
//! ```text
//! host                                               guest
//!                                               <-   {"id":0,"is":{"hello":{...}}}          when the guest begins to serve
//! {"id":7,"do":{"read":{"path":"/proc/uptime"}}} ->
//!                                               <-   {"id":7,"is":{"bytes":"NS4xMg=="}}     in any order, by id
//! ```
//!
//! The wire is a virtual terminal, so a host that joins late has missed the hello (it asks for one), and one that leaves in
//! the middle of a line begins with an empty line, which means nothing. A line that is no request is answered with id 0.
//! When the guest migrates, what it sends goes on in the middle of a line at the destination's terminal.

mod lines;

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use lines::{Line, Lines};

/// Version of this protocol; the hello carries it.
pub const PROTOCOL: u32 = 1;

/// Longest line, with its newline: an output and an error output at their limit fit in base64, with room to spare.
pub const LINE_LIMIT_BYTES: usize = 1 << 20;

/// What is kept of each output of a program, and the largest file that `read` hands out.
pub const OUTPUT_LIMIT_BYTES: usize = 256 << 10;

/// The id of what nobody asked for: the hello at the start, and answers to lines that are no requests.
pub const UNASKED: u64 = 0;

/// Status of a program that its deadline ended, as timeout(1) has it.
pub const STATUS_DEADLINE: i32 = 124;

/// What the host asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Comes back in the reply; the host chooses it, from 1.
    pub id: u64,
    /// What to do.
    #[serde(rename = "do")]
    pub action: Action,
}

/// What a guest can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Runs a program to its end and the end of its outputs.
    Exec {
        /// Program and arguments.
        argv: Vec<String>,
        /// What it reads.
        #[serde(default, with = "base64_bytes")]
        stdin: Vec<u8>,
        /// After that many milliseconds its process group is killed.
        #[serde(default = "ten_seconds_ms")]
        deadline_ms: u64,
    },
    /// One write(2) to a file that exists, as sysfs and procfs want it.
    Write {
        /// The file.
        path: PathBuf,
        /// All of what is written.
        #[serde(with = "base64_bytes")]
        bytes: Vec<u8>,
    },
    /// A whole file of at most [`OUTPUT_LIMIT_BYTES`].
    Read {
        /// The file.
        path: PathBuf,
    },
    /// Starts a program in a session of its own and leaves it running.
    Spawn {
        /// Program and arguments.
        argv: Vec<String>,
        /// The file that both its outputs are appended to.
        log: PathBuf,
    },
    /// Who is there?
    Hello,
}

fn ten_seconds_ms() -> u64 {
    10_000
}

/// What the guest answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The request's, or [`UNASKED`].
    pub id: u64,
    /// The answer.
    #[serde(rename = "is")]
    pub answer: Answer,
}

/// Kinds of answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `exec`.
    Exited {
        /// Exit status, 128 and its number for a signal, [`STATUS_DEADLINE`] after the deadline.
        status: i32,
        /// Standard output.
        #[serde(with = "base64_bytes")]
        stdout: Vec<u8>,
        /// Standard error.
        #[serde(with = "base64_bytes")]
        stderr: Vec<u8>,
        /// An output was longer than [`OUTPUT_LIMIT_BYTES`] and is cut there.
        truncated: bool,
    },
    /// To `write`.
    Done,
    /// To `read`.
    Bytes(#[serde(with = "base64_bytes")] Vec<u8>),
    /// To `spawn`.
    Started {
        /// The program's process, and its session.
        pid: u32,
    },
    /// To `hello`, and unasked at the start.
    Hello(Hello),
    /// It did not work.
    Failed {
        /// The system's error number; 0 where there is none.
        errno: i32,
        /// Operation, thing, cause.
        message: String,
    },
}

/// Who serves the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the guest's program.
    pub protocol: u32,
    /// Kernel release.
    pub kernel: String,
    /// The kernel's random name of this boot; a migration keeps it.
    pub boot_id: String,
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
}

/// Why a message cannot be sent or understood.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// Longer than [`LINE_LIMIT_BYTES`].
    #[error("a message of {0} bytes; the channel takes lines of at most {LINE_LIMIT_BYTES}")]
    TooLong(usize),
    /// Not the JSON of this type of message.
    #[error("no message of the channel")]
    Json(#[source] serde_json::Error),
}

/// The line of a message, with its newline.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ChannelError> {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, AsciiJson);
    message.serialize(&mut serializer).map_err(ChannelError::Json)?;
    line.push(b'\n');
    if line.len() > LINE_LIMIT_BYTES { Err(ChannelError::TooLong(line.len())) } else { Ok(line) }
}

/// The message of a line, with or without its newline.
pub fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, ChannelError> {
    if line.len() > LINE_LIMIT_BYTES {
        return Err(ChannelError::TooLong(line.len()));
    }
    serde_json::from_slice(line).map_err(ChannelError::Json)
}

/// JSON that a terminal cannot misread: other characters than ASCII are escaped.
struct AsciiJson;

impl serde_json::ser::Formatter for AsciiJson {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut ascii = String::with_capacity(fragment.len());
        for character in fragment.chars() {
            if character.is_ascii() {
                ascii.push(character);
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(ascii, "\\u{unit:04x}").map_err(io::Error::other)?;
            }
        }
        writer.write_all(ascii.as_bytes())
    }
}

/// Bytes as a base64 string.
mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
