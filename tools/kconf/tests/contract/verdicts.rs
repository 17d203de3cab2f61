//! How a run ends.

use std::fs;

use crate::workbench::{DEBIAN_12, Workbench};

fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.put("config", DEBIAN_12);
    bench.put("lacking", "CONFIG_LPARCFG=y\n# CONFIG_DTL is not set\n");
    bench
}

#[test]
fn zero_is_good_one_is_bad_two_is_unusable() {
    let bench = bench();
    let cases: &[(&[&str], i32)] = &[
        (&["check", "config", "--set", "lpm"], 0),
        (&["check", "config"], 1),
        (&["check", "config", "--set", "perf-lparstat"], 1),
        (&["check", "config", "--set", "nonsense"], 2),
        (&["check", "missing"], 2),
        (&["check", "config", "--json", "--markdown"], 2),
        (&["check", "config", "--kernel", "soon"], 2),
        (&["verify", "config", "config"], 0),
        (&["verify", "config", "lacking"], 1),
        (&["verify", "config", "missing"], 2),
        (&["diff", "config", "config"], 0),
        (&["diff", "config", "lacking"], 1),
        (&["explain", "LPARCFG"], 0),
        (&["explain", "CONFIG_LPARCFG"], 0),
        (&["explain", "lpm"], 0),
        (&["explain", "NONSENSE"], 2),
        (&["fragment", "--kernel", "6.1"], 0),
        (&["fragment", "--kernel", "6.1", "--set", "nonsense"], 2),
        (&["sets"], 0),
        (&["sets", "--sets", "."], 2),
        (&["merge", "config", "lacking", "-o", "missing/out"], 2),
        (&["manual"], 0),
        (&["completions", "bash"], 0),
        (&[], 2),
    ];
    for (arguments, code) in cases {
        let run = bench.run(arguments);
        assert_eq!(run.code, Some(*code), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stderr.is_empty(), *code < 2, "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn merge_writes_what_verify_accepts_and_tells_what_it_overrode() {
    let bench = bench();
    let run = bench.run(&["merge", "config", "lacking", "-o", "out"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("LPARCFG: n (config) -> y (lacking)\n"), "{}", run.stdout);
    assert!(run.stdout.contains("out: 1 overridden, 0 added"), "{}", run.stdout);
    assert_eq!(bench.run(&["verify", "out", "lacking"]).code, Some(0));
    let expected = DEBIAN_12.replace("# CONFIG_LPARCFG is not set", "CONFIG_LPARCFG=y");
    assert_eq!(fs::read_to_string(bench.path("out")).unwrap(), expected);
}

#[test]
fn merge_may_write_over_its_base() {
    let bench = bench();
    assert_eq!(bench.run(&["merge", "config", "lacking", "-o", "config"]).code, Some(0));
    assert_eq!(bench.run(&["verify", "config", "lacking"]).code, Some(0));
}

#[test]
fn a_failed_merge_leaves_nothing() {
    let bench = bench();
    bench.put("broken", "hello\n");
    let run = bench.run(&["merge", "config", "broken", "-o", "out"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("broken") && run.stderr.contains("line 1"), "{}", run.stderr);
    assert!(!bench.path("out").exists());
}

#[test]
fn own_sets_replace_the_built_in_ones() {
    let bench = bench();
    let set = "name = \"mine\"\ntitle = \"Mine\"\npurpose = \"p\"\ndefault = true\n[[option]]\nsymbol = \"LPARCFG\"\n\
               need = \"required\"\naccept = [\"n\"]\ngives = \"g\"\nfails = \"f\"\nsource = \"s\"\nconfidence = \"inferred\"\n";
    bench.put("sets/mine.toml", set);
    assert_eq!(bench.run(&["check", "config", "--sets", "sets"]).code, Some(0));
    assert_eq!(bench.run(&["sets", "--sets", "sets"]).stdout, "mine  Mine\n");
    bench.put("sets/mine.toml", set.replace("accept", "acept"));
    let run = bench.run(&["check", "config", "--sets", "sets"]);
    assert!(run.code == Some(2) && run.stderr.contains("unknown field `acept`"), "{run:?}");
}
