//! A recorded machine: paths stay inside, reads are bounded, writes are whole, programs answer from the record.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::errno::Errno;
use proptest::prelude::*;
use sysroot::{Ended, Error, Program, Space, Sysroot};
use tempfile::TempDir;

fn machine(files: &[(&str, &str)]) -> (TempDir, Sysroot) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let sysroot = Sysroot::at(dir.path()).unwrap();
    (dir, sysroot)
}

#[test]
fn paths_out_of_the_root_are_refused_before_the_system_is_asked() {
    let (_dir, sysroot) = machine(&[("proc/meminfo", "MemTotal: 1 kB\n")]);
    for path in ["/proc/meminfo", "../etc/passwd", "proc/../../etc/passwd", "", "proc/.."] {
        assert!(matches!(sysroot.read_text(path), Err(Error::Outside { .. })), "{path:?}");
        assert!(matches!(sysroot.replace_file(path, b"", 0o644), Err(Error::Outside { .. })), "{path:?}");
    }
    assert_eq!(sysroot.read_text("proc/meminfo").unwrap(), "MemTotal: 1 kB\n");
    assert_eq!(sysroot.read_text("./proc/meminfo").unwrap(), "MemTotal: 1 kB\n");
}

#[test]
fn links_are_resolved_beneath_the_root() {
    let (dir, sysroot) = machine(&[("proc/device-tree/model", "IBM,9009-42A\0"), ("etc/hostname", "inside\n")]);
    symlink("/proc/device-tree", dir.path().join("dt")).unwrap();
    symlink("../../../../../../etc/hostname", dir.path().join("proc/climbs")).unwrap();
    assert_eq!(sysroot.read_bytes("dt/model").unwrap(), b"IBM,9009-42A\0");
    assert_eq!(sysroot.read_text("proc/climbs").unwrap(), "inside\n");
    assert_eq!(sysroot.read_link("dt").unwrap().to_str(), Some("/proc/device-tree"));
}

#[test]
fn absence_is_told_from_refusal() {
    let (_dir, sysroot) = machine(&[("proc/x", "")]);
    let error = sysroot.read_text("proc/none").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOENT));
    assert_eq!(error.to_string(), "read proc/none");
    assert!(error.is_absent());
    assert_eq!(sysroot.read_text_if_present("proc/none/deeper").unwrap(), None);
    assert_eq!(sysroot.read_bytes_if_present("proc/x").unwrap(), Some(Vec::new()));
    assert_eq!(sysroot.list_if_present("sys").unwrap(), Vec::<String>::new());
    assert!(sysroot.read_text("proc").is_err());
    assert!(sysroot.is_dir("proc") && sysroot.exists("proc/x") && !sysroot.is_dir("proc/x") && !sysroot.exists("y"));
}

#[test]
fn a_file_over_the_limit_is_an_error_and_not_a_short_read() {
    let (_dir, sysroot) = machine(&[("a", "0123456789")]);
    assert_eq!(sysroot.read_bytes_at_most("a", 10).unwrap().len(), 10);
    assert!(matches!(sysroot.read_bytes_at_most("a", 9), Err(Error::TooLarge { limit_bytes: 9, .. })));
}

#[test]
fn lists_are_sorted() {
    let (_dir, sysroot) = machine(&[("d/b", ""), ("d/a", ""), ("d/c/x", "")]);
    assert_eq!(sysroot.list("d").unwrap(), ["a", "b", "c"]);
}

#[test]
fn a_replaced_file_has_its_mode_and_leaves_nothing_beside_it() {
    let (_dir, sysroot) = machine(&[("etc/a", "old")]);
    sysroot.replace_file("etc/a", b"new", 0o640).unwrap();
    assert_eq!(sysroot.read_text("etc/a").unwrap(), "new");
    assert_eq!(sysroot.stat("etc/a").unwrap().unwrap().mode, 0o640);
    assert_eq!(sysroot.list("etc").unwrap(), ["a"]);
    assert!(sysroot.create_directories("etc/lparkit/trust").is_ok());
    assert!(sysroot.replace_file("etc/lparkit", b"a directory is there", 0o600).is_err());
    assert_eq!(sysroot.list("etc").unwrap(), ["a", "lparkit"]);
    sysroot.remove_file("etc/a").unwrap();
    sysroot.remove_file("etc/a").unwrap();
    assert_eq!(sysroot.list("etc").unwrap(), ["lparkit"]);
}

