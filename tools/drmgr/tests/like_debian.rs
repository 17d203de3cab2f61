//! Debian's drmgr and lsslot, and ours, on the same partition made by hand (tests/pseries): standard output, exit status and
//! what the kernel was asked are the same, of `-C` standard error too, or the line of `DIFFERENCES.md` that says why not is
//! named here.
//!
//! With `--instructions DIR` nothing is compared; printed is how many instructions of its own each needs for some lines: DIR has
//! our programs for ppc64el, and `tests/bench/drmgr` makes them.
//!
//! Debian's programs run under qemu-ppc64le-static in a root of their own; that partition's files are its `/proc`
//! and `/sys`. Nothing remembers there what was done, so that requests of more than one step are for the guest tests.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod pseries;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use pseries::{Machine, Said};

const EMULATOR: &str = "qemu-ppc64le-static";
const SUITE: &str = "trixie";
const PACKAGES: [&str; 6] = ["powerpc-ibm-utils", "librtas2", "librtasevent2", "libnuma1", "zlib1g", "libc6"];
const DIFFERENCES: &str = include_str!("../DIFFERENCES.md");

/// Program, command line (`~` is a space), and the difference it shows, if any.
const LINES: &[(&str, &str, Option<&str>)] = &[
    ("drmgr", "", None),
    ("drmgr", "-h", None),
    ("drmgr", "-c mem -h", None),
    ("drmgr", "-C", None),
    ("drmgr", "-c cpu -r -q 1", None),
    ("drmgr", "-c cpu -r", None),
    ("drmgr", "-rq1 -ccpu -w 1 -d 1", None),
    ("drmgr", "-c cpu -a -r -q 1", None),
    ("drmgr", "-c cpu -a", None),
    ("drmgr", "-c cpu -r -s 0x10000000", None),
    ("drmgr", "-c cpu -r -s CPU~0", None),
    ("drmgr", "-c cpu -a -s 0x10000003", None),
    ("drmgr", "-c cpu -a -s CPU~3", None),
    ("drmgr", "-c cpu -a -s CPU~0", None),
    ("drmgr", "-c cpu -a -s CPU~9", None),
    ("drmgr", "-c cpu -r -s CPU~9", Some("C1")),
    ("drmgr", "-c cpu -r -s CPU~3", Some("C1")),
    ("drmgr", "-c cpu -r -s 0x10000001g", Some("C2")),
    ("drmgr", "-c cpu -r -s 0x", Some("C2")),
    ("drmgr", "-c cpu -r -q x", Some("C3")),
    ("drmgr", "-c cpu -r -q 0", Some("C3")),
    ("drmgr", "-c cpu -r -x", Some("B5")),
    ("drmgr", "-c cpu -Q", None),
    ("drmgr", "-c cpu", None),
    ("drmgr", "-c nothing -a", None),
    ("drmgr", "-c mem -a -q 2", None),
    ("drmgr", "-c mem -a", None),
    ("drmgr", "-c mem -a -s 0x80000006", None),
    ("drmgr", "-c mem -r -q 1", None),
    ("drmgr", "-c mem -r -q 2", None),
    ("drmgr", "-c mem -r -s 0x80000004", None),
    ("drmgr", "-c mem -r -s LMB~4", Some("B3")),
    ("drmgr", "-c mem -a -q 0", Some("C3")),
    ("drmgr", "-c mem -Q", None),
    ("drmgr", "-c mem -a -p ent_capacity -q 1", None),
    ("drmgr", "-c cpu -a -p ent_capacity -q 1", None),
    ("drmgr", "-c cpu -a -p other -q 1", Some("D14")),
    ("drmgr", "-c slot -Q -s U8286.41A.2166666-V3-C2", None),
    ("drmgr", "-c slot -Q -s 0x30000003", None),
    ("drmgr", "-c slot -Q -s U8286.41A.2166666-V3-C1", None),
    ("drmgr", "-c slot -Q -s nothing", None),
    ("drmgr", "-c slot -Q", None),
    ("drmgr", "-c slot -a -s U8286.41A.2166666-V3-C2", None),
    ("drmgr", "-c slot -r -s U8286.41A.2166666-V3-C1", None),
    ("drmgr", "-c slot -r -s nothing", None),
    ("drmgr", "-c phb -Q -s PHB~0", None),
    ("drmgr", "-c phb -Q -s PHB~1", None),
    ("drmgr", "-c phb -a -s PHB~0", None),
    ("drmgr", "-c phb -r -s PHB~1", None),
    ("drmgr", "-c port -Q -s x", None),
    ("drmgr", "-c acc -t zip -q 1", None),
    ("drmgr", "-c acc -t gzip -q 1", Some("B2")),
    ("drmgr", "-c pmig -m -p check", None),
    ("drmgr", "-c pmig -m -p pre", None),
    ("drmgr", "-c pmig -p check", None),
    ("drmgr", "-c pmig -m -p post -s 1", None),
    ("drmgr", "-c pmig -m -p pre -s 12xy", Some("C6")),
    ("drmgr", "-c pmig -m -p pre -s 1234567", None),
    ("lsslot", "", None),
    ("lsslot", "-c cpu", None),
    ("lsslot", "-c cpu -d 4", None),
    ("lsslot", "-c cpu -b", None),
    ("lsslot", "-c cpu -p", None),
    ("lsslot", "-c slot -F :", None),
    ("lsslot", "-c slot -s U8286.41A.2166666-V3-C3", None),
    ("lsslot", "-c slot -s nothing", Some("D7")),
    ("lsslot", "-c phb", None),
    ("lsslot", "-c pci", None),
    ("lsslot", "-c pci -F ,", None),
    ("lsslot", "-c pci -o", None),
    ("lsslot", "-c mem", Some("D5")),
    ("lsslot", "-c mem -s 0x80000006", None),
    ("lsslot", "-c mem -s 6", Some("D8")),
    ("lsslot", "-c what", None),
    ("lsslot", "-x", None),
];

