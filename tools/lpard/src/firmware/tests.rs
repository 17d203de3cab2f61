//! Events of the kernel's file and of rtas_errd's log: told to everybody, none taken from rtas_errd, the last ones kept.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::process;

use super::*;

mod turns;

/// A power supply warning in version 6, as firmware sends it: header, extended part with an EP section (LoPAR 2.9).
fn epow(action: u8, modifier: u8) -> Vec<u8> {
    let mut event = vec![0x06, 0x44, 0x00, 0x40, 0, 0, 0, 0x20];
    event.extend([0x80, 0, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    event.extend(b"IBM\0");
    event.extend(b"EP");
    event.extend([0, 20, 1, 0, 0, 0]);
    event.extend([action, modifier, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    event[7] = u8::try_from(event.len() - 8).unwrap();
    event
}

fn dumped(number: u32, event: &[u8]) -> String {
    let lines: String = event
        .chunks(16)
        .enumerate()
        .map(|(line, bytes)| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("RTAS {line}: {hex}\n")
        })
        .collect();
    format!(
        "RTAS: {number} -------- RTAS event begin --------\n{lines}RTAS: {number} -------- RTAS event end ----------\n"
    )
}

struct Machine {
    directory: tempfile::TempDir,
    sysroot: Sysroot,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for path in ["proc/ppc64/rtas", "var/log"] {
            fs::create_dir_all(directory.path().join(path)).unwrap();
        }
        let sysroot = Sysroot::at(directory.path()).unwrap();
        Self { directory, sysroot }
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.directory.path().join(path), bytes).unwrap();
    }

    /// A process of that name, which must be one that there is.
    fn runs(&self, name: &str, number: u32) {
        fs::create_dir_all(self.directory.path().join(format!("proc/{number}"))).unwrap();
        self.write(&format!("proc/{number}/comm"), format!("{name}\n"));
    }

    /// As long as this test does.
    fn daemon_runs(&self) {
        self.runs("rtas_errd", process::id());
    }

    fn firmware(&self) -> Firmware {
        Firmware::open(self.directory.path(), &self.sysroot, 3)
    }

    fn look(&self, firmware: &mut Firmware) -> Vec<(Option<u64>, &'static str)> {
        let reported = firmware.look(&self.sysroot);
        reported.iter().map(|event| (event.number, event.kind())).collect()
    }
}

fn record(number: u32) -> Vec<u8> {
    [&number.to_ne_bytes()[..], &epow(3, 2)].concat()
}

#[test]
fn an_event_of_the_kernel_is_told_to_everybody() {
    let machine = Machine::new();
    machine.write("proc/ppc64/rtas/error_log", record(21));
    let mut firmware = machine.firmware();
    assert_eq!(firmware.to_string(), "the kernel");
    assert_eq!(machine.look(&mut firmware), [(Some(21), "epow")]);
    let event = firmware.kept().next().unwrap();
    assert!(event.sentence.contains("UPS") || event.sentence.contains("uninterruptible"), "{}", event.sentence);
    assert_eq!(event.told().text, event.sentence);
    let entry = event.entry();
    assert!(entry.fields.contains(&("LPARD_EVENT", "epow".into())), "{entry:?}");
    assert!(entry.fields.contains(&("LPARD_EVENT_NUMBER", "21".into())), "{entry:?}");
}

#[test]
fn where_rtas_errd_runs_nothing_is_taken_from_it() {
    let machine = Machine::new();
    machine.daemon_runs();
    machine.write("proc/ppc64/rtas/error_log", record(21));
    machine.write("var/log/platform", dumped(20, &epow(1, 1)));
    let mut firmware = machine.firmware();
    assert_eq!(firmware.to_string(), "the log of rtas_errd");
    assert_eq!(machine.look(&mut firmware), [], "what was there before is history");
    let later = format!("{}ppc64-diag: a remark\n{}", dumped(20, &epow(1, 1)), dumped(22, &epow(3, 2)));
    machine.write("var/log/platform", &later[..later.len() - 9]);
    assert_eq!(machine.look(&mut firmware), [], "half of an event");
    machine.write("var/log/platform", &later);
    assert_eq!(machine.look(&mut firmware), [(Some(22), "epow")]);
    machine.write("var/log/platform", dumped(23, &epow(3, 2)));
    assert_eq!(machine.look(&mut firmware), [(Some(23), "epow")], "after a rotation");
    let no_text =
        [dumped(23, &epow(3, 2)).as_bytes(), &vec![0xff; 3 << 20], dumped(24, &epow(3, 2)).as_bytes()].concat();
    machine.write("var/log/platform", no_text);
    assert_eq!(machine.look(&mut firmware), [(Some(24), "epow")], "what is no text is passed over");
}

#[test]
fn only_the_last_ones_are_kept() {
    let machine = Machine::new();
    machine.daemon_runs();
    let mut firmware = machine.firmware();
    let text: String = (1..=5).map(|number| dumped(number, &epow(3, 2))).collect();
    machine.write("var/log/platform", text);
    assert_eq!(machine.look(&mut firmware).len(), 5);
    let kept: Vec<_> = firmware.kept().map(|event| event.number).collect();
    assert_eq!(kept, [Some(3), Some(4), Some(5)]);
}
