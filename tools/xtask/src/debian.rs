//! Packages of Debian's archive, for ppc64el: pinned by SHA-256, downloaded through tests/debian/fetch, read through dpkg-deb.
//!
//! Versions vanish from the archive. When a pinned one has, the newer one is taken, whose digest apt has verified through
//! the archive's signature, and that is said.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::checkout::Checkout;
use crate::digest;
use crate::images::Source;
use crate::program;

const ARCHITECTURE: &str = "ppc64el";

/// The package whose dependency is the suite's kernel.
const KERNEL_METAPACKAGE: &str = "linux-image-powerpc64le";

/// A package to download.
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
}

/// A package in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) sha256: String,
    /// Where it is, relative to the cache.
    pub(crate) file: PathBuf,
    /// False when it is newer than the one that is pinned.
    pub(crate) pinned: bool,
}

/// All packages of a source and, for a kernel, the release that they are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) release: Option<String>,
    pub(crate) packages: Vec<Package>,
}

/// A package's .deb, once more compared with its digest: the cache may be old, and what comes out of it runs.
pub(crate) fn verified(checkout: &Checkout, package: &Package) -> Result<PathBuf> {
    let deb = checkout.cache.join(&package.file);
    ensure!(digest::of_file(&deb)? == package.sha256, "{} has changed; remove it", deb.display());
    Ok(deb)
}

/// Finds a source's packages in the cache or in the archive.
pub(crate) fn find(checkout: &Checkout, source: &Source) -> Result<Found> {
    if let Some(found) = pinned_in_cache(checkout, source) {
        return Ok(found);
    }
    let moved = checkout.cache.join("debs").join(format!("newer-than-{}.json", source.fingerprint()));
    if let Some(found) = read_moved(checkout, &moved) {
        say_moved(source, &found);
        return Ok(found);
    }
    let pinned = fetch_pinned(checkout, source);
    let Err(refused) = pinned else { return pinned };
    ensure!(!refused.is::<WrongDigest>(), refused);
    eprintln!("xtask: {refused:#}");
    let found =
        fetch_newest(checkout, source).context("neither the pinned packages nor newer ones; is there a network?")?;
    say_moved(source, &found);
    fs::write(&moved, serde_json::to_vec(&found)?).with_context(|| format!("write {}", moved.display()))?;
    Ok(found)
}

fn say_moved(source: &Source, found: &Found) {
    let newer = found.packages.iter().filter(|package| !package.pinned);
    for package in newer {
        let file = package.file.file_name().unwrap_or_default().to_string_lossy();
        eprintln!(
            "xtask: {} has no longer the version that is pinned; taken instead: {file}, sha256 {}",
            source.suite, package.sha256
        );
    }
}

fn pinned_in_cache(checkout: &Checkout, source: &Source) -> Option<Found> {
    let packages = source.packages().map(|(name, pin)| {
        let file = fs::read_dir(checkout.cache.join("debs").join(&pin.sha256)).ok()?.next()?.ok()?.file_name();
        let file = Path::new("debs").join(&pin.sha256).join(file);
        Some(Package { name, sha256: pin.sha256.clone(), file, pinned: true })
    });
    Some(Found { release: source.release.clone(), packages: packages.collect::<Option<_>>()? })
}

fn read_moved(checkout: &Checkout, moved: &Path) -> Option<Found> {
    let found: Found = serde_json::from_slice(&fs::read(moved).ok()?).ok()?;
    found.packages.iter().all(|package| checkout.cache.join(&package.file).is_file()).then_some(found)
}

fn fetch_pinned(checkout: &Checkout, source: &Source) -> Result<Found> {
    let packages = source.packages().map(|(name, pin)| {
        let request = Request { name: name.clone(), version: Some(pin.version.clone()) };
        let deb = fetch(checkout, &source.suite, &request)?;
        let found = digest::of_file(&deb)?;
        if found != pin.sha256 {
            bail!(WrongDigest { name, version: pin.version.clone(), found, pinned: pin.sha256.clone() });
        }
        keep(checkout, name, found, &deb, true)
    });
    Ok(Found { release: source.release.clone(), packages: packages.collect::<Result<_>>()? })
}

fn fetch_newest(checkout: &Checkout, source: &Source) -> Result<Found> {
    let release = source.release.as_ref().map(|_| current_release(checkout, &source.suite)).transpose()?;
    let newest = Source { release: release.clone(), ..source.clone() };
    let packages = newest.packages().map(|(name, pin)| {
        let deb = fetch(checkout, &source.suite, &Request { name: name.clone(), version: None })?;
        let sha256 = digest::of_file(&deb)?;
        let pinned = sha256 == pin.sha256;
        keep(checkout, name, sha256, &deb, pinned)
    });
    Ok(Found { release, packages: packages.collect::<Result<_>>()? })
}

/// The same version with other bytes: not the archive moving on, but something wrong.
#[derive(Debug)]
struct WrongDigest {
    name: String,
    version: String,
    found: String,
    pinned: String,
}

