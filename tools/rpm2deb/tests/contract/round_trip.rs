//! `convert` is `unpack | build`, to the byte.

use std::path::{Path, PathBuf};

use crate::rpm_writer::package::Relation;
use crate::rpm_writer::{Compressor, Content, Format, RpmBuilder, tag};
use crate::workbench::{Workbench, assert_same, corpus};

/// Both ways for one package, in directories named after `what`: the two .debs.
fn both_ways(bench: &Workbench, what: &str, rpm: &str, policy: &[&str], form: &[&str]) -> (PathBuf, PathBuf) {
    let [direct, tree, indirect] = ["direct", "tree", "indirect"].map(|way| format!("{what}/{way}"));
    let deb = bench.convert(rpm, &direct, &[policy, form].concat());
    bench.done(&[&["unpack", rpm, "-o", &tree], policy].concat());
    let unpacked = bench.only(&tree);
    bench.done(&[&["build", unpacked.to_str().unwrap(), "-o", &indirect], form].concat());
    (deb, bench.only(&indirect))
}

#[test]
fn every_real_package_comes_out_the_same_both_ways() {
    let bench = Workbench::new();
    for rpm in corpus() {
        let what = Path::new(&rpm).file_name().unwrap().to_str().unwrap();
        let (direct, indirect) = both_ways(&bench, what, &rpm, &[], &["--compress", "zstd"]);
        assert_same(what, &direct, &indirect);
    }
}

/// Everything that a directory of an ordinary user cannot hold, and much of what a control file can.
fn rich() -> RpmBuilder {
    RpmBuilder::new("rich")
        .epoch(3)
        .dir("/opt/rich", 0o750)
        .dir("/opt/rich/closed", 0o500)
        .file("/opt/rich/closed/inside", 0o600, "inside a directory without write permission\n")
        .dir("/opt/rich/sticky", 0o1777)
        .dir("/opt/rich/empty", 0o755)
        .file("/opt/rich/setuid", 0o4755, "setuid")
        .file("/opt/rich/program", 0o755, "#!/bin/sh\n")
        .file("/opt/rich/nothing-allowed", 0, "mode 0000")
        .file("/opt/rich/theirs", 0o4750, "setuid of another")
        .owner("service", "staff")
        .file("/opt/rich/mail", 0o2755, "setgid of a static group")
        .owner("root", "mail")
        .file("/opt/rich/capable", 0o755, "capable")
        .caps("cap_net_raw=ep")
        .file(b"/opt/rich/caf\xe9 #=\\".to_vec(), 0o644, "a latin-1 name")
        .hardlinks(&["/opt/rich/a", "/opt/rich/b", "/usr/share/rich/z"], 0o640, "three names\n")
        .device("/opt/rich/null", 'c', 0o666, 1, 3)
        .device("/opt/rich/disk", 'b', 0o660, 8, 200)
        .owner("root", "disk")
        .fifo("/opt/rich/pipe", 0o600)
        .symlink("/opt/rich/link", "program")
        .symlink("/opt/rich/latin", b"caf\xe9 #=\\")
        .symlink("/usr/lib/rich-dangling", "/nowhere/at all")
        .file("/etc/rich.conf", 0o640, "a = 1\n")
        .flags(tag::CONFIG | tag::NOREPLACE)
        .file("/var/lib/rich/state", 0o644, "")
        .flags(tag::GHOST)
        .file("/usr/share/doc/rich-1.0/README", 0o644, "Read me.\n")
        .flags(tag::DOC)
        .scriptlet(tag::PREIN, "/bin/sh", "getent passwd service >/dev/null || useradd -r service\n")
        .scriptlet(tag::POSTIN, "/bin/sh", "echo installed $1\n")
        .scriptlet(tag::PREUN, "/bin/bash", "echo removed $1")
        .scriptlet(tag::POSTUN, "/bin/sh", "")
        .relation(Relation::Requires, "other", tag::GREATER | tag::EQUAL, "1:2.0-3")
        .relation(Relation::Obsoletes, "poor", tag::LESS, "2")
        .change(1_400_000_000, "A. U. Thor <author@example.org> - 1.0-1", "- first")
}

#[test]
fn what_a_directory_cannot_hold_survives_the_way_through_one() {
    let bench = Workbench::new();
    for format in [Format::V3, Format::V4, Format::V6] {
        for (way, policy, form) in [
            ("plain", &[][..], &[][..]),
            ("clamped", &["--source-date-epoch", "1450000000"], &["--compress", "gzip"]),
            ("renamed", &["--release", "bump", "--arch", "ppc64el", "--scripts", "drop"], &["--compress", "none"]),
        ] {
            let what = format!("{format:?} {way}");
            bench.put("rich.rpm", rich().format(format));
            let (direct, indirect) = both_ways(&bench, &what, "rich.rpm", policy, form);
            assert_same(&what, &direct, &indirect);
        }
    }
}

#[test]
fn hard_links_of_a_large_file_do_not_change_the_compressor() {
    let bench = Workbench::new();
    // Counted once or thrice, the sizes lie on two sides of a power of two; and of the 32 MiB from which zstd works in
    // jobs.
    let cases = [(1_500_000, "xz"), (12_000_000, "zstd")];
    for (bytes, compress) in cases {
        let what = format!("{bytes} {compress}");
        let links = ["/opt/a", "/opt/b", "/opt/c"];
        let builder = RpmBuilder::new("linked").payload(Compressor::Zstd);
        bench.put("linked.rpm", builder.hardlinks(&links, 0o644, Content::Bytes(text(bytes))));
        let form = ["--compress", compress, "--level", "1"];
        let (direct, indirect) = both_ways(&bench, &what, "linked.rpm", &[], &form);
        assert_same(&what, &direct, &indirect);
    }
}

/// Text that compresses, but not to nothing: a million bytes of it, again and again with another line between.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let million: Vec<u8> =
        (0_u64..).flat_map(|line| format!("{} {line}\n", line * line % 9973).into_bytes()).take(1_000_000).collect();
    let mut text = Vec::with_capacity(bytes + million.len());
    for number in 0.. {
        text.extend_from_slice(format!("part {number}\n").as_bytes());
        text.extend_from_slice(&million);
        if text.len() >= bytes {
            break;
        }
    }
    text.truncate(bytes);
    text
}
