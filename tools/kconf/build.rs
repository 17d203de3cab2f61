//! Turns the sets, which are TOML for people, into one JSON text, which the program reads in a fraction of the time.

use std::path::Path;
use std::{env, error, fs};

/// The sets, in the order in which they are shown.
const SETS: [&str; 14] = [
    "base-pseries",
    "dlpar-cpu",
    "dlpar-memory",
    "dlpar-io",
    "lpm",
    "rmc-rtas",
    "virtual-io",
    "console",
    "perf-lparstat",
    "ams",
    "sriov-hnv",
    "crash-dump",
    "security",
    "article",
];

fn main() -> Result<(), Box<dyn error::Error>> {
    let directory = Path::new("../../kconfig");
    let mut sets: Vec<toml::Table> = Vec::new();
    for name in SETS {
        let path = directory.join(name).with_extension("toml");
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        sets.push(toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let output = env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    fs::write(Path::new(&output).join("sets.json"), serde_json::to_string(&sets)?)?;
    Ok(())
}
