//! The running system: programs with deadlines, the lock, clocks.
#![allow(clippy::unwrap_used)]
#![allow(unsafe_code, reason = "setpriority(2) has no safe wrapper")]

use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use sysroot::{Ended, Error, Program, Sysroot};

const LONG: Duration = Duration::from_secs(60);

fn shell(script: &str, deadline: Duration) -> Program {
    Program::new("bin/sh", deadline).argument("-c").argument(script)
}

fn live() -> Sysroot {
    Sysroot::at("/").unwrap()
}

#[test]
fn a_program_gets_its_input_and_environment_and_nothing_else() {
    let mut program = shell("cat; echo \"$A-$HOME\" >&2; pwd; exit 3", LONG);
    program.environment.insert("A".into(), "x".into());
    program.input = b"line\n".to_vec();
    let outcome = live().run(&program).unwrap();
    assert_eq!(outcome.ended, Ended::Exited(3));
    assert_eq!(String::from_utf8(outcome.output).unwrap(), "line\n/\n");
    assert_eq!(String::from_utf8(outcome.errors).unwrap(), "x-\n");
}

/// nice(1) without arguments prints the priority that it was given.
#[test]
fn a_program_has_no_higher_priority_than_everybody() {
    let given = |ours: i32| {
        // Of this thread: each test has its own.
        // SAFETY: takes and gives numbers.
        (unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, ours) } == 0).then(|| {
            let outcome = live().run(&Program::new("usr/bin/nice", LONG)).unwrap();
            String::from_utf8(outcome.output).unwrap()
        })
    };
    // Only root may have a higher one.
    if let Some(printed) = given(-5) {
        assert_eq!(printed, "0\n");
    }
    assert_eq!(given(5).as_deref(), Some("5\n"), "nor is it given back what was taken from us");
}

#[test]
fn a_program_can_end_what_it_starts_though_we_hold_signals_back() {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.thread_block().unwrap();
    let outcome = live().run(&shell("sleep 1000 & kill $! && wait $!; echo $?", LONG)).unwrap();
    mask.thread_unblock().unwrap();
    assert_eq!(String::from_utf8(outcome.output).unwrap(), "143\n");
}

#[test]
fn a_program_that_does_not_read_its_input_does_not_hang_us() {
    let mut program = shell("exit 0", LONG);
    program.input = vec![b'x'; 1 << 20];
    assert!(live().run(&program).unwrap().succeeded());
}

#[test]
fn output_is_bounded_and_the_program_still_ends() {
    let outcome = live().run(&shell("head -c 1000000 /dev/zero", LONG)).unwrap();
    assert!(outcome.succeeded() && outcome.truncated);
    assert_eq!(outcome.output.len(), 64 << 10);
}

#[test]
fn at_the_deadline_the_whole_group_is_killed() {
    let began = Instant::now();
    let outcome =
        live().run(&shell("sleep 1000 & echo $!; while :; do echo flood; done", Duration::from_millis(300))).unwrap();
    assert_eq!(outcome.ended, Ended::DeadlinePassed);
    assert!(began.elapsed() < LONG);
    let text = String::from_utf8(outcome.output).unwrap();
    let child = Path::new("/proc").join(text.lines().next().unwrap()).join("cmdline");
    // It is dead; whoever inherited it may not have collected it yet, then its command line is empty.
    while std::fs::read(&child).is_ok_and(|line| !line.is_empty()) {
        assert!(began.elapsed() < LONG, "{} is still there", child.display());
    }
}

#[test]
fn a_background_child_that_keeps_the_outputs_does_not_hold_us() {
    let began = Instant::now();
    let outcome = live().run(&shell("sleep 5 & echo started", LONG)).unwrap();
    assert!(outcome.succeeded() && began.elapsed() < Duration::from_secs(4));
    assert_eq!(outcome.output, b"started\n");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = live().run(&Program::new("no/such/program", LONG)).unwrap_err();
    assert!(error.is_absent());
    assert_eq!(error.to_string(), "run no/such/program");
}

#[test]
fn a_lock_behind_a_link_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("passwd"), "root\n").unwrap();
    std::os::unix::fs::symlink("passwd", dir.path().join("lock")).unwrap();
    let sysroot = Sysroot::at(dir.path()).unwrap();
    assert!(sysroot.lock_exclusive("lock", Duration::ZERO, "us").is_err());
    assert_eq!(std::fs::read_to_string(dir.path().join("passwd")).unwrap(), "root\n");
}

