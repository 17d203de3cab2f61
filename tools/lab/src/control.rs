//! What the commands ask of a running lab, over its control socket: one JSON object a line; replies until the last one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::directory;
use crate::dlpar::Change;
use crate::error::Error;
use crate::partition::Journal;
use crate::scenario::step::{Direction, Resource};
use crate::status::Status;

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Status,
    Dlpar { lpar: String, resource: Resource, direction: Direction, amount: u32 },
    Migrate { lpar: String, to: String, only_validate: bool },
    StopMigration { lpar: String },
    Recover { lpar: String },
    Exec { lpar: String, argv: Vec<String>, stdin: Vec<u8>, deadline_s: u64 },
    Isolation { system: String, on: bool },
    Capture { system: String, file: Option<std::path::PathBuf> },
    Down,
}

/// A reply. `Journal`, `Line` and `Alive` may come many times; each other one is the last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Reply {
    Journal(Journal),
    Line(String),
    Alive,
    Status(Status),
    Changed(Change),
    Migrated(Journal),
    Exited { status: i32, stdout: Vec<u8>, stderr: Vec<u8>, truncated: bool },
    Done,
    Failed(String),
}

impl Reply {
    fn is_last(&self) -> bool {
        !matches!(self, Self::Journal(_) | Self::Line(_) | Self::Alive)
    }
}

/// Asks the lab in `directory`; `progress` gets what comes before the last reply.
pub fn ask(directory: &Path, request: &Request, mut progress: impl FnMut(Reply)) -> Result<Reply, Error> {
    let socket = directory::control_socket(directory);
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let failed = |cause: String| Error::failed("ask lab", &name, cause);
    let mut stream = UnixStream::connect(&socket)
        .map_err(|error| failed(format!("{error}; does it run? lparlab up starts one, lparlab labs lists them")))?;
    send(&mut stream, request).map_err(|error| failed(error.to_string()))?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|error| failed(error.to_string()))?;
        let reply: Reply = serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?;
        match reply {
            Reply::Failed(cause) => return Err(Error::Refused(cause)),
            reply if reply.is_last() => return Ok(reply),
            reply => progress(reply),
        }
    }
    Err(failed("it ended before it answered; its log is in its directory".into()))
}

/// Writes one message.
pub fn send(stream: &mut UnixStream, message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    stream.write_all(line.as_bytes())
}
