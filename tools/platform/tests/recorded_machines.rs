//! Recorded machines: what is observed on each is in `tests/expected/platform`.
//! `BLESS=yes cargo test -p platform` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

use platform::dcaps;
use platform::observation::observe;
use sysroot::Sysroot;

#[test]
fn each_machine_is_observed_as_expected() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let mut machines = 0;
    for entry in fs::read_dir(tests.join("machines")).unwrap() {
        let directory = entry.unwrap().path();
        if !directory.is_dir() {
            continue;
        }
        let name = directory.file_name().unwrap().to_str().unwrap();
        assert!(directory.join("PROVENANCE").exists(), "{name} does not say where it comes from");
        let found = observe(&Sysroot::at(&directory).unwrap());
        let words = dcaps::compute(&found.capabilities);
        let shown = format!("{words}\n{}\n", serde_json::to_string_pretty(&found).unwrap());
        let expected = tests.join("expected/platform").join(format!("{name}.txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
        machines += 1;
    }
    assert!(machines >= 4, "{machines} machines");
}
