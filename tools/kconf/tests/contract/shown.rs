//! What is printed, word by word. `LPARKIT_BLESS=1 cargo test -p kconf` rewrites `tests/golden/`; read the diff.

use std::fs;
use std::path::Path;

use crate::workbench::{DEBIAN_12, Workbench};

/// Compares with a file of `tests/golden`.
fn golden(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("LPARKIT_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, shown).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, expected, "{name}; if that is right: LPARKIT_BLESS=1 cargo test -p kconf");
}

#[test]
fn each_verb_shows_what_it_should() {
    let bench = Workbench::new();
    bench.put("config", DEBIAN_12);
    bench.put(
        "newer",
        DEBIAN_12.replace("6.1.176", "7.2.13").replace("# CONFIG_LPARCFG is not set", "CONFIG_LPARCFG=y"),
    );
    bench.put("asked", "CONFIG_LPARCFG=y\nCONFIG_SCANLOG=m\nCONFIG_PAPR_SCM=m\nCONFIG_DTL=y\nCONFIG_INET=y\nCONFIG_CC_VERSION_TEXT=\"x\"\n");
    let cases: &[(&str, &[&str])] = &[
        ("check.txt", &["check", "config"]),
        ("check-verbose.txt", &["check", "config", "--verbose", "--set", "dlpar-memory", "--set", "ams"]),
        ("check.json", &["check", "config", "--json", "--set", "ams"]),
        ("check.md", &["check", "config", "--markdown"]),
        ("check-article.txt", &["check", "config", "--set", "article"]),
        ("explain-option.txt", &["explain", "CONFIG_LPARCFG"]),
        ("explain-hidden.txt", &["explain", "PSERIES_PLPKS"]),
        ("explain-renamed.txt", &["explain", "MEMORY_HOTPLUG_DEFAULT_ONLINE"]),
        ("explain-set.txt", &["explain", "ams"]),
        (
            "fragment.txt",
            &[
                "fragment",
                "--kernel",
                "6.12",
                "--flavour",
                "4k",
                "--set",
                "security",
                "--set",
                "perf-lparstat",
                "--optional",
            ],
        ),
        ("fragment-article.txt", &["fragment", "--kernel", "2.6.39", "--set", "article", "--modules"]),
        ("verify.txt", &["verify", "config", "asked", "--verbose"]),
        ("verify.json", &["verify", "config", "asked", "--json"]),
        ("diff.txt", &["diff", "config", "newer"]),
        ("sets.txt", &["sets"]),
    ];
    for (name, arguments) in cases {
        golden(name, &bench.run(arguments).stdout);
    }
}

#[test]
fn nothing_is_coloured_where_no_terminal_is() {
    let bench = Workbench::new();
    bench.put("config", DEBIAN_12);
    assert!(!bench.run(&["check", "config"]).stdout.contains('\x1b'));
}

#[test]
fn the_checked_in_fragments_are_what_the_program_writes() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kconfig/fragments");
    let fragments = [
        ("debian-12-6.1", "6.1", "64k"),
        ("debian-13-6.12-4k", "6.12", "4k"),
        ("debian-13-6.12-64k", "6.12", "64k"),
        ("debian-sid-7.2-4k", "7.2", "4k"),
        ("debian-sid-7.2-64k", "7.2", "64k"),
    ];
    assert_eq!(fs::read_dir(&directory).unwrap().count(), fragments.len(), "each is regenerated");
    let bench = Workbench::new();
    for (name, version, flavour) in fragments {
        let path = directory.join(format!("{name}.config"));
        let written = bench.run(&["fragment", "--kernel", version, "--flavour", flavour, "--modules"]).stdout;
        if std::env::var_os("LPARKIT_BLESS").is_some() {
            fs::write(&path, &written).unwrap();
        }
        assert_eq!(written, fs::read_to_string(&path).unwrap(), "{name}");
    }
}