impl std::fmt::Display for WrongDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, version, found, pinned } = self;
        write!(f, "{name} {version} has the SHA-256 {found}, {pinned} is pinned: not taken")
    }
}

impl std::error::Error for WrongDigest {}

/// Into the cache, under its digest.
fn keep(checkout: &Checkout, name: String, sha256: String, deb: &Path, pinned: bool) -> Result<Package> {
    let file = deb.file_name().with_context(|| format!("{} has no name", deb.display()))?;
    let file = Path::new("debs").join(&sha256).join(file);
    let path = checkout.cache.join(&file);
    crate::checkout::make_directory(path.parent().context("no parent")?, |dir| {
        let target = dir.join(file.file_name().context("no name")?);
        fs::rename(deb, &target).with_context(|| format!("keep {}", deb.display()))
    })?;
    Ok(Package { name, sha256, file, pinned })
}

fn apt_directory(checkout: &Checkout, suite: &str) -> PathBuf {
    checkout.cache.join(format!("apt-{suite}"))
}

/// Downloads one package without what it depends on.
pub(crate) fn fetch(checkout: &Checkout, suite: &str, request: &Request) -> Result<PathBuf> {
    let wanted = match &request.version {
        Some(version) => format!("{}={version}", request.name),
        None => request.name.clone(),
    };
    let mut command = Command::new(checkout.root.join("tests/debian/fetch"));
    command.args(["--alone", ARCHITECTURE, suite]).arg(apt_directory(checkout, suite)).arg(&wanted);
    let printed = program::output(&mut command).with_context(|| format!("download {wanted} from {suite}"))?;
    let deb = PathBuf::from(printed.trim_end());
    ensure!(deb.is_file(), "download {wanted} from {suite}: no file {}", deb.display());
    Ok(deb)
}

/// The kernel that the suite's metapackage depends on; the lists are there, for something was downloaded before.
fn current_release(checkout: &Checkout, suite: &str) -> Result<String> {
    let config = apt_directory(checkout, suite).join("apt.conf");
    let mut command = Command::new("apt-cache");
    let said = program::output(command.env("APT_CONFIG", config).args(["show", KERNEL_METAPACKAGE]))?;
    release_in(&said).with_context(|| format!("{KERNEL_METAPACKAGE} of {suite} depends on no kernel"))
}

fn release_in(paragraph: &str) -> Option<String> {
    let depends = paragraph.lines().find_map(|line| line.strip_prefix("Depends:"))?;
    let mut names = depends.split([',', '|']).filter_map(|word| word.split_whitespace().next());
    names.find_map(|name| name.strip_prefix("linux-image-")).map(str::to_owned)
}

/// The suite of this machine.
pub(crate) fn this_suite() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("read /etc/os-release")?;
    let suite = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(suite
        .context("/etc/os-release names no VERSION_CODENAME: this is no Debian release")?
        .trim_matches('"')
        .to_owned())
}

/// Goes through a package's files; paths come without leading `./`, links and directories with empty content.
pub(crate) fn each_file(deb: &Path, mut take: impl FnMut(&File<'_>) -> Result<()>) -> Result<()> {
    let mut unpacker = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .context("run dpkg-deb (package dpkg)")?;
    let tar = unpacker.stdout.take().context("dpkg-deb has no output")?;
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().with_context(|| format!("read {}", deb.display()))? {
        let mut entry = entry.with_context(|| format!("read {}", deb.display()))?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        let link = entry.link_name()?.map(|target| target.to_string_lossy().into_owned());
        let mode = entry.header().mode()?;
        let regular = entry.header().entry_type().is_file();
        let mut content = Vec::new();
        if regular {
            entry.read_to_end(&mut content).with_context(|| format!("read {path} of {}", deb.display()))?;
        }
        take(&File { path: &path, link: link.as_deref(), mode, regular, content: &content })?;
    }
    let status = unpacker.wait()?;
    ensure!(status.success(), "dpkg-deb --fsys-tarfile {}: {status}", deb.display());
    Ok(())
}

/// One entry of a package.
pub(crate) struct File<'a> {
    pub(crate) path: &'a str,
    pub(crate) link: Option<&'a str>,
    pub(crate) mode: u32,
    pub(crate) regular: bool,
    pub(crate) content: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metapackage_names_the_kernel() {
        for (depends, expected) in [
            ("linux-image-6.1.0-50-powerpc64le (= 6.1.176-1)", Some("6.1.0-50-powerpc64le")),
            (
                "linux-base-powerpc64le (= 7.2.13-1), linux-image-7.2.13+deb14-powerpc64le (= 7.2.13-1)",
                Some("7.2.13+deb14-powerpc64le"),
            ),
            ("linux-base", None),
        ] {
            let paragraph = format!("Package: x\nDepends: {depends}\nSize: 1\n");
            assert_eq!(release_in(&paragraph).as_deref(), expected);
        }
    }
}
