//! Recorded machines: what is observed on each is in `tests/expected/platform`.
//! `BLESS=yes cargo test -p platform` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../../../tests/expected.rs"]
mod expected;

use expected::{differs, machines, tests};
use platform::dcaps;
use platform::observation::observe;
use sysroot::Sysroot;

#[test]
fn each_machine_is_observed_as_expected() {
    for name in machines() {
        let directory = tests().join("machines").join(&name);
        assert!(directory.join("PROVENANCE").exists(), "{name} does not say where it comes from");
        let found = observe(&Sysroot::at(&directory).unwrap());
        let words = dcaps::compute(&found.capabilities);
        let shown = format!("{words}\n{}\n", serde_json::to_string_pretty(&found).unwrap());
        assert!(!differs(&format!("platform/{name}.txt"), &shown), "{name}");
    }
}
