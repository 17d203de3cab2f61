//! QEMU processes: started from a [`Machine`], watched, and ended with the value that stands for them.
//!
//! A start counts as one when QEMU has answered on its protocol socket: its main loop runs then, so every option, file
//! and device has been accepted. Until then an exit gives an error with the end of the log.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::machine::{Machine, MachineError, arguments};
use crate::qmp::{Qmp, QmpError};

pub mod hotplug;
pub mod migration;

/// How long QEMU may take from exec to its first answer; an idle machine needs 0.2 s.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a killed process may take to end: it may be in an uninterruptible wait for a disk.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two looks at a process.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How much of the log an error shows.
const LOG_TAIL_BYTES: u64 = 2048;

/// A QEMU that could not be started or ended.
#[derive(Debug, thiserror::Error)]
pub enum QemuError {
    /// The description makes no machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A file of the machine cannot be used.
    #[error("cannot {operation} {path}", path = path.display())]
    File {
        /// Verb.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("cannot run {program}; `tools/setup` installs QEMU, and $QEMU names another one")]
    Run {
        /// The program.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The program's version is not to be understood.
    #[error("{program} --version says {said:?}, which names no version of QEMU")]
    NoVersion {
        /// The program.
        program: String,
        /// What it printed.
        said: String,
    },
    /// QEMU ended before it answered.
    #[error("QEMU of {name} ended at its start ({status}); its log says:\n{tail}")]
    Ended {
        /// The machine.
        name: String,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        tail: String,
    },
    /// QEMU runs but does not answer.
    #[error("QEMU of {name} does not answer; its log says:\n{tail}")]
    Mute {
        /// The machine.
        name: String,
        /// The end of its log.
        tail: String,
        /// What went wrong.
        source: QmpError,
    },
    /// The process stays.
    #[error("QEMU of {name} (process {pid}) does not end")]
    Stays {
        /// The machine.
        name: String,
        /// Its process.
        pid: u32,
    },
}

/// A version of QEMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 10 of 10.0.2.
    pub major: u32,
    /// 0 of 10.0.2.
    pub minor: u32,
    /// 2 of 10.0.2.
    pub micro: u32,
}

impl Version {
    /// Whether a guest under TCG survives a migration: older ones lose its decrementer.
    pub fn can_migrate(self) -> bool {
        self >= Self::new(8, 2, 0)
    }

    /// A version.
    pub const fn new(major: u32, minor: u32, micro: u32) -> Self {
        Self { major, minor, micro }
    }