fn main() -> ExitCode {
    let root = match debian_root() {
        Ok(root) => root,
        Err(reason) => {
            println!("skip - like_debian: {reason}");
            return ExitCode::SUCCESS;
        }
    };
    let mut arguments = std::env::args().skip_while(|argument| argument != "--instructions").skip(1);
    if let Some(ours) = arguments.next() {
        count_instructions(root.path(), Path::new(&ours));
        return ExitCode::SUCCESS;
    }
    let failed =
        LINES.iter().filter(|(program, line, difference)| !compared(root.path(), program, line, *difference)).count();
    ExitCode::from(u8::from(failed > 0))
}

/// Runs both and says how that went.
fn compared(root: &Path, program: &str, line: &str, difference: Option<&str>) -> bool {
    let theirs = Machine::within(root);
    let their_answer = answer(debians(root, program, line), &theirs, line);
    let ours = Machine::new();
    let our_answer = answer(ours.run(program, line), &ours, line);
    let wanted = match difference {
        None => their_answer == our_answer,
        Some(id) => their_answer != our_answer && DIFFERENCES.contains(&format!("\n| {id} |")),
    };
    let note = difference.map(|id| format!(", but for {id}")).unwrap_or_default();
    let verdict = if wanted { "ok" } else { "not ok" };
    println!("{verdict} - {program} {line}: as Debian's{note}");
    if !wanted {
        println!("  theirs: {their_answer:?}\n  ours:   {our_answer:?}");
    }
    wanted
}

/// What console software sees, and what the kernel got. It shows what capabilities say on standard error; of others that is for
/// people, in words of our own.
fn answer(said: Said, machine: &Machine, line: &str) -> (String, String, i32, [String; 2]) {
    let shown = if line == "-C" { said.err } else { String::new() };
    // Debian's writes over what is there and leaves the rest of it.
    let asked = |path: &str| machine.read(path).lines().next().unwrap_or_default().to_owned();
    (said.out, shown, said.status, [asked("sys/kernel/dlpar"), asked("sys/kernel/mobility/migration")])
}

fn debians(root: &Path, program: &str, line: &str) -> Said {
    emulated(root, &[], &format!("/usr/sbin/{program}"), line)
}

/// Runs a program of the root.
fn emulated(root: &Path, options: &[&str], program: &str, line: &str) -> Said {
    let words = line.split_whitespace().map(|word| word.replace('~', " "));
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "chroot"]).arg(root);
    command.arg(format!("/{EMULATOR}")).args(options).arg(program).args(words);
    Said::from(command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap())
}

/// Prints the table of instructions: the loader's and the C library's are in it, the kernel's are not.
fn count_instructions(root: &Path, ours: &Path) {
    println!("{:<24} {:>10} {:>10} {:>6}", "instructions", "Debian's", "ours", "ratio");
    for (program, line) in
        [("drmgr", "-C"), ("lsslot", "-c mem"), ("lsslot", "-c cpu"), ("lsslot", "-c slot"), ("lsslot", "-c pci")]
    {
        fs::copy(ours.join(program), root.join(program)).unwrap();
        let theirs = instructions(root, &format!("/usr/sbin/{program}"), line);
        let ours = instructions(root, &format!("/{program}"), line);
        let percent = ours * 100 / theirs.max(1);
        println!("{:<24} {theirs:>10} {ours:>10} {percent:>5}%", format!("{program} {line}"));
    }
}

/// The emulator logs a line for every block, and blocks are made one instruction long.
fn instructions(root: &Path, program: &str, line: &str) -> usize {
    const LOG: &str = "dev/instructions";
    Machine::within(root);
    // The option's name changed with QEMU 8.1.
    for option in ["-one-insn-per-tb", "-singlestep"] {
        emulated(root, &[option, "-d", "nochain,exec", "-D", &format!("/{LOG}")], program, line);
        let log = fs::read(root.join(LOG)).unwrap_or_default();
        let count = log.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"Trace")).count();
        if count > 0 {
            return count;
        }
    }
    0
}

/// A root with Debian's programs and the emulator in it.
fn debian_root() -> Result<tempfile::TempDir, String> {
    let emulator = find_program(EMULATOR).ok_or(format!("no {EMULATOR} (Debian: qemu-user-static)"))?;
    let root = tempfile::tempdir().unwrap();
    for package in fetched()? {
        succeed(Command::new("dpkg-deb").arg("-x").arg(package).arg(root.path()))?;
    }
    for name in ["lib", "lib64"] {
        symlink(format!("usr/{name}"), root.path().join(name)).unwrap();
    }
    fs::copy(emulator, root.path().join(EMULATOR)).unwrap();
    Machine::within(root.path());
    match debians(root.path(), "drmgr", "-C").status {
        0 => Ok(root),
        status => Err(format!("Debian's drmgr does not run here (user namespaces?): status {status}")),
    }
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// Debian's packages, from the cache of the other tests.
fn fetched() -> Result<Vec<PathBuf>, String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/debian");
    let cache = succeed(&mut Command::new(tests.join("cache")))?;
    let directory = format!("{}/ppc64el-{SUITE}", cache.trim_end());
    let mut fetch = Command::new(tests.join("fetch"));
    let said = succeed(fetch.args(["--alone", "ppc64el", SUITE, &directory]).args(PACKAGES))?;
    Ok(said.lines().map(PathBuf::from).collect())
}

fn succeed(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    Err(format!("{}: {last}", command.get_program().to_string_lossy()))
}
