//! `--shlibs-root`: library names become dependencies by the word of a dpkg root, here a made-up one.

use std::fs;

use crate::sandbox::fields;
use crate::workbench::{Workbench, corpus_rpm};

/// A root whose dpkg knows these files in var/lib/dpkg/info.
fn root(bench: &Workbench, info: &[(&str, &str)]) {
    let directory = bench.path("root/var/lib/dpkg/info");
    fs::create_dir_all(&directory).unwrap();
    for (name, content) in info {
        fs::write(directory.join(name), content).unwrap();
    }
}

const LIBC_LIST: &str = "/.\n/usr\n/usr/lib/powerpc64le-linux-gnu\n/usr/lib/powerpc64le-linux-gnu/libc.so.6\n";

#[test]
fn a_symbols_file_gives_the_dependency_with_its_version() {
    let bench = Workbench::new();
    // glibc's first version for ppc64el is 2.17; each symbol that the library uses has it, or a later one.
    let symbols = "libc.so.6 libc6-symbols #MINVER#\n| libc6 (>> 2.99), libc6 (<< 2.100)\n printf@GLIBC_2.17 2.17\n never_used@GLIBC_2.17 2.77\n";
    root(&bench, &[("libc6:ppc64el.symbols", symbols), ("libc6:ppc64el.list", LIBC_LIST)]);
    let rpm = corpus_rpm("librtas-2.0.4-1.ppc64le.rpm");
    let run = bench.done(&["convert", &rpm, "-o", "out", "--shlibs-root", "root"]);
    let depends = fields(&bench.only("out"))["Depends"].clone();
    assert!(depends.starts_with("libc6-symbols"), "{depends}");
    assert!(!depends.contains("2.77") && !depends.contains("2.99") && !depends.contains("MINVER"), "{depends}");
    assert!(!run.stderr.contains("is in no Depends"), "{}", run.stderr);
}

#[test]
fn a_shlibs_file_gives_the_dependency_as_it_says() {
    let bench = Workbench::new();
    root(&bench, &[("libc6:ppc64el.shlibs", "libc 6 libc6 (>= 2.36)\n"), ("libc6:ppc64el.list", LIBC_LIST)]);
    let rpm = corpus_rpm("librtas-2.0.4-1.ppc64le.rpm");
    bench.done(&["convert", &rpm, "-o", "out", "--shlibs-root", "root"]);
    assert_eq!(fields(&bench.only("out"))["Depends"], "libc6 (>= 2.36)");
    // A dry run says the same.
    let dry = bench.done(&["convert", &rpm, "--dry-run", "--shlibs-root", "root"]).stdout;
    assert!(dry.contains("Depends: libc6 (>= 2.36)"), "{dry}");
}

#[test]
fn a_library_of_another_architecture_is_no_answer() {
    let bench = Workbench::new();
    let list = |triplet: &str| format!("/.\n/usr\n/usr/lib/{triplet}\n/usr/lib/{triplet}/libsqlite3.so.0\n");
    let rpm = corpus_rpm("libvpd-2.2.9-1.ppc64le.rpm");
    let cases = [("amd64", "x86_64-linux-gnu", false), ("ppc64el", "powerpc64le-linux-gnu", true)];
    for (arch, triplet, is_answer) in cases {
        let shlibs = (format!("libsqlite3-0:{arch}.shlibs"), "libsqlite3 0 libsqlite3-0 (>= 3.30)\n".to_owned());
        let list = (format!("libsqlite3-0:{arch}.list"), list(triplet));
        root(&bench, &[(&shlibs.0, &shlibs.1), (&list.0, &list.1)]);
        let run = bench.done(&["convert", &rpm, "-o", arch, "--shlibs-root", "root"]);
        let depends = fields(&bench.only(arch)).get("Depends").cloned().unwrap_or_default();
        assert_eq!(depends.contains("libsqlite3-0 (>= 3.30)"), is_answer, "{arch}: {depends}");
        assert_eq!(run.stderr.contains("libsqlite3.so.0"), !is_answer, "{arch}: {}", run.stderr);
    }
}

#[test]
fn a_root_without_dpkg_is_a_usage_error_that_says_so() {
    let bench = Workbench::new();
    fs::create_dir(bench.path("root")).unwrap();
    let rpm = corpus_rpm("librtas-2.0.4-1.ppc64le.rpm");
    for root in ["/nonexistent", "root"] {
        let run = bench.run(&["convert", &rpm, "-o", "out", "--shlibs-root", root]);
        assert_eq!((run.code, bench.listing("out")), (Some(2), Vec::new()), "{root}");
        let expected = format!("error: --shlibs-root {root}: no dpkg system");
        assert!(run.stderr.starts_with(&expected), "{root}: {}", run.stderr);
    }
}