#[test]
fn the_lock_waits_names_its_owner_and_excludes_threads() {
    let dir = tempfile::tempdir().unwrap();
    let sysroot = Sysroot::at(dir.path()).unwrap();
    let guard = sysroot.lock_exclusive("lock", Duration::ZERO, "lpard: cpu add").unwrap();
    let error = sysroot.lock_exclusive("lock", Duration::from_millis(120), "other").unwrap_err();
    let Error::Held { owner, waited, .. } = &error else { panic!("{error:?}") };
    assert!(*waited >= Duration::from_millis(120));
    let pid = i32::try_from(std::process::id()).unwrap();
    assert_eq!((owner.pid, owner.name.as_deref()), (Some(pid), Some("lpard: cpu add")));
    let waiter = std::thread::spawn({
        let root = dir.path().to_owned();
        move || Sysroot::at(root).unwrap().lock_exclusive("lock", LONG, "waiter").map(drop)
    });
    drop(guard);
    waiter.join().unwrap().unwrap();
    assert_eq!(sysroot.read_text("lock").unwrap(), "");
}

/// The file is locked by another process with a record lock, as Debian's drmgr takes it.
#[test]
fn a_record_lock_of_another_process_is_respected_and_its_pid_known() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dr_config_lock");
    let script = "import fcntl,sys\nf=open(sys.argv[1],'w')\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint('held',flush=True)\nsys.stdin.read()";
    let Ok(mut holder) =
        Command::new("python3").args(["-c", script]).arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        eprintln!("skip - no python3 to hold a record lock");
        return;
    };
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
    let sysroot = Sysroot::at(dir.path()).unwrap();
    let error = sysroot.lock_exclusive("dr_config_lock", Duration::ZERO, "us").unwrap_err();
    let Error::Held { owner, .. } = error else { panic!("{error:?}") };
    assert_eq!(owner.pid, i32::try_from(holder.id()).ok());
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let guard = sysroot.lock_exclusive("dr_config_lock", Duration::ZERO, "us").unwrap();
    // And the other way round: what drmgr would try is refused while we hold it.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let lock = libc::flock { l_type: 1, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    assert!(fcntl(&file, FcntlArg::F_SETLK(&lock)).is_err());
    drop(guard);
    assert!(fcntl(&file, FcntlArg::F_SETLK(&lock)).is_ok());
}

#[test]
fn clocks_go_forward_and_the_kernel_has_a_name() {
    let (first, second) = (live().monotonic().unwrap(), live().monotonic().unwrap());
    assert!(first <= second && live().since_boot().unwrap() >= second);
    assert_eq!(live().uname().unwrap().system, "Linux");
    assert!(live().is_live());
}

#[test]
fn a_file_system_has_no_more_room_than_it_is_large() {
    let space = Sysroot::at("/").unwrap().space("tmp").unwrap();
    assert!(space.total_bytes > 0 && space.available_bytes <= space.total_bytes, "{space:?}");
}

#[test]
fn a_datagram_reaches_its_socket_and_a_missing_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let relative = path.strip_prefix("/").unwrap();
    let missing = live().send_datagram(relative, "nobody hears").unwrap_err();
    assert!(missing.is_absent(), "{missing}");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    live().send_datagram(relative, "<134>hello").unwrap();
    let mut heard = [0; 64];
    let length = socket.recv(&mut heard).unwrap();
    assert_eq!(&heard[..length], b"<134>hello");
    assert!(matches!(live().send_datagram("../x", ""), Err(sysroot::Error::Outside { .. })));
}

#[test]
fn a_system_without_parameters_has_none() {
    if !std::path::Path::new("/dev/papr-sysparm").exists() {
        assert_eq!(live().system_parameter(0).unwrap(), None);
    }
}

#[test]
fn the_end_of_a_process_is_told_before_anybody_waits_for_it() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let process = live().process(child.id()).unwrap().unwrap();
    assert!(!process.has_ended());
    drop(child.stdin.take());
    let mut sockets = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut sockets, PollTimeout::from(10_000_u16)), Ok(1));
    assert!(process.has_ended());
    let late = live().process(child.id()).unwrap();
    assert!(late.is_some_and(|process| process.has_ended()), "its number is kept until somebody waits");
    child.wait().unwrap();
    assert!(process.has_ended());
    assert!(live().process(u32::MAX).unwrap().is_none());
}
