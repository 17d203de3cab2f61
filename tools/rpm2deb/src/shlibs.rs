//! Which Debian package has a library: the `symbols` and `shlibs` data in a dpkg root, as dpkg-shlibdeps uses them.
//!
//! Only what is asked for is kept: a root may have megabytes of symbols. A package counts if it ships the library where
//! the dynamic linker of the architecture looks; so cross toolchains and libraries of other word sizes do not.
//! Order, as in deb-shlibs(5) and dpkg-shlibdeps(1): symbols, shlibs.override, the package's shlibs, shlibs.default.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::plan::arch::{bits, multiarch_triplet};

/// Bytes of one file of the dpkg data that are read. The largest symbols file in Debian 12 has 4 MB.
const FILE_BYTES: u64 = 64 << 20;

/// What a dpkg root knows of some libraries.
#[derive(Debug, Clone, Default)]
pub struct Shlibs {
    libraries: BTreeMap<String, Library>,
}

/// The packages for one soname.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Library {
    /// From a symbols file.
    Symbols(Symbols),
    /// From a shlibs file: a dependency list, possibly empty.
    Depends(String),
}

/// One library of a symbols file (deb-symbols(5)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Symbols {
    /// Dependency templates; the first one is the main one.
    pub(crate) templates: Vec<String>,
    /// `memcpy@GLIBC_2.14` -> minimal version and number of the template.
    pub(crate) symbols: BTreeMap<String, (String, usize)>,
}

impl Shlibs {
    /// Reads what the dpkg root `root` (`/`, or a debootstrap) knows of the `wanted` sonames for the Debian architecture
    /// `arch`. Sonames that it does not know are no error.
    pub fn read(root: &Path, arch: &str, wanted: &BTreeSet<String>) -> Result<Self, Error> {
        let info = root.join("var/lib/dpkg/info");
        let stems = Stems::list(&info, arch)?;
        let mut found = Found::default();
        for stem in &stems.symbols {
            let path = info.join(format!("{stem}.symbols"));
            for (soname, symbols) in parse_symbols(open(&path)?, wanted).map_err(Error::io("read", &path))? {
                found.offer(&info, stem, arch, &soname, Library::Symbols(symbols))?;
            }
        }
        let mut missing: BTreeSet<String> = wanted.difference(&found.sonames()).cloned().collect();
        found.read_shlibs_file(&root.join("etc/dpkg/shlibs.override"), &mut missing)?;
        for stem in &stems.shlibs {
            let path = info.join(format!("{stem}.shlibs"));
            for (soname, depends) in parse_shlibs(open(&path)?, &missing).map_err(Error::io("read", &path))? {
                found.offer(&info, stem, arch, &soname, Library::Depends(depends))?;
            }
        }
        missing = wanted.difference(&found.sonames()).cloned().collect();
        found.read_shlibs_file(&root.join("etc/dpkg/shlibs.default"), &mut missing)?;
        Ok(Self { libraries: found.best.into_iter().map(|(soname, (_, library))| (soname, library)).collect() })
    }

    /// What is known of a soname.
    pub(crate) fn library(&self, soname: &str) -> Option<&Library> {
        self.libraries.get(soname)
    }
}

/// Splits `libfoo.so.1` and `libfoo-1.2.so` into library and version (dpkg-shlibdeps, `split_soname`).
pub fn split_soname(soname: &str) -> Option<(&str, &str)> {
    let filled = |(library, version): (&str, &str)| !library.is_empty() && !version.is_empty();
    if let Some(parts) = soname.rsplit_once(".so.").filter(|parts| filled(*parts)) {
        return Some(parts);
    }
    let stem = soname.strip_suffix(".so")?;
    let dashes = stem.match_indices('-').map(|(at, _)| (&stem[..at], &stem[at + 1..]));
    let numbered =
        |(library, version): &(&str, &str)| !library.is_empty() && version.starts_with(|c: char| c.is_ascii_digit());
    dashes.rev().find(numbered)
}

/// `PACKAGE` or `PACKAGE:ARCH` of the files in the info directory that concern the architecture, sorted.
#[derive(Default)]
struct Stems {
    symbols: Vec<String>,
    shlibs: Vec<String>,
}

impl Stems {
    fn list(info: &Path, arch: &str) -> Result<Self, Error> {
        let mut stems = Self::default();
        for entry in fs::read_dir(info).map_err(Error::io("list the dpkg data in", info))? {
            let name = entry.map_err(Error::io("list the dpkg data in", info))?.file_name();
            let Some((stem, kind)) = name.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
            if stem.split_once(':').is_some_and(|(_, of)| of != arch) {
                continue;
            }
            match kind {
                "symbols" => stems.symbols.push(stem.to_owned()),
                "shlibs" => stems.shlibs.push(stem.to_owned()),
                _ => {}
            }
        }
        stems.symbols.sort();
        stems.shlibs.sort();
        Ok(stems)
    }
}

/// The best answer so far for each soname, with its rank: less is better.
#[derive(Default)]
struct Found {
    best: BTreeMap<String, (u8, Library)>,
}

impl Found {
    fn sonames(&self) -> BTreeSet<String> {
        self.best.keys().cloned().collect()
    }