#[test]
fn a_torn_journal_line_does_not_swallow_the_next() {
    let (_dir, sysroot) = machine(&[("journal", "one\ntw")]);
    sysroot.append_journal_line("journal", "three").unwrap();
    sysroot.append_journal_line("journal", "four").unwrap();
    assert_eq!(sysroot.read_text("journal").unwrap(), "one\ntw\nthree\nfour\n");
    assert!(sysroot.append_journal_line("journal", "a\nb").is_err());
    sysroot.append_log_line("log", "first").unwrap();
    sysroot.rename("log", "log.0").unwrap();
    assert_eq!(sysroot.read_text("log.0").unwrap(), "first\n");
}

#[test]
fn attributes_are_written_into_the_record() {
    let (_dir, sysroot) = machine(&[("sys/kernel/dlpar", "memory,cpu\n")]);
    sysroot.write_attribute("sys/kernel/dlpar", b"cpu add index 0x1").unwrap();
    assert_eq!(sysroot.read_text("sys/kernel/dlpar").unwrap(), "cpu add index 0x1");
}

#[test]
fn programs_answer_from_the_record_and_are_noted() {
    let (_dir, sysroot) = machine(&[("commands/modprobe+rpadlpar_io.status", "1\n"), ("commands/id.stdout", "0\n")]);
    let modprobe = Program::new("usr/sbin/modprobe", Duration::from_secs(1)).argument("rpadlpar_io");
    assert_eq!(sysroot.run(&modprobe).unwrap().ended, Ended::Exited(1));
    assert_eq!(sysroot.run(&Program::new("usr/bin/id", Duration::ZERO)).unwrap().output, b"0\n");
    let error = sysroot.run(&Program::new("usr/bin/ls", Duration::ZERO)).unwrap_err();
    assert_eq!(error.to_string(), "run usr/bin/ls: not recorded; wanted is the file commands/ls.status");
    assert_eq!(sysroot.read_text("commands/asked").unwrap(), "modprobe+rpadlpar_io\nid\n");
}

/// Run where the whole workspace is tested: lpard's tests want the feature.
#[cfg(feature = "staged")]
#[test]
fn the_programs_of_a_staged_machine_run_and_its_files_are_recorded_ones() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, _) = machine(&[("bin/tell", "#!/bin/sh\necho \"$WHAT\"; cat; pwd; exit 3\n"), ("sys/a", "longer")]);
    fs::set_permissions(dir.path().join("bin/tell"), fs::Permissions::from_mode(0o700)).unwrap();
    let sysroot = Sysroot::staged(dir.path()).unwrap();
    let mut tell = Program::new("bin/tell", Duration::from_secs(60));
    tell.environment.insert("WHAT".into(), "one".into());
    tell.input = b"two\n".into();
    let outcome = sysroot.run(&tell).unwrap();
    assert_eq!((outcome.ended, outcome.output.as_slice()), (Ended::Exited(3), &b"one\ntwo\n/\n"[..]));
    assert!(!sysroot.is_live());
    sysroot.write_attribute("sys/a", b"b").unwrap();
    assert_eq!(sysroot.read_text("sys/a").unwrap(), "b");
}

#[test]
fn the_record_has_a_name_and_a_clock() {
    let files = [("proc/sys/kernel/osrelease", "6.12.43-powerpc64le\n"), ("proc/uptime", "12.50 40.00\n")];
    let (_dir, sysroot) = machine(&files);
    let uname = sysroot.uname().unwrap();
    assert_eq!((uname.release.as_str(), uname.node.as_str()), ("6.12.43-powerpc64le", ""));
    assert_eq!(sysroot.since_boot().unwrap(), Duration::from_millis(12_500));
    assert_eq!(sysroot.monotonic().unwrap(), Duration::from_millis(12_500));
}

