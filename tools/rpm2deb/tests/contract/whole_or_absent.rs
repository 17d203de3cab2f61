//! An output is whole or absent, whatever becomes of the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::rpm_writer::{Content, RpmBuilder};
use crate::workbench::{RPM2DEB, Run, Workbench, ended};

/// A package whose .deb is larger than the 8 KiB that [`limited`] allows.
fn large(bench: &Workbench) {
    // A multiplicative generator (Knuth's MMIX constants): bytes that no compressor shrinks.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    bench.put(
        "large.rpm",
        RpmBuilder::new("large").file("/opt/large", 0o644, Content::Bytes(noise.take(300_000).collect())),
    );
}

/// Runs `rpm2deb` where no file may become larger than 8 KiB: a write fails as on a full disk. SIGXFSZ, which would
/// end the program, is ignored, for a full disk sends no signal.
fn limited(bench: &Workbench, arguments: &str) -> Run {
    let script = format!("trap '' XFSZ; ulimit -f 8; exec '{RPM2DEB}' {arguments}");
    ended(bench.here("bash").args(["-c", &script]))
}

#[test]
fn when_the_disk_is_full_nothing_is_left_and_the_older_package_stays() {
    let bench = Workbench::new();
    large(&bench);
    for compress in ["xz", "zstd", "gzip", "none"] {
        let run = limited(&bench, &format!("convert large.rpm -o {compress} --compress {compress} --sha1sum"));
        assert_eq!(run.code, Some(1), "{compress}: {run:?}");
        assert!(run.stderr.contains("cannot write"), "{compress}: {}", run.stderr);
        assert_eq!(bench.listing(compress), Vec::<String>::new(), "{compress}");

        fs::write(bench.path(compress).join("large_1.0-1_all.deb"), "an older one").unwrap();
        assert_eq!(limited(&bench, &format!("convert large.rpm -o {compress} --compress {compress}")).code, Some(1));
        assert_eq!(bench.listing(compress), ["large_1.0-1_all.deb"], "{compress}");
        assert_eq!(fs::read(bench.path(compress).join("large_1.0-1_all.deb")).unwrap(), b"an older one");
    }
}

#[test]
fn unpack_and_build_are_whole_or_absent_too() {
    let bench = Workbench::new();
    large(&bench);
    let run = limited(&bench, "unpack large.rpm -o tree");
    assert_eq!((run.code, bench.listing("tree")), (Some(1), Vec::new()), "{}", run.stderr);
    bench.done(&["unpack", "large.rpm", "-o", "tree"]);
    let run = limited(&bench, "build tree/large-1.0 -o out");
    assert_eq!((run.code, bench.listing("out")), (Some(1), Vec::new()), "{}", run.stderr);
}

#[test]
fn unpack_does_not_touch_a_directory_that_is_there() {
    let bench = Workbench::new();
    large(&bench);
    fs::create_dir_all(bench.path("large-1.0/mine")).unwrap();
    let run = bench.run(&["unpack", "large.rpm"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("large-1.0") && run.stderr.contains("exists"), "{}", run.stderr);
    assert_eq!(
        (bench.listing(""), bench.listing("large-1.0")),
        (vec!["large-1.0".into(), "large.rpm".into()], vec!["mine".into()])
    );
}

#[test]
fn a_bad_package_leaves_the_older_output_alone() {
    let bench = Workbench::new();
    bench.put("x.rpm", RpmBuilder::new("xx").file("/opt/x", 0o644, "good"));
    let deb = bench.convert("x.rpm", "out", &[]);
    let good = fs::read(&deb).unwrap();
    // The payload's last file is damaged: the fault shows after most of the package has been written.
    bench.put(
        "x.rpm",
        RpmBuilder::new("xx").file("/opt/x", 0o644, "good").edit_cpio(|cpio| {
            let at = cpio.windows(4).position(|bytes| bytes == b"good").unwrap();
            cpio[at] = b'f';
        }),
    );
    let run = bench.run(&["convert", "x.rpm", "-o", "out"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(bench.only("out"), deb);
    assert!(fs::read(&deb).unwrap() == good);
}

#[test]
fn an_output_directory_that_cannot_be_written_ends_with_1() {
    let bench = Workbench::new();
    large(&bench);
    fs::write(bench.path("file"), "").unwrap();
    let mut places = vec!["file", "file/below", "/proc/rpm2deb"];
    fs::create_dir(bench.path("closed")).unwrap();
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(bench.path("closed/probe"), "").is_err() {
        places.push("closed");
    } else {
        eprintln!("skipped: root writes to a directory of mode 0500");
    }
    for place in places {
        let run = bench.run(&["convert", "large.rpm", "-o", place]);
        assert_eq!(run.code, Some(1), "{place}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(place), "{place}: {}", run.stderr);
    }
}
