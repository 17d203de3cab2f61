//! The form of the output: compressors, levels, threads, times; the same bytes for the same input.

use std::fs;

use crate::round_trip::text;
use crate::rpm_writer::{Compressor, Content, RpmBuilder};
use crate::sandbox::{fields, tool};
use crate::workbench::{RPM2DEB, Workbench, control, corpus, corpus_rpm, data, ended};

#[test]
fn dpkg_deb_reads_every_compressor_at_every_end_of_its_levels() {
    let bench = Workbench::new();
    let rpm = corpus_rpm("librtas-devel-2.0.4-1.ppc64le.rpm");
    let mut contents = Vec::new();
    // Name, dpkg-deb's default level, the ends of the range, the members' suffix.
    let cases = [
        ("xz", "6", &["0", "9"][..], ".xz"),
        ("zstd", "3", &["1", "22"], ".zst"),
        ("gzip", "9", &["0", "1"], ".gz"),
        ("none", "0", &[], ""),
    ];
    for (compress, default, levels, suffix) in cases {
        let convert = |level: &str| {
            let deb = bench.convert(&rpm, &format!("{compress}-{level}"), &["--compress", compress, "--level", level]);
            tool("dpkg-deb", &["-I", deb.to_str().unwrap()]);
            let expected = format!("debian-binary\ncontrol.tar{suffix}\ndata.tar{suffix}\n");
            assert_eq!(tool("ar", &["t", deb.to_str().unwrap()]), expected, "{compress} {level}");
            deb
        };
        let debs: Vec<_> = levels.iter().map(|level| convert(level)).collect();
        contents.extend(debs.iter().map(|deb| (data(deb), control(deb))));
        let stated = convert(default);
        let unstated = bench.convert(&rpm, compress, &["--compress", compress]);
        assert!(fs::read(&stated).unwrap() == fs::read(&unstated).unwrap(), "{compress}");
        contents.push((data(&stated), control(&stated)));
    }
    assert!(contents.iter().all(|content| *content == contents[0]));
}

#[test]
fn the_number_of_threads_does_not_show_in_the_bytes() {
    let bench = Workbench::new();
    // Level 0 of xz has blocks of 768 KiB; zstd works in jobs from 32 MiB on.
    for (compress, level, bytes) in [("xz", "0", 4_000_000), ("zstd", "1", 34_000_000)] {
        let content = Content::Bytes(text(bytes));
        let builder = RpmBuilder::new("large").payload(Compressor::Zstd).file("/opt/large", 0o644, content);
        bench.put("large.rpm", builder);
        let bytes = |threads: &str| {
            let form = ["--compress", compress, "--level", level, "--threads", threads];
            fs::read(bench.convert("large.rpm", &format!("{compress}-{threads}"), &form)).unwrap()
        };
        assert!(bytes("1") == bytes("4"), "{compress}");
    }
}

/// A package with times before and after 1550000000.
fn dated() -> RpmBuilder {
    RpmBuilder::new("dated")
        .dir("/opt/dated", 0o755)
        .on_last(|file| file.mtime = 1_590_000_000)
        .file("/opt/dated/old", 0o644, "old")
        .on_last(|file| file.mtime = 1_500_000_000)
        .file("/opt/dated/young", 0o644, "young")
        .on_last(|file| file.mtime = 1_600_000_000)
        .symlink("/opt/dated/link", "old")
        .on_last(|file| file.mtime = 1_600_000_001)
}

#[test]
fn source_date_epoch_clamps_times_as_option_and_as_variable() {
    let bench = Workbench::new();
    bench.put("dated.rpm", dated());
    let epoch = 1_550_000_000;
    let deb = bench.convert("dated.rpm", "option", &["--source-date-epoch", "1550000000"]);
    let members = data(&deb);
    let mtime = |path: &str| members[path].mtime;
    assert_eq!(
        (mtime("opt/dated/old"), mtime("opt/dated/young"), mtime("opt/dated/link")),
        (1_500_000_000, epoch, epoch)
    );
    for (path, member) in members.iter().chain(&control(&deb)) {
        assert!(member.mtime <= epoch, "{path}: {}", member.mtime);
    }
    assert!(
        tool("ar", &["tv", deb.to_str().unwrap()])
            .lines()
            .all(|line| line.contains("Feb 12 ") && line.contains("2019"))
    );

    let run =
        ended(bench.command().args(["convert", "dated.rpm", "-o", "variable"]).env("SOURCE_DATE_EPOCH", "1550000000"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(fs::read(bench.only("variable")).unwrap() == fs::read(&deb).unwrap());
    // Without it, the files' own times count.
    let members = data(&bench.convert("dated.rpm", "free", &[]));
    assert_eq!((members["opt/dated/young"].mtime, members["opt/dated"].mtime), (1_600_000_000, 1_590_000_000));
}

#[test]
fn the_same_input_gives_the_same_bytes_at_any_time_and_place() {
    let bench = Workbench::new();
    bench.put("dated.rpm", dated());
    let first = fs::read(bench.convert("dated.rpm", "first", &[])).unwrap();
    // A second later, so that a clock would show.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(first == fs::read(bench.convert("dated.rpm", "second", &[])).unwrap(), "another time");

    fs::create_dir(bench.path("elsewhere")).unwrap();
    let script = format!("umask 077; cd elsewhere && exec '{RPM2DEB}' convert ../dated.rpm");
    let mut command = bench.here("bash");
    let run = ended(command.args(["-c", &script]).env("TZ", "Asia/Tokyo").env("LC_ALL", "C").env("USER", "someone"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(first == fs::read(bench.only("elsewhere")).unwrap(), "another place, umask, zone and locale");
}

#[test]
fn installed_size_is_what_dpkg_gencontrol_would_say() {
    let bench = Workbench::new();
    let links = ["/opt/a", "/opt/b"];
    bench.put("xx.rpm", RpmBuilder::new("xx").hardlinks(&links, 0o644, Content::Zeros(5000)).fifo("/srv/new/p", 0o644));
    for (number, rpm) in corpus().iter().map(String::as_str).chain(["xx.rpm"]).enumerate() {
        let deb = bench.convert(rpm, &number.to_string(), &["--compress", "none"]);
        // Files and links by their size in KiB, hard links once, everything else 1; the root is every package's.
        let kib = data(&deb).into_iter().filter(|(path, _)| path != ".").map(|(_, member)| match member.kind {
            tar::EntryType::Regular => member.content.len().div_ceil(1024),
            tar::EntryType::Link => 0,
            _ => 1,
        });
        assert_eq!(fields(&deb)["Installed-Size"], kib.sum::<usize>().to_string(), "{rpm}");
    }
}
