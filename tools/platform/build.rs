//! Turns `dcaps.toml` into a table of Rust, so that no program has to parse it when it runs and a mistake in it does not
//! compile.
#![allow(clippy::disallowed_methods)] // a build script reads and writes files of the build

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    pinned_memory_mib: u64,
    bit: Vec<Bit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bit {
    word: String,
    #[serde(rename = "bit")]
    position: u8,
    means: String,
    confidence: String,
    evidence: String,
    needs: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=dcaps.toml");
    let table: Table = toml::from_str(&fs::read_to_string("dcaps.toml")?)?;
    let out = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    fs::write(Path::new(&out).join("dcaps.rs"), rust(&table)?)?;
    Ok(())
}

fn rust(table: &Table) -> Result<String, Box<dyn Error>> {
    let mut text = format!("const PINNED_MEMORY_MIB: u64 = {};\nconst RULES: &[Rule] = &[\n", table.pinned_memory_mib);
    for Bit { word, position, means, confidence, evidence, needs } in &table.bit {
        let (word, confidence) = (variant(word), variant(confidence));
        let needs: Vec<String> = needs.iter().map(|need| format!("Fact::{need}")).collect();
        writeln!(
            text,
            "Rule {{ word: Word::{word}, bit: {position}, means: {means:?}, confidence: Confidence::{confidence},"
        )?;
        writeln!(text, "evidence: {evidence:?}, needs: &[{}] }},", needs.join(", "))?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// `dcaps` to `Dcaps`.
fn variant(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}
