//! The test writer's packages are what rpm itself takes for whole: otherwise the other tests would prove nothing.
#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rpm_writer;

use std::path::Path;
use std::process::Command;

use rpm_writer::{Compressor, Format, RpmBuilder, tag};

fn ordinary(format: Format, compressor: Compressor) -> RpmBuilder {
    RpmBuilder::new("ordinary")
        .format(format)
        .payload(compressor)
        .epoch(1)
        .dir("/opt/ordinary", 0o755)
        .file("/opt/ordinary/program", 0o4755, "#!/bin/sh\necho hello\n")
        .owner("daemon", "daemon")
        .symlink("/opt/ordinary/link", "program")
        .hardlinks(&["/opt/ordinary/one", "/opt/ordinary/two"], 0o644, "twice")
        .device("/opt/ordinary/null", 'c', 0o666, 1, 3)
        .fifo("/opt/ordinary/pipe", 0o600)
        .file("/etc/ordinary.conf", 0o644, "x = 1\n")
        .flags(tag::CONFIG | tag::NOREPLACE)
        .file("/var/log/ordinary", 0o644, "")
        .flags(tag::GHOST)
        .scriptlet(tag::POSTIN, "/bin/sh", "echo $1")
        .requires("bash")
        .change(1_600_000_000, "Somebody <s@example.org> - 1.0-1", "- first")
}

/// Standard output and error of a program, or `None` and a line when it is not installed.
fn run(program: &str, arguments: &[&str], input: &Path) -> Option<(bool, String)> {
    match Command::new(program).args(arguments).arg(input).env("LC_ALL", "C").output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) => {
            eprintln!("skipped: {program} cannot be run: {error}");
            None
        }
    }
}

#[test]
fn rpm_reads_and_verifies_every_ordinary_form() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ordinary.rpm");
    for format in [Format::V3, Format::V4, Format::V6] {
        for compressor in Compressor::ALL {
            let what = format!("{format:?} {compressor:?}");
            std::fs::write(&path, ordinary(format, compressor).build()).unwrap();
            let query = ["-qp", "--nosignature", "--qf", "%{EPOCH}:%{NAME}-%{VERSION} [%{FILENAMES},]"];
            let Some((done, text)) = run("rpm", &query, &path) else { return };
            assert!(done && text.starts_with("1:ordinary-1.0 /etc/ordinary.conf,/opt/ordinary,"), "{what}: {text}");
            let Some((done, text)) = run("rpm", &["-Kv", "--nosignature"], &path) else { return };
            assert!(done && text.contains(": OK") && !text.contains("BAD"), "{what}: {text}");
        }
    }
}

#[test]
fn a_payload_taken_out_by_rpm2cpio_lists_every_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ordinary.rpm");
    // rpm 4 takes no stripped payload out ("files over 4GB not supported by cpio"), so no format 6 here.
    for format in [Format::V3, Format::V4] {
        for compressor in Compressor::ALL {
            std::fs::write(&path, ordinary(format, compressor).build()).unwrap();
            let script = "rpm2cpio \"$1\" | cpio -t --quiet | sed 's,^\\./,,' | sort | tr '\\n' ' '";
            let Some((_, text)) = run("sh", &["-c", script, "sh"], &path) else { return };
            if text.contains("not found") {
                eprintln!("skipped: rpm2cpio or cpio is missing: {text}");
                return;
            }
            let expected = "etc/ordinary.conf opt/ordinary opt/ordinary/link opt/ordinary/null opt/ordinary/one \
                            opt/ordinary/pipe opt/ordinary/program opt/ordinary/two ";
            // Standard output comes first; rpm 4 grumbles about format 3 behind it.
            assert!(text.starts_with(expected), "{format:?} {compressor:?}: {text}");
        }
    }
}

#[test]
fn a_wrong_digest_is_wrong_for_rpm_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ordinary.rpm");
    let plain = || ordinary(Format::V4, Compressor::Gzip);
    let cases = [
        ("Header SHA1", plain().edit_signature(|tags| tags.corrupt(tag::SIG_SHA1))),
        ("Header SHA256", plain().edit_signature(|tags| tags.corrupt(tag::SIG_SHA256))),
        ("MD5", plain().edit_signature(|tags| tags.corrupt(tag::SIG_MD5))),
        ("Payload SHA256", plain().edit_tags(|tags| tags.corrupt(tag::PAYLOADSHA256))),
    ];
    for (digest, builder) in cases {
        std::fs::write(&path, builder.build()).unwrap();
        let Some((done, text)) = run("rpm", &["-Kv", "--nosignature"], &path) else { return };
        assert!(!done && text.contains(&format!("{digest} digest: BAD")), "{digest}: {text}");
    }
}

#[test]
fn a_package_written_to_a_file_is_the_one_built_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ordinary.rpm");
    ordinary(Format::V6, Compressor::Zstd).build_file(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), ordinary(Format::V6, Compressor::Zstd).build());
}
