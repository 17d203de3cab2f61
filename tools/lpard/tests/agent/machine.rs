//! A partition in a directory, and the real `lpard` on it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A loaded machine is slow; nothing here takes long otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAM: &str = env!("CARGO_BIN_EXE_lpard");

/// The user that the network part becomes; everybody has it.
const NOBODY: u32 = 65534;

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// A partition of the lab as it was recorded, with what the recorder leaves out; its kernel's log is a pipe.
pub(crate) struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        // It has a thousand files: where there is a file system in memory, they take no time.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let machine = Self { directory };
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines/qemu-debian-12");
        copy(&recorded, machine.root());
        machine.file("etc/passwd", format!("root:x:0:0::/:/bin/sh\nlpard:x:{NOBODY}:{NOBODY}::/:/bin/false\n"));
        machine.file("etc/group", "root:x:0:\nlpar:x:991:\n");
        machine.file("etc/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n");
        machine.boot("b-1");
        machine.file("proc/ppc64/ofdt", "");
        machine.file("proc/device-tree/phandle", 77_u32.to_be_bytes());
        machine.file("sys/kernel/mobility/migration", "");
        machine.fifo("dev/kmsg");
        fs::create_dir_all(machine.path("var/lock")).unwrap();
        fs::create_dir_all(machine.path("commands")).unwrap();
        machine
    }

    /// Which run of the kernel it is.
    pub(crate) fn boot(&self, id: &str) {
        self.file("proc/sys/kernel/random/boot_id", format!("{id}\n"));
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn file(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// The system that the device tree shows.
    pub(crate) fn system(&self, model: &str, serial: &str) {
        self.file("proc/device-tree/model", format!("IBM,{model}\0"));
        self.file("proc/device-tree/system-id", format!("IBM,02{serial}\0"));
    }

    pub(crate) fn fifo(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    }

    /// What the kernel says, as `/dev/kmsg` gives it.
    pub(crate) fn kernel_says(&self, line: &str) {
        let mut kmsg = fs::OpenOptions::new().read(true).write(true).open(self.path("dev/kmsg")).unwrap();
        kmsg.write_all(format!("6,100,1000,-;{line}\n").as_bytes()).unwrap();
        // The reader of a pipe gets nothing when its last writer has gone: it stays open until the test ends.
        std::mem::forget(kmsg);
    }

    /// A hook that answers so.
    pub(crate) fn hook(&self, path: &str, status: i32, says: &str) {
        self.file(path, "#!/bin/sh\n");
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o755)).unwrap();
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        self.file(&format!("commands/{name}.status"), status.to_string());
        self.file(&format!("commands/{name}.stderr"), says);
    }

    /// The hooks and programs that were run, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.read("commands/asked").lines().map(str::to_owned).collect()
    }

    pub(crate) fn configure(&self, text: &str) {
        self.file("etc/lparkit/lpard.toml", text);
    }

    pub(crate) fn start(&self) -> Agent {
        self.start_with(Command::new(PROGRAM))
    }

    /// One that dies in the write that would make a file longer than this.
    pub(crate) fn start_with_files_up_to(&self, bytes: usize) -> Agent {
        let mut command = Command::new("prlimit");
        command.args([format!("--fsize={bytes}").as_str(), "--core=0", "--", PROGRAM]);
        self.start_with(command)
    }

    fn start_with(&self, mut command: Command) -> Agent {
        Agent::start(command.arg("--sysroot").arg(self.root()))
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&source, &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source).unwrap(), &target).unwrap();
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}

/// The program.
pub(crate) struct Agent {
    child: Child,
    log: std::thread::JoinHandle<String>,
}

impl Agent {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).env_remove("JOURNAL_STREAM").spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut piece) {
                let said = String::from_utf8_lossy(&piece[..length]).into_owned();
                eprint!("{said}");
                text.push_str(&said);
            }
            text
        });
        Self { child, log }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// The processes that it started.
    pub(crate) fn children(&self) -> Vec<i32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().map(|child| child.parse().unwrap()).collect()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end; gives what it logged.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        until("the agent ends", || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        // The network part may still hold the log for a moment.
        let log = std::mem::replace(&mut self.log, std::thread::spawn(String::new));
        (status, log.join().unwrap())
    }

    /// Ends it as systemd does.
    pub(crate) fn stop(self) -> String {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let (status, log) = self.ended();
        assert!(status.success(), "{status}");
        log
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