    /// From what `--version` prints: `QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)`.
    pub fn parse(said: &str) -> Option<Self> {
        let number = said.lines().next()?.split("version ").nth(1)?.split_whitespace().next()?;
        let mut parts = number.split('.').map(|part| part.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        Some(Self { major, minor, micro: parts.next().flatten().unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// QEMU for pseries: `$QEMU`, or the one in the PATH.
pub fn program() -> OsString {
    env::var_os("QEMU").filter(|name| !name.is_empty()).unwrap_or_else(|| "qemu-system-ppc64".into())
}

/// The version of [`program`].
pub fn version() -> Result<Version, QemuError> {
    let name = program().to_string_lossy().into_owned();
    let output = Command::new(program()).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|source| QemuError::Run { program: name.clone(), source })?;
    let said = String::from_utf8_lossy(&output.stdout);
    Version::parse(&said).ok_or_else(|| QemuError::NoVersion { program: name, said: said.chars().take(200).collect() })
}

/// The program, under prlimit(1) if its address space is bounded.
fn limited(address_space_mib: Option<u32>) -> Command {
    let Some(mib) = address_space_mib else { return Command::new(program()) };
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={}", u64::from(mib) << 20)).arg(program());
    command
}

/// A running QEMU. It ends with this value.
#[derive(Debug)]
pub struct Qemu {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
    log: PathBuf,
}

impl Qemu {
    /// Starts a machine; it runs when this returns. Connect to it at `machine.sockets.qmp`.
    pub fn start(machine: &Machine) -> Result<Self, QemuError> {
        Self::start_connected(machine).map(|(qemu, _)| qemu)
    }

    /// The same, with the connection on which it first answered: QEMU serves one at a time, and no event is lost.
    pub fn start_connected(machine: &Machine) -> Result<(Self, Qmp), QemuError> {
        machine.check()?;
        let sockets = &machine.sockets;
        for path in [&sockets.qmp, &sockets.console, &sockets.channel].into_iter().chain(&machine.incoming) {
            remove_old_socket(path)?;
        }
        let mut qemu = Self::spawn(machine)?;
        let qmp = qemu.first_answer(&sockets.qmp)?;
        Ok((qemu, qmp))
    }

    fn spawn(machine: &Machine) -> Result<Self, QemuError> {
        let unusable = |source| QemuError::File { operation: "open", path: machine.log.clone(), source };
        let log = OpenOptions::new().create(true).append(true).open(&machine.log).map_err(unusable)?;
        let errors = log.try_clone().map_err(unusable)?;
        let mut command = limited(machine.address_space_mib);
        command.args(arguments(machine)).stdin(Stdio::null()).stdout(log).stderr(errors);
        // A group of its own: Control+C at the terminal is for the lab, which then ends its machines in order.
        let child = command.process_group(0).spawn().map_err(|source| {
            let program = program().to_string_lossy().into_owned();
            QemuError::Run { program, source }
        })?;
        Ok(Self { name: machine.name.clone(), child, ended: None, log: machine.log.clone() })
    }

    /// Connects as soon as QEMU listens, and waits until its main loop answers; no longer than it lives.
    fn first_answer(&mut self, socket: &Path) -> Result<Qmp, QemuError> {
        let deadline = Instant::now() + START_TIMEOUT;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(_) if self.is_running() && Instant::now() < deadline => thread::sleep(LOOK_INTERVAL),
                Err(source) => {
                    let path = socket.display().to_string();
                    return Err(self.no_answer(QmpError::Connect { path, source }));
                }
            }
        };
        Qmp::over(stream, deadline).map_err(|error| self.no_answer(error))
    }

    /// A QEMU that gives up closes its socket first and ends a moment later.
    fn no_answer(&mut self, source: QmpError) -> QemuError {
        let (name, tail) = (self.name.clone(), tail(&self.log));
        if matches!(source, QmpError::Timeout { .. }) || !self.ends_by(Instant::now() + END_TIMEOUT) {
            return QemuError::Mute { name, tail, source };
        }
        match self.ended {
            Some(status) => QemuError::Ended { name, status, tail: self.log_tail() },
            None => QemuError::Mute { name, tail, source },
        }
    }

    /// Waits for the end.
    fn ends_by(&mut self, deadline: Instant) -> bool {
        while self.is_running() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        true
    }

    /// What kills it from another thread, while its owner waits for something else. The owner reaps it.
    pub fn killer(&self) -> impl FnOnce() + Send + use<> {
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        move || {
            // Gone already is as good.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none()
    }

    /// How it ended, once it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// The end of what QEMU itself printed, for reports of failures.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Ends it at once, as a power failure would. Returns when nothing of it is left.
    pub fn kill(&mut self) -> Result<(), QemuError> {
        if self.exit_status().is_some() {
            return Ok(());
        }
        // Not reaped yet, so the number is still this process's. Its group has no other members, unless QEMU forked.
        let killed = i32::try_from(self.child.id()).map(|group| killpg(Pid::from_raw(group), Signal::SIGKILL));
        if killed != Ok(Ok(())) {
            drop(self.child.kill());
        }
        if self.ends_by(Instant::now() + END_TIMEOUT) {
            return Ok(());
        }
        Err(QemuError::Stays { name: self.name.clone(), pid: self.child.id() })
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Nobody to tell: whoever cares calls kill.
        drop(self.kill());
    }
}

/// A socket that an earlier QEMU left would be taken for the new one's. Anything else there is not ours to remove.
fn remove_old_socket(path: &Path) -> Result<(), QemuError> {
    let failed = |operation| move |source| QemuError::File { operation, path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look at")(error)),
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(failed("remove the old socket")),
        Ok(_) => {
            Err(failed("make the socket")(io::Error::new(io::ErrorKind::AlreadyExists, "something else is there")))
        }
    }
}

/// The end of a log, as far as it can be read.
fn tail(path: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.is_empty() => "(nothing)".to_owned(),
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn versions_are_read_from_what_qemu_prints() {
        let cases = [
            ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright", Some((10, 0, 2))),
            ("QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg-7)", Some((7, 2, 17))),
            ("QEMU emulator version 11.0.50 (v11.0.0-1-gabc)", Some((11, 0, 50))),
            ("QEMU emulator version 9.1", Some((9, 1, 0))),
            ("qemu: not found", None),
            ("", None),
        ];
        for (said, expected) in cases {
            let expected = expected.map(|(major, minor, micro)| Version::new(major, minor, micro));
            assert_eq!(Version::parse(said), expected, "{said}");
        }
        assert!(Version::new(10, 0, 2) > Version::new(8, 2, 9));
    }

    #[test]
    fn an_old_socket_goes_and_a_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        remove_old_socket(&socket).unwrap();
        assert!(!socket.exists());
        fs::write(&socket, "precious").unwrap();
        assert!(remove_old_socket(&socket).is_err());
        assert_eq!(fs::read(&socket).unwrap(), b"precious");
    }

    #[test]
    fn the_end_of_a_log_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        assert!(tail(&log).contains("cannot be read"));
        fs::write(&log, "").unwrap();
        assert_eq!(tail(&log), "(nothing)");
        fs::write(&log, format!("{}the end\n", "x".repeat(5000))).unwrap();
        assert!(tail(&log).ends_with("xthe end"));
        assert!(tail(&log).len() <= 2048);
    }
}