proptest! {
    /// Whatever the path, nothing outside is read: the neighbour of the root holds a file that must never be seen.
    #[test]
    fn no_path_reads_the_neighbour(parts in prop::collection::vec(prop_oneof!["\\.\\.", "\\.", "a", "out", "secret", ""], 0..6)) {
        let (dir, _) = machine(&[("a/x", "inside"), ("root/a/x", "inside"), ("secret", "outside"), ("out/secret", "outside")]);
        let sysroot = Sysroot::at(dir.path().join("root")).unwrap();
        symlink("..", dir.path().join("root/a/out")).unwrap();
        symlink("../..", dir.path().join("root/out")).unwrap();
        if let Ok(text) = sysroot.read_text(parts.join("/")) {
            prop_assert_eq!(text, "inside");
        }
    }
}

#[test]
fn who_listens_in_the_machine_is_connected_to_and_nobody_outside() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("run")).unwrap();
    let listener = UnixListener::bind(dir.path().join("run/control")).unwrap();
    let sysroot = Sysroot::at(dir.path()).unwrap();
    let mut heard = String::new();
    sysroot.connect("run/control").unwrap().write_all(b"hello").unwrap();
    listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "hello");
    assert!(sysroot.connect("run/nobody").unwrap_err().is_absent());
    assert!(matches!(sysroot.connect("../control"), Err(Error::Outside { .. })));
}

#[test]
fn the_room_of_a_recorded_machine_is_the_recorded_one() {
    let (_dir, sysroot) = machine(&[("space/var+tmp", "1000 250\n"), ("space/var", "much\n")]);
    assert_eq!(sysroot.space("var/tmp").unwrap(), Space { total_bytes: 1000, available_bytes: 250 });
    assert!(matches!(sysroot.space("var"), Err(Error::NotRecorded { .. })));
    assert!(matches!(sysroot.space("tmp"), Err(Error::NotRecorded { .. })));
}

#[test]
fn a_log_takes_many_lines_at_once_and_a_datagram_is_noted() {
    let (_dir, sysroot) = machine(&[("var/log/x", "old\n"), ("dev/null", "")]);
    sysroot.append_log("var/log/x", "one\ntwo\n").unwrap();
    assert_eq!(sysroot.read_text("var/log/x").unwrap(), "old\none\ntwo\n");
    sysroot.send_datagram("dev/log", "<134>drmgr: hello").unwrap();
    assert_eq!(sysroot.read_text("dev/log").unwrap(), "<134>drmgr: hello\n");
}

#[test]
fn firmware_answers_from_the_record_and_nothing_else_is_called() {
    let answers = [
        ("rtas/get-sensor-state+9003+0x30000002", "0 2\n0 1\n"),
        ("rtas/set-indicator+9001+0x30000002+1", "9900\n-9001\n"),
        ("rtas/set-power-level+0xffffffff+100", "0\n"),
    ];
    let (_dir, sysroot) = machine(&answers);
    assert!(sysroot.has_rtas());
    let sense = || sysroot.rtas("get-sensor-state", &[9003, 0x3000_0002], 2).unwrap();
    assert_eq!([sense(), sense(), sense()], [[0, 2], [0, 1], [0, 1]]);
    let isolate = || sysroot.rtas("set-indicator", &[9001, 0x3000_0002, 1], 1).unwrap();
    assert_eq!([isolate(), isolate()], [[9900], [9001_u32.wrapping_neg()]]);
    for (call, inputs, outputs) in [
        ("get-sensor-state", &[9003, 0x3000_0003][..], 2), // not recorded
        ("set-power-level", &[u32::MAX, 100], 2),          // an answer of another length
    ] {
        assert!(matches!(sysroot.rtas(call, inputs, outputs), Err(Error::NotRecorded { .. })), "{call}");
    }
    for (call, inputs, outputs) in [("ibm,os-term", &[0][..], 1), ("set-indicator", &[9001, 1], 1), ("../x", &[], 1)] {
        assert!(matches!(sysroot.rtas(call, inputs, outputs), Err(Error::Impossible { .. })), "{call}");
    }
    assert_eq!(sysroot.read_text("rtas/asked").unwrap().lines().count(), 6);
    assert!(!machine(&[]).1.has_rtas());
}

#[test]
fn a_parameter_of_the_platform_is_the_recorded_one() {
    let (_dir, sysroot) = machine(&[("system-parameters/0", "HmcStat=1;")]);
    assert_eq!(sysroot.system_parameter(0).unwrap().as_deref(), Some(b"HmcStat=1;" as &[u8]));
    assert_eq!(sysroot.system_parameter(1).unwrap(), None);
}
