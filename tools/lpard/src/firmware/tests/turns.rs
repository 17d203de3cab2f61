//! `rtas_errd` starts and ends beside us. It is a process that the test starts and ends; what it would read and write, the test
//! does. The kernel's file is a pipe: what one has read, nobody else reads.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, mkfifo};
use proptest::prelude::*;

use super::*;

const KERNEL: &str = "proc/ppc64/rtas/error_log";
const LOG: &str = "var/log/platform";

const NONE: [u32; 0] = [];

/// Records as long as we read at once: so one read takes one, as it does of the kernel's file.
const RECORD_BYTES: usize = 4096;

/// The kernel's file; as long as this is open, it has no end.
struct Kernel(File);

impl Kernel {
    fn of(machine: &Machine) -> Self {
        let path = machine.directory.path().join(KERNEL);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        Self(OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap())
    }

    fn reports(&mut self, number: u32) {
        let mut bytes = record(number);
        bytes.resize(RECORD_BYTES, 0);
        self.0.write_all(&bytes).unwrap();
    }

    /// The numbers of all events that nobody has read.
    fn read(&mut self) -> Vec<u32> {
        let mut record = [0; RECORD_BYTES];
        let mut numbers = Vec::new();
        loop {
            match self.0.read(&mut record) {
                Ok(length) => assert_eq!(length, RECORD_BYTES),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return numbers;
                }
            }
            numbers.push(u32::from_ne_bytes(record[..4].try_into().unwrap()));
        }
    }
}

/// A process that is called rtas_errd until the test is over.
struct Errd {
    process: Child,
    log: File,
}

impl Errd {
    fn start(machine: &Machine) -> Self {
        let process = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        machine.runs("rtas_errd", process.id());
        let path = machine.directory.path().join(LOG);
        Self { process, log: OpenOptions::new().create(true).append(true).open(path).unwrap() }
    }

    fn write(&mut self, number: u32) {
        self.log.write_all(dumped(number, &epow(3, 2)).as_bytes()).unwrap();
    }

    /// Does what it is there for.
    fn work(&mut self, kernel: &mut Kernel) {
        kernel.read().into_iter().for_each(|number| self.write(number));
    }

