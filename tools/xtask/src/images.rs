//! Pinned packages: tests/lab/images.toml says what guest images are made of, tests/kconfig/archive.toml which configurations
//! and sources of Debian's kernels the tests of lpar-kconfig read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::digest;

/// What stands for the kernel's release in the names of its packages.
const RELEASE: &str = "{release}";

/// All of tests/lab/images.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Images {
    /// Kernels by the names that `--kernel` takes.
    pub(crate) kernel: BTreeMap<String, Source>,
    pub(crate) busybox: Source,
    pub(crate) tools: Source,
}

/// All of tests/kconfig/archive.toml: packages by the names that `cargo xtask fetch` takes.
#[derive(Debug, Deserialize)]
pub(crate) struct Pins(BTreeMap<String, Source>);

/// Packages of one suite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) suite: String,
    /// For a kernel: its release, as `uname -r` prints it.
    pub(crate) release: Option<String>,
    pub(crate) package: Vec<Pin>,
}

/// One package.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
}

impl Images {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        understood(path)
    }

    /// The kernel of this name.
    pub(crate) fn kernel(&self, name: &str) -> Result<&Source> {
        named(&self.kernel, name).context("look for a kernel in tests/lab/images.toml")
    }
}

impl Pins {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        understood(path)
    }

    /// The packages of this name.
    pub(crate) fn source(&self, name: &str) -> Result<&Source> {
        named(&self.0, name).context("look for packages in tests/kconfig/archive.toml")
    }
}

fn understood<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("understand {}", path.display()))
}

fn named<'a>(sources: &'a BTreeMap<String, Source>, name: &str) -> Result<&'a Source> {
    let known = || sources.keys().cloned().collect::<Vec<_>>().join(", ");
    sources.get(name).with_context(|| format!("there is no {name}; there are {}", known()))
}

impl Source {
    /// Names, with the release in them, and pins.
    pub(crate) fn packages(&self) -> impl Iterator<Item = (String, &Pin)> {
        let release = self.release.as_deref().unwrap_or(RELEASE);
        self.package.iter().map(move |pin| (pin.name.replace(RELEASE, release), pin))
    }

    /// Changes when a pin does.
    pub(crate) fn fingerprint(&self) -> String {
        let pins: Vec<_> = self.packages().map(|(name, pin)| format!("{name} {}", pin.sha256)).collect();
        digest::of_bytes(pins.join("\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_files_in_the_tree_are_understood() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let images = Images::read(&tests.join("lab/images.toml")).unwrap();
        for name in ["debian-12", "debian-13", "newest"] {
            let kernel = images.kernel(name).unwrap();
            assert!(kernel.packages().all(|(name, _)| name.ends_with(kernel.release.as_deref().unwrap())), "{name}");
        }
        let pins = Pins::read(&tests.join("kconfig/archive.toml")).unwrap();
        let sources = images.kernel.values().chain([&images.busybox, &images.tools]).chain(pins.0.values());
        for (name, pin) in sources.flat_map(Source::packages) {
            assert!(pin.sha256.len() == 64 && !pin.version.is_empty(), "{name}");
        }
        assert!(format!("{:#}", images.kernel("debian-11").unwrap_err()).contains("debian-12, debian-13, newest"));
    }

    #[test]
    fn a_new_pin_is_a_new_fingerprint() {
        let source = |sha256: &str| Source {
            suite: "sid".into(),
            release: Some("7".into()),
            package: vec![Pin { name: "linux-{release}".into(), version: "1".into(), sha256: sha256.into() }],
        };
        assert_eq!(source("a").packages().next().unwrap().0, "linux-7");
        assert_ne!(source("a").fingerprint(), source("b").fingerprint());
    }
}
