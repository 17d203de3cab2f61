//! Replays the fuzzers' seeds, and every input that was once a bug, through the functions that the fuzzers call.
//!
//! With `LPARKIT_WRITE_SEEDS=1` the seeds are written anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rpm_writer;

#[path = "../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::{Path, PathBuf};

use rpm_writer::package::Relation;
use rpm_writer::{Compressor, Format, RpmBuilder, tag};

/// A target's name and what it calls.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 4] =
    [("header", entry::header), ("cpio", entry::cpio), ("patch", entry::patch), ("convert", entry::convert)];
/// Bytes of all seeds: enough for variety, small enough to be committed.
const MAX_SEED_BYTES: u64 = 200_000;

fn directory(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target)
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory(kind, target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn no_seed_and_no_former_bug_makes_a_parser_panic() {
    write_seeds_if_asked();
    let mut seed_bytes = 0;
    for (target, run) in TARGETS {
        let seeds = inputs("corpus-seed", target);
        assert!(seeds.len() >= 3, "seeds of {target}");
        seed_bytes += seeds.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
        for path in seeds.iter().chain(&inputs("regressions", target)) {
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
        }
    }
    assert!(seed_bytes <= MAX_SEED_BYTES, "{seed_bytes} bytes of seeds");
}

#[test]
fn no_seed_cut_short_or_altered_makes_a_parser_panic() {
    write_seeds_if_asked();
    for (target, run) in TARGETS {
        for path in inputs("corpus-seed", target) {
            let seed = fs::read(path).unwrap();
            let step = seed.len() / 64 + 1;
            for at in (0..seed.len()).step_by(step) {
                run(&seed[..at]);
                for mask in [1, 0x80, 0xff] {
                    let mut altered = seed.clone();
                    altered[at] ^= mask;
                    run(&altered);
                }
            }
        }
    }
}

fn write_seeds_if_asked() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("LPARKIT_WRITE_SEEDS").is_some() {
            write_seeds();
        }
    });
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let directory = directory("corpus-seed", target);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), bytes).unwrap();
}

/// A bit of everything that a package can say.
fn rich(format: Format, compressor: Compressor) -> RpmBuilder {
    RpmBuilder::new("seed")
        .format(format)
        .payload(compressor)
        .epoch(1)
        .dir("/opt/s", 0o755)
        .file("/opt/s/p", 0o4755, "#!/bin/sh\n")
        .owner("daemon", "daemon")
        .caps("cap_net_raw=ep")
        .symlink("/opt/s/l", "p")
        .hardlinks(&["/opt/s/a", "/opt/s/b"], 0o644, "two")
        .device("/opt/s/n", 'c', 0o666, 1, 3)
        .file("/etc/s", 0o644, "x = 1\n")
        .flags(tag::CONFIG | tag::NOREPLACE)
        .file("/var/s", 0o644, "")
        .flags(tag::GHOST)
        .scriptlet(tag::POSTIN, "/sbin/ldconfig", "")
        .scriptlet(tag::PREUN, "/bin/sh", "exit $1")
        .relation(Relation::Requires, "libc.so.6(GLIBC_2.4)(64bit)", 0, "")
        .relation(Relation::Requires, "(a >= 1 if b)", 0, "")
        .relation(Relation::Conflicts, "other", tag::LESS, "1:2.0-3")
        .relation(Relation::Obsoletes, "older", 0, "")
        .change(1_600_000_000, "S <s@example.org> - 1.0-1", "- first")
}

/// The same without a digest: a mutation of it is read to its end.
fn undigested(format: Format, compressor: Compressor) -> RpmBuilder {
    let signature =
        [tag::SIG_SHA1, tag::SIG_SHA256, tag::SIG_SHA3_256, tag::SIG_MD5, tag::SIG_SIZE, tag::SIG_PAYLOADSIZE];
    let payload = [tag::PAYLOADSHA256, tag::PAYLOADSHA256ALGO, tag::PAYLOADSHA256ALT, tag::PAYLOADSHA512];
    let wide = [tag::PAYLOADSHA512ALT, tag::PAYLOADSHA3_256, tag::PAYLOADSHA3_256ALT];
    rich(format, compressor)
        .edit_signature(move |tags| tags.0.retain(|number, _| !signature.contains(number)))
        .edit_tags(move |tags| {
            tags.0.retain(|number, _| !payload.contains(number) && !wide.contains(number));
            tags.array(tag::FILEDIGESTS).iter_mut().for_each(Vec::clear);
        })
}

fn write_seeds() {
    for format in [Format::V3, Format::V4, Format::V6] {
        let name = format!("{format:?}").to_lowercase();
        let built = rich(format, Compressor::None).build_parts();
        write("header", &name, &built.bytes[built.header.clone()]);
        write("header", &format!("{name}-signature"), &built.bytes[built.signature.clone()]);
        write("cpio", &name, &built.bytes[built.payload.clone()]);
        write("convert", &format!("{name}-digests"), &built.bytes);
        for compressor in Compressor::ALL {
            let name = format!("{name}-{}", compressor.tag_value().unwrap_or("none"));
            write("convert", &name, &undigested(format, compressor).build());
        }
    }
    write("convert", "no-files", &RpmBuilder::new("seed").build());
    write("convert", "lua", &rich(Format::V4, Compressor::None).scriptlet(tag::POSTIN, "<lua>", "x = 1").build());
    write_patches();
}

fn write_patches() {
    let patches = [
        ("change", "--- tree/a\n+++ tree/a\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"),
        ("offset", "--- tree/a.orig\t2020-01-01\n+++ tree/a\t2020-01-02\n@@ -4,3 +4,4 @@\n three\n four\n+x\n five\n"),
        ("create", "--- /dev/null\n+++ tree/n\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"),
        ("delete", "--- tree/a\n+++ /dev/null\n@@ -1,7 +0,0 @@\n-one\n-two\n-three\n-four\n-five\n-six\n-seven\n"),
        (
            "git",
            "diff --git a/tree/a b/tree/n\nold mode 100644\nnew mode 100755\nsimilarity index 90%\nrename from tree/a\n\
             rename to tree/n\n--- a/tree/a\n+++ b/tree/n\n@@ -1 +1 @@\n-one\n+1\n",
        ),
        ("quoted", "--- \"tree/\\303\\251\"\n+++ \"tree/\\t\"\n@@ -1 +1 @@\n-one\n+1\n"),
        ("crlf", "--- tree/a\r\n+++ tree/a\r\n@@ -1 +1 @@\r\n-one\r\n+1\r\n"),
        ("context", "*** tree/a\n--- tree/a\n***************\n*** 1,2 ****\n! one\n--- 1,2 ----\n! 1\n"),
    ];
    for (name, text) in patches {
        write("patch", name, text.as_bytes());
    }
}
