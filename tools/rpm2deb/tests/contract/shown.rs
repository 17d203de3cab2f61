//! What is printed for people and for machines: `inspect`, `--json`, completions, the manual page.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::rpm_writer::{RpmBuilder, tag};
use crate::workbench::{RPM2DEB, Workbench, corpus, corpus_rpm, ended};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_json_of_a_conversion_has_the_keys_that_scripts_rely_on() {
    let bench = Workbench::new();
    let mut rules = 0;
    for rpm in corpus() {
        let run = bench.done(&["convert", &rpm, "-o", "out", "--json", "--compress", "none"]);
        assert_eq!(run.stderr, "", "with --json everything is in the document");
        let document = parsed(&run.stdout);
        assert_eq!(keys(&document), BTreeSet::from(["converted", "failed", "packages"]));
        let package = &document["packages"][0];
        let expected = [
            "rpm",
            "status",
            "output",
            "bytes",
            "plan",
            "package",
            "version",
            "architecture",
            "control",
            "signatures",
            "notices",
        ];
        assert_eq!(keys(package), BTreeSet::from(expected));
        let plan = ["package", "version", "architecture", "maintainer", "files", "conffiles"];
        assert_eq!(keys(&package["plan"]), BTreeSet::from(plan));
        assert_eq!(package["rpm"], rpm.as_str());
        let deb = bench.path(package["output"].as_str().unwrap());
        assert_eq!(package["bytes"], fs::metadata(&deb).unwrap().len());
        let name = deb.file_name().unwrap().to_str().unwrap();
        let said = ["package", "version", "architecture"].map(|key| package[key].as_str().unwrap());
        assert_eq!(format!("{}.deb", said.join("_")), name);
        let notices = package["notices"].as_array().unwrap();
        rules += notices.len();
        for notice in notices {
            assert_eq!(keys(notice), BTreeSet::from(["rule", "severity", "subject", "text"]));
            let rule = notice["rule"].as_str().unwrap();
            assert!(!rule.is_empty() && rule.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{rule}");
            assert!(["note", "warning"].contains(&notice["severity"].as_str().unwrap()));
        }
    }
    assert!(rules > 11, "{rules} notices for all packages");
}

#[test]
fn a_failure_is_json_too_for_every_verb() {
    let bench = Workbench::new();
    fs::write(bench.path("bad.rpm"), "no package").unwrap();
    for verb in ["convert", "inspect", "unpack", "build"] {
        let run = bench.run(&[verb, "bad.rpm", "--json"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{verb}");
        let document = parsed(&run.stdout);
        let failure = if verb == "convert" { &document["packages"][0] } else { &document };
        assert_eq!(failure["status"], "failed", "{verb}");
        assert!(failure["error"].as_str().is_some_and(|error| !error.is_empty()), "{verb}");
    }
}

#[test]
fn unpack_and_build_report_in_json_what_they_made() {
    let bench = Workbench::new();
    bench.put("x.rpm", RpmBuilder::new("xx").file("/opt/x", 0o644, "x"));
    let unpacked = parsed(&bench.done(&["unpack", "x.rpm", "--json"]).stdout);
    assert_eq!((&unpacked["status"], &unpacked["package"]), (&"converted".into(), &"xx".into()));
    let tree = bench.path(unpacked["output"].as_str().unwrap());
    assert!(tree.join("debian/control").is_file());
    let built = parsed(&bench.done(&["build", tree.to_str().unwrap(), "--json", "-o", "out"]).stdout);
    assert_eq!((&built["status"], &built["version"]), (&"built".into(), &"1.0-1".into()));
    assert!(bench.path(built["output"].as_str().unwrap()).is_file());
}

#[test]
fn notes_are_shown_only_when_asked_for_and_warnings_always() {
    let bench = Workbench::new();
    let rpm = corpus_rpm("libvpd-2.2.9-1.ppc64le.rpm");
    let quiet = bench.done(&["convert", &rpm, "-o", "out"]).stderr;
    let loud = bench.done(&["convert", &rpm, "-o", "out", "--verbose"]).stderr;
    assert!(quiet.contains("warning: ") && quiet.contains("libsqlite3.so.0"), "{quiet}");
    assert!(quiet.lines().all(|line| line.starts_with("warning: ")), "{quiet}");
    assert!(loud.lines().any(|line| line.starts_with("note: ")), "{loud}");
    assert!(quiet.lines().all(|line| loud.contains(line)));
}

#[test]
fn inspect_tells_of_every_real_package_what_it_is() {
    let bench = Workbench::new();
    for rpm in corpus() {
        let file_name = Path::new(&rpm).file_name().unwrap().to_str().unwrap().to_owned();
        let text = bench.done(&["inspect", &rpm]).stdout;
        assert!(text.contains(file_name.trim_end_matches(".rpm")), "{text}");
        assert!(text.lines().any(|line| line.starts_with("Digests") && line.contains("verified")), "{text}");
        assert!(text.lines().any(|line| line.starts_with("Provides")), "{text}");

        let document = parsed(&bench.done(&["inspect", &rpm, "--json", "--files", "--scripts"]).stdout);
        let identity = ["name", "version", "release"].map(|key| document[key].as_str().unwrap()).join("-");
        assert_eq!(format!("{identity}.{}.rpm", document["arch"].as_str().unwrap()), file_name);
        let files = document["files"].as_array().unwrap();
        assert_eq!(document["file_count"], files.len());
        let listed = bench.done(&["inspect", &rpm, "--files"]).stdout;
        for file in files {
            assert!(listed.contains(file["path"].as_str().unwrap()), "{listed}");
        }
        assert!(document["scriptlets"].is_array() && document["triggers"].is_array());
    }
    // Without the options the document is short.
    let short = parsed(&bench.done(&["inspect", &corpus()[0], "--json"]).stdout);
    assert!(short.get("files").is_none() && short.get("scriptlets").is_none());
}

#[test]
fn inspect_shows_scriptlets_with_their_interpreter() {
    let bench = Workbench::new();
    let builder = RpmBuilder::new("xx")
        .file("/opt/x", 0o644, "x")
        .scriptlet(tag::POSTIN, "/usr/bin/perl -w", "print 'hello';\n")
        .scriptlet(tag::PRETRANS, "<lua>", "print('lua')");
    bench.put("x.rpm", builder);
    let text = bench.done(&["inspect", "x.rpm", "--scripts"]).stdout;
    for fragment in ["%post", "/usr/bin/perl -w", "print 'hello';", "<lua>", "print('lua')"] {
        assert!(text.contains(fragment), "{fragment}: {text}");
    }
    assert!(!bench.done(&["inspect", "x.rpm"]).stdout.contains("print"));
}

#[test]
fn completions_name_every_verb_for_every_shell() {
    let bench = Workbench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.done(&["completions", shell]).stdout;
        for verb in ["convert", "inspect", "unpack", "build", "manual"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
        assert!(script.contains("source-date-epoch"), "{shell}");
        fs::write(bench.path("completions"), script).unwrap();
        if Path::new("/bin").join(shell).exists() {
            let run = ended(bench.here(shell).args(["-n", "completions"]));
            assert_eq!(run.code, Some(0), "{shell}: {}", run.stderr);
        } else {
            eprintln!("skipped: no {shell} to read its completions");
        }
    }
}

#[test]
fn the_manual_page_is_sound_and_knows_every_option_of_the_help() {
    let bench = Workbench::new();
    let page = bench.done(&["manual"]).stdout;
    assert!(page.starts_with(".ie") || page.starts_with(".TH") || page.contains("\n.TH"), "{}", &page[..80]);
    let help = bench.done(&["convert", "--help"]).stdout;
    let options = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
    for option in options {
        let name = option.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        assert!(page.replace("\\-", "-").contains(&format!("--{name}")), "{option} is not in the manual page");
    }
    if !Path::new("/usr/bin/mandoc").exists() {
        eprintln!("skipped: no mandoc to read the manual page");
        return;
    }
    fs::write(bench.path("rpm2deb.1"), page).unwrap();
    let run = ended(bench.here("mandoc").args(["-T", "lint", "-W", "error", "rpm2deb.1"]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let bench = Workbench::new();
    let script = format!("set -o pipefail; '{RPM2DEB}' manual | true; exit ${{PIPESTATUS[0]}}");
    let run = ended(bench.here("bash").args(["-c", &script]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}
