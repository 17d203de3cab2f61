//! How a run ends: exit codes, summaries, messages, `--dry-run`.

use std::fs;

use crate::rpm_writer::RpmBuilder;
use crate::sandbox::fields;
use crate::workbench::{Workbench, control_text, corpus_rpm};

fn good(name: &str) -> RpmBuilder {
    RpmBuilder::new(name).file(format!("/opt/{name}"), 0o644, name)
}

/// Two good packages with a bad one between them.
fn mixed() -> Workbench {
    let bench = Workbench::new();
    bench.put("one.rpm", good("one"));
    fs::write(bench.path("bad.rpm"), "no package").unwrap();
    bench.put("two.rpm", good("two"));
    bench
}

#[test]
fn a_bad_package_stops_no_other_and_the_summary_counts_both() {
    let bench = mixed();
    let run = bench.run(&["convert", "one.rpm", "bad.rpm", "two.rpm", "-o", "out"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(bench.listing("out"), ["one_1.0-1_all.deb", "two_1.0-1_all.deb"]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("one.rpm -> out/one_1.0-1_all.deb ("), "{lines:?}");
    assert!(lines[1].starts_with("two.rpm -> out/two_1.0-1_all.deb ("), "{lines:?}");
    assert_eq!(lines[2], "2 converted, 1 failed");
    let errors = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>();
    assert!(matches!(errors[..], [line] if line.starts_with("error: bad.rpm: ")), "{errors:?}");
}

#[test]
fn jobs_change_nothing_but_the_order_of_the_lines() {
    let lines = |jobs: &str| {
        let bench = mixed();
        let run = bench.run(&["convert", "one.rpm", "bad.rpm", "two.rpm", "-o", "out", "--jobs", jobs]);
        assert_eq!(run.code, Some(1), "{jobs} jobs");
        assert!(run.stdout.ends_with("2 converted, 1 failed\n"), "{}", run.stdout);
        let mut lines: Vec<String> = run.stdout.lines().chain(run.stderr.lines()).map(str::to_owned).collect();
        lines.sort();
        let debs =
            bench.listing("out").iter().map(|deb| fs::read(bench.path("out").join(deb)).unwrap()).collect::<Vec<_>>();
        (lines, debs)
    };
    let alone = lines("1");
    assert!(alone == lines("2"));
    assert!(alone == lines("7"));
}

#[test]
fn json_keeps_the_order_of_the_arguments_whatever_the_jobs() {
    let bench = mixed();
    let arguments = ["convert", "one.rpm", "bad.rpm", "two.rpm", "-o", "out", "--json", "--jobs", "3"];
    let run = bench.run(&arguments);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let packages = document["packages"].as_array().unwrap();
    let rpms: Vec<_> = packages.iter().map(|package| package["rpm"].as_str().unwrap()).collect();
    assert_eq!(rpms, ["one.rpm", "bad.rpm", "two.rpm"]);
    let statuses: Vec<_> = packages.iter().map(|package| package["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["converted", "failed", "converted"]);
    assert_eq!((run.code, &document["converted"], &document["failed"]), (Some(1), &2.into(), &1.into()));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_writes_nothing() {
    let bench = Workbench::new();
    bench.put("x.rpm", good("x"));
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["frobnicate"], "frobnicate"),
        (&["convert"], "RPM"),
        (&["build"], "DIRECTORY"),
        (&["convert", "x.rpm", "--frob"], "--frob"),
        (&["convert", "x.rpm", "--release", "sideways"], "--release"),
        (&["convert", "x.rpm", "--release", "="], "--release"),
        (&["convert", "x.rpm", "--release", "+a b"], "--release"),
        (&["convert", "x.rpm", "--arch", "ppc64le"], "--arch"),
        (&["convert", "x.rpm", "--arch", "Not An Arch"], "--arch"),
        (&["convert", "x.rpm", "--maintainer", "nobody"], "--maintainer"),
        (&["convert", "x.rpm", "--maintainer", "A <a@b.de>\nEvil: yes"], "--maintainer"),
        (&["convert", "x.rpm", "--level", "99"], "--level"),
        (&["convert", "x.rpm", "--compress", "none", "--level", "1"], "--level"),
        (&["convert", "x.rpm", "--compress", "lzip"], "--compress"),
        (&["convert", "x.rpm", "--scripts", "maybe"], "--scripts"),
        (&["convert", "x.rpm", "--max-size", "many"], "--max-size"),
        (&["convert", "x.rpm", "--source-date-epoch", "yesterday"], "--source-date-epoch"),
        (&["convert", "x.rpm", "--threads", "many"], "--threads"),
        (&["convert", "x.rpm", "--shlibs-root", "/nonexistent"], "/nonexistent"),
        (&["unpack", "x.rpm", "--shlibs-root", "/nonexistent"], "/nonexistent"),
        (&["completions", "command.com"], "command.com"),
    ];
    for (arguments, fragment) in cases {
        let run = bench.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(fragment), "{arguments:?}: {}", run.stderr);
        assert_eq!((run.stdout.as_str(), bench.listing("")), ("", vec!["x.rpm".to_owned()]), "{arguments:?}");
    }
}

#[test]
fn what_is_missing_on_disk_ends_with_1_and_is_named() {
    let bench = Workbench::new();
    bench.put("x.rpm", good("x"));
    fs::create_dir(bench.path("empty")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["convert", "gone.rpm"], "gone.rpm"),
        (&["inspect", "gone.rpm"], "gone.rpm"),
        (&["unpack", "gone.rpm"], "gone.rpm"),
        (&["build", "gone"], "gone"),
        (&["build", "empty"], "empty"),
        (&["convert", "x.rpm", "--patch", "gone.patch"], "gone.patch"),
    ];
    for (arguments, fragment) in cases {
        let run = bench.run(arguments);
        assert_eq!(run.code, Some(1), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(fragment), "{arguments:?}: {}", run.stderr);
        assert_eq!(bench.listing(""), ["empty", "x.rpm"], "{arguments:?}");
    }
}

#[test]
fn a_dry_run_says_what_the_run_would_do_and_writes_nothing() {
    let bench = Workbench::new();
    let rpm = corpus_rpm("libvpd-2.2.9-1.ppc64le.rpm");
    let dry = bench.done(&["convert", &rpm, "-o", "out", "--dry-run", "--sha1sum"]);
    assert!(!bench.path("out").exists());
    assert_eq!(bench.listing(""), Vec::<String>::new());
    let control: String = dry.stdout.lines().skip(1).map(|line| format!("{}\n", &line[2..])).collect();
    assert!(dry.stdout.starts_with(&format!("{rpm} -> libvpd_2.2.9-1_ppc64el.deb (not written: dry run)\n")));

    let document = |arguments: &[&str]| -> serde_json::Value {
        let run = bench.done(&[&["convert", &rpm, "-o", "out", "--json"], arguments].concat());
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()["packages"][0].clone()
    };
    let (mut dry, mut real) = (document(&["--dry-run"]), document(&[]));
    assert_eq!(dry["control"], control);
    assert_eq!((&dry["output"], &dry["bytes"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    for key in ["output", "bytes"] {
        dry[key].take();
        real[key].take();
    }
    assert_eq!(dry, real);

    // In the package it is the same, and Installed-Size is added.
    let deb = bench.only("out");
    let shipped = control_text(&deb, "control");
    let without_size: String =
        shipped.lines().filter(|line| !line.starts_with("Installed-Size:")).map(|line| format!("{line}\n")).collect();
    assert_eq!(without_size, control);
    assert!(fields(&deb).contains_key("Installed-Size"));
}

#[test]
fn a_dry_run_refuses_what_the_run_would_refuse() {
    let bench = Workbench::new();
    bench.put("damaged.rpm", good("damaged").edit_signature(|tags| tags.set_int(crate::rpm_writer::tag::SIG_SIZE, 1)));
    let run = bench.run(&["convert", "damaged.rpm", "--dry-run"]);
    assert_eq!(run.code, Some(1), "{run:?}");
}
