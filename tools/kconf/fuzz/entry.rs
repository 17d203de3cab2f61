//! What the fuzz targets call: one function for each reader of strangers' bytes. `tests/fuzz_seeds_and_regressions.rs`
//! calls the same functions on the committed inputs, so that the stable toolchain runs them too.

use std::io::Cursor;
use std::sync::LazyLock;

use kconf::config::Config;
use kconf::diff::diff;
use kconf::evaluate::{Kernel, evaluate};
use kconf::merge::{Input, merge};
use kconf::sets::Sets;
use kconf::source::image::{Embedded, extract};
use kconf::source::package;
use kconf::verify::verify;

static SETS: LazyLock<Sets> = LazyLock::new(|| Sets::embedded().expect("the sets of this build follow their schema"));

/// Parses bytes as a configuration; what passes goes through everything that a configuration goes through.
pub(crate) fn config(data: &[u8]) {
    let Ok(config) = Config::parse(data) else { return };
    let kernel = Kernel { version: config.version(), flavour: config.flavour(), source: String::new() };
    let report = evaluate(&SETS.all().iter().collect::<Vec<_>>(), &config, kernel);
    assert_eq!(report.sets.len(), SETS.all().len());
    assert!(verify(&config, &config, &SETS).lost.is_empty(), "a configuration has what it asks for");
    assert!(diff(&config, &config, &SETS, true).is_empty(), "a configuration is like itself");
    let input = Input { name: "fuzz", bytes: data };
    let merged = merge(input, &[input]).expect("what was parsed can be merged");
    let again = Config::parse(merged.text.as_bytes()).expect("what was merged can be parsed");
    assert_eq!(again.sorted(), config.sorted(), "merged with itself it is the same");
}

/// Looks for a configuration in bytes as an image.
pub(crate) fn image(data: &[u8]) {
    if let Ok(Embedded::Config(text)) = extract(&mut Cursor::new(data)) {
        config(&text);
    }
}

/// Reads bytes as a package.
pub(crate) fn package(data: &[u8]) {
    let Ok(contents) = package::read(data) else { return };
    for (_, bytes) in contents.configs {
        config(&bytes);
    }
}
