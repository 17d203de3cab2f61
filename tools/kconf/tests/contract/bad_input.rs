//! Malformed, truncated, binary and huge input: a clear error, soon, in little memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::{Duration, Instant};

use crate::boxes::{deb, gzip, xz};
use crate::images::{vmlinux, vmlinuz};
use crate::workbench::{DEBIAN_12, Workbench};

/// Far more than any of these takes; a build with debug assertions on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn what_is_no_configuration_is_refused_with_the_reason() {
    let bench = Workbench::new();
    let image = vmlinux(DEBIAN_12);
    let package = deb(&[("boot/config-6.1.0", DEBIAN_12.as_bytes())], ".xz", xz);
    let cases: [(&str, &[u8], &str); 11] = [
        ("empty", b"", "sets no option"),
        ("prose", b"Dear kernel,\n", "line 1: is neither"),
        ("cut", b"CONFIG_A=y\nCONFIG_B=\"half\nCONFIG_C=y\n", "line 2: has a value"),
        ("binary-in-text", b"CONFIG_A=y\nCONFIG_B=\0\n", "holds no configuration"),
        ("zeros", &[0; 4096], "holds no configuration"),
        ("late-binary", &[&b"CONFIG_A=y\n".repeat(100)[..], b"\0"].concat(), "is binary (byte 0x00 at offset 1100)"),
        ("cut.gz", &gzip(DEBIAN_12.as_bytes())[..900], "cannot read cut.gz"),
        ("cut-image", &image[..371_000], "holds no configuration"),
        ("image", &vmlinuz(b""), "holds no configuration"),
        ("cut.deb", &package[..package.len() - 800], "cannot read cut.deb"),
        ("no.deb", b"!<arch>\n", "this is no Debian package"),
    ];
    for (name, bytes, expected) in cases {
        bench.put(name, bytes);
        let run = bench.run(&["check", name]);
        assert_eq!(run.code, Some(2), "{name}: {run:?}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(expected), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(name), "{name}: {}", run.stderr);
    }
}

#[test]
fn a_directory_and_a_missing_file_are_told_apart() {
    let bench = Workbench::new();
    bench.put("empty/x", "");
    assert!(bench.run(&["check", "empty"]).stderr.contains("no kernel configuration for empty"));
    assert!(bench.run(&["check", "missing"]).stderr.contains("cannot read missing"));
    assert!(bench.run(&["check", "9.9.9-none"]).stderr.contains("/boot/config-9.9.9-none"));
}

#[test]
fn a_file_of_32_mebibytes_ends_soon() {
    let bench = Workbench::new();
    for (name, chunk) in [
        ("text", "CONFIG_A=y\n"),
        ("one-line", "CONFIG_A"),
        ("comments", "# no\n"),
        ("zeros", "\0\0\0\0"),
        ("lzma", "\x5d\0\0\0"),
        ("marks", "IKCFG_ST\x1f"),
    ] {
        let mut file = BufWriter::new(File::create(bench.path(name)).unwrap());
        for _ in 0..(32 << 20) / chunk.len() {
            file.write_all(chunk.as_bytes()).unwrap();
        }
        drop(file);
        for from_stdin in [false, true] {
            let begun = Instant::now();
            let input = bench.path(name);
            let argument = if from_stdin { "-" } else { name };
            let run = bench.run_with_input(&["check", argument], Some(&input));
            assert_eq!(run.code, Some(2), "{name}: {run:?}");
            assert!(run.stderr.starts_with("error: ") && run.stderr.len() < 500, "{name}: {}", run.stderr);
            assert!(begun.elapsed() < DEADLINE, "{name} took {:?}", begun.elapsed());
        }
        std::fs::remove_file(bench.path(name)).unwrap();
    }
}

#[test]
fn a_bomb_is_refused() {
    let bench = Workbench::new();
    for (name, inner) in [("zeros", vec![0; 64 << 20]), ("lines", vec![b'\n'; 64 << 20])] {
        bench.put(name, gzip(&inner));
        let run = bench.run(&["check", name]);
        assert_eq!(run.code, Some(2), "{name}: {run:?}");
    }
}

#[test]
fn names_that_would_steer_the_terminal_do_not() {
    let bench = Workbench::new();
    bench.put("a\x1b[31mb", "hello\n");
    let run = bench.run(&["check", "a\x1b[31mb"]);
    assert!(run.code == Some(2) && !run.stderr.contains('\x1b'), "{}", run.stderr);
}