    fn offer(&mut self, info: &Path, stem: &str, arch: &str, soname: &str, library: Library) -> Result<(), Error> {
        let Some(rank) = rank(info, stem, arch, soname)? else { return Ok(()) };
        if self.best.get(soname).is_none_or(|(best, _)| rank < *best) {
            self.best.insert(soname.to_owned(), (rank, library));
        }
        Ok(())
    }

    /// Reads an override or default file, if there is one, and takes what it found out of `missing`.
    fn read_shlibs_file(&mut self, path: &Path, missing: &mut BTreeSet<String>) -> Result<(), Error> {
        if !path.exists() {
            return Ok(());
        }
        for (soname, depends) in parse_shlibs(open(path)?, missing).map_err(Error::io("read", path))? {
            missing.remove(&soname);
            self.best.insert(soname, (0, Library::Depends(depends)));
        }
        Ok(())
    }
}

/// How well a package's file list fits: 0 in a directory of the linker, 1 below it, 2 not listed at all (a link that a
/// script makes); `None` if the library is elsewhere only.
fn rank(info: &Path, stem: &str, arch: &str, soname: &str) -> Result<Option<u8>, Error> {
    let path: PathBuf = info.join(format!("{stem}.list"));
    if !path.exists() {
        return Ok(Some(2));
    }
    let mut best = None;
    let mut listed = false;
    for line in open(&path)?.lines() {
        let line = line.map_err(Error::io("read", &path))?;
        let Some((directory, file)) = line.rsplit_once('/') else { continue };
        if file == soname {
            listed = true;
            best = [best, directory_rank(directory, arch)].into_iter().flatten().min();
        }
    }
    Ok(if listed { best } else { Some(2) })
}

fn directory_rank(directory: &str, arch: &str) -> Option<u8> {
    let directory = directory.strip_prefix("/usr").unwrap_or(directory);
    let triplet = format!("/lib/{}", multiarch_triplet(arch)?);
    if directory == "/lib" || directory == triplet || (directory == "/lib64" && bits(arch) == Some(64)) {
        return Some(0);
    }
    directory.strip_prefix(&triplet).is_some_and(|rest| rest.starts_with('/')).then_some(1)
}

fn open(path: &Path) -> Result<impl BufRead + use<>, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    Ok(BufReader::new(file.take(FILE_BYTES)))
}

/// The wanted libraries of a symbols file.
fn parse_symbols(reader: impl BufRead, wanted: &BTreeSet<String>) -> std::io::Result<Vec<(String, Symbols)>> {
    let mut libraries: Vec<(String, Symbols)> = Vec::new();
    let mut inside = false;
    for line in reader.lines() {
        let line = line?;
        match line.as_bytes().first() {
            Some(b'|') if inside => {
                if let Some((_, library)) = libraries.last_mut() {
                    library.templates.push(line[1..].trim().to_owned());
                }
            }
            Some(b' ') if inside => {
                if let (Some((_, library)), Some((symbol, minimum, template))) = (libraries.last_mut(), symbol(&line)) {
                    library.symbols.insert(symbol.to_owned(), (minimum.to_owned(), template));
                }
            }
            None | Some(b'#' | b'*' | b'|' | b' ') => {}
            Some(_) => {
                let (soname, template) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
                inside = wanted.contains(soname);
                if inside {
                    let library = Symbols { templates: vec![template.trim().to_owned()], symbols: BTreeMap::new() };
                    libraries.push((soname.to_owned(), library));
                }
            }
        }
    }
    Ok(libraries)
}

/// ` (tag)memcpy@GLIBC_2.14 2.14 1` -> symbol, minimal version, number of the template.
fn symbol(line: &str) -> Option<(&str, &str, usize)> {
    let line = line.trim();
    let line = if line.starts_with('(') { line.split_once(')')?.1 } else { line };
    let mut words = line.split_whitespace();
    let (symbol, minimum) = (words.next()?, words.next()?);
    let template = words.next().map_or(Some(0), |number| number.parse().ok())?;
    Some((symbol, minimum, template))
}

/// The wanted libraries of a shlibs file: `[type:] library version dependencies`, the first line that fits.
fn parse_shlibs(reader: impl BufRead, wanted: &BTreeSet<String>) -> std::io::Result<Vec<(String, String)>> {
    let wanted: BTreeMap<(&str, &str), &String> =
        wanted.iter().filter_map(|soname| Some((split_soname(soname)?, soname))).collect();
    let mut found: BTreeMap<String, (bool, String)> = BTreeMap::new();
    for line in reader.lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (mut library, mut version) = (words.next().unwrap_or("#"), words.next().unwrap_or(""));
        let kind = library.strip_suffix(':');
        if kind.is_some() {
            (library, version) = (version, words.next().unwrap_or(""));
        }
        if library.starts_with('#') || kind.is_some_and(|kind| kind != "deb") {
            continue;
        }
        let Some(soname) = wanted.get(&(library, version)) else { continue };
        let depends = words.collect::<Vec<_>>().join(" ");
        // A line of our type goes before one without a type.
        if found.get(*soname).is_none_or(|(typed, _)| kind.is_some() && !typed) {
            found.insert((*soname).clone(), (kind.is_some(), depends));
        }
    }
    Ok(found.into_iter().map(|(soname, (_, depends))| (soname, depends)).collect())
}

#[cfg(test)]
mod tests;