    /// It has ended, and nobody has waited for it: it still has its number and its name.
    fn end(&mut self) {
        self.process.kill().unwrap();
        let number = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        waitid(Id::Pid(number), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    }
}

impl Drop for Errd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_woken(firmware: &Firmware) -> bool {
    let mut sockets: Vec<_> = firmware.sockets().map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
    poll(&mut sockets, PollTimeout::ZERO).unwrap() > 0
}

/// Looks as often as something wakes us, and gives the numbers of what was told.
fn told(machine: &Machine, firmware: &mut Firmware) -> Vec<u32> {
    let mut numbers = Vec::new();
    for _ in 0..10 {
        if !is_woken(firmware) {
            return numbers;
        }
        let reported = machine.look(firmware).into_iter();
        numbers.extend(reported.map(|(number, _)| u32::try_from(number.unwrap()).unwrap()));
    }
    panic!("something wakes us for ever");
}

/// A machine with a history, whose kernel is its source.
fn machine() -> (Machine, Kernel, Firmware) {
    let machine = Machine::new();
    machine.write(LOG, dumped(1, &epow(3, 2)));
    let kernel = Kernel::of(&machine);
    let firmware = machine.firmware();
    assert_eq!(firmware.to_string(), "the kernel");
    (machine, kernel, firmware)
}

#[test]
fn an_rtas_errd_that_starts_later_gets_what_comes() {
    let (machine, mut kernel, mut firmware) = machine();
    let mut errd = Errd::start(&machine);
    kernel.reports(2);
    assert_eq!(told(&machine, &mut firmware), NONE);
    assert_eq!(firmware.to_string(), "the log of rtas_errd");
    errd.work(&mut kernel);
    assert_eq!(told(&machine, &mut firmware), [2]);
    assert_eq!(told(&machine, &mut firmware), NONE);
}

#[test]
fn what_an_rtas_errd_took_before_it_was_noticed_is_told() {
    let (machine, mut kernel, mut firmware) = machine();
    let mut errd = Errd::start(&machine);
    kernel.reports(2);
    errd.work(&mut kernel);
    assert_eq!(told(&machine, &mut firmware), [2]);
    let (machine, mut kernel, mut firmware) = self::machine();
    let mut errd = Errd::start(&machine);
    kernel.reports(2);
    errd.work(&mut kernel);
    errd.end();
    assert_eq!(told(&machine, &mut firmware), [2], "and it has ended again");
    assert_eq!(firmware.to_string(), "the kernel");
}

#[test]
fn when_rtas_errd_ends_the_kernel_is_read_again() {
    let (machine, mut kernel, _) = machine();
    let mut errd = Errd::start(&machine);
    let mut firmware = machine.firmware();
    assert_eq!(firmware.to_string(), "the log of rtas_errd");
    kernel.reports(2);
    assert_eq!(told(&machine, &mut firmware), NONE, "it will read that");
    errd.work(&mut kernel);
    kernel.reports(3);
    errd.end();
    assert_eq!(told(&machine, &mut firmware), [2, 3], "its last event is not lost, and the one that it left is taken");
    assert_eq!(firmware.to_string(), "the kernel");
    kernel.reports(4);
    assert_eq!(told(&machine, &mut firmware), [4]);
}

#[test]
fn an_rtas_errd_that_ends_without_a_word_leaves_us_what_waits() {
    let (machine, mut kernel, _) = machine();
    let mut errd = Errd::start(&machine);
    let mut firmware = machine.firmware();
    kernel.reports(2);
    errd.end();
    assert_eq!(told(&machine, &mut firmware), [2]);
}

/// As it daemonizes, and as systemd starts it again.
#[test]
fn the_next_rtas_errd_is_noticed_when_one_ends() {
    let (machine, mut kernel, _) = machine();
    let mut first = Errd::start(&machine);
    let mut firmware = machine.firmware();
    let mut second = Errd::start(&machine);
    first.end();
    kernel.reports(2);
    assert_eq!(told(&machine, &mut firmware), NONE);
    second.work(&mut kernel);
    second.end();
    assert_eq!(told(&machine, &mut firmware), [2]);
    assert_eq!(firmware.to_string(), "the kernel");
}

#[test]
fn what_rtas_errd_finds_in_the_system_s_log_is_not_told_twice() {
    let (machine, mut kernel, mut firmware) = machine();
    kernel.reports(2);
    assert_eq!(told(&machine, &mut firmware), [2]);
    let mut errd = Errd::start(&machine);
    errd.write(2);
    errd.write(3);
    assert_eq!(told(&machine, &mut firmware), [3]);
}

#[test]
fn a_log_that_was_made_anew_is_read_from_its_beginning() {
    let (machine, _kernel, mut firmware) = machine();
    let path = machine.directory.path().join(LOG);
    fs::rename(&path, path.with_extension("1")).unwrap();
    let mut errd = Errd::start(&machine);
    errd.write(2);
    errd.write(3);
    assert_eq!(told(&machine, &mut firmware), [2, 3], "although it is longer than the one before it");
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    Starts,
    Ends,
    Works,
    Reports,
    Look,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![Just(Turn::Starts), Just(Turn::Ends), Just(Turn::Works), Just(Turn::Reports), Just(Turn::Look)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_event_is_told_once(turns in proptest::collection::vec(turn(), 1..15)) {
        let (machine, mut kernel, mut firmware) = machine();
        let mut ended = Vec::new();
        let mut errd = None;
        let mut numbers = 2..;
        let mut all = Vec::new();
        for turn in turns {
            match (turn, &mut errd) {
                (Turn::Starts, None) => errd = Some(Errd::start(&machine)),
                (Turn::Ends, Some(running)) => {
                    running.end();
                    ended.extend(errd.take());
                }
                (Turn::Works, Some(running)) => running.work(&mut kernel),
                (Turn::Reports, _) => kernel.reports(numbers.next().unwrap()),
                (Turn::Look, _) => all.extend(told(&machine, &mut firmware)),
                (Turn::Starts, Some(_)) | (Turn::Ends | Turn::Works, None) => {}
            }
        }
        if let Some(running) = &mut errd {
            running.end();
        }
        all.extend(told(&machine, &mut firmware));
        prop_assert_eq!(all, (2..numbers.start).collect::<Vec<_>>());
    }
}
