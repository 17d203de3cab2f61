//! Libraries: which sonames a package needs, which Debian packages have them, and which it offers to others.
//!
//! The rules are dpkg-shlibdeps(1)'s: a library with symbols data gives at least its smallest minimal version, each
//! symbol that a file imports may raise it; a library with shlibs data gives that dependency.

use std::collections::{BTreeMap, BTreeSet};

use super::glibc;
use super::render::{Formula, parse_list};
use crate::elf::{ElfFacts, Import};
use crate::plan::arch::{bits, multiarch_triplet};
use crate::plan::version::DebVersion;
use crate::printable::printable;
use crate::rpm::package::{Package, Relation};
use crate::shlibs::{Library, Shlibs, Symbols, split_soname};

/// A soname as RPM writes it: `libc.so.6(GLIBC_2.17)(64bit)`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SonameRelation<'a> {
    pub(super) soname: &'a str,
    /// Version node, `GLIBC_2.17`.
    pub(super) node: Option<&'a str>,
    /// The marker of 64-bit libraries.
    pub(super) is_64bit: bool,
}

impl<'a> SonameRelation<'a> {
    /// `None` if the name is something else.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (rest, is_64bit) = name.strip_suffix("(64bit)").map_or((name, false), |rest| (rest, true));
        let (soname, node) = match rest.split_once('(') {
            Some((soname, node)) => (soname, node.strip_suffix(')')?),
            None => (rest, ""),
        };
        let is_library = soname.contains(".so.") || soname.strip_suffix(".so").is_some();
        let is_plain = !soname.contains(['/', ' ']) && !node.contains(['(', ')', ' ']);
        (is_library && is_plain).then_some(Self { soname, node: Some(node).filter(|n| !n.is_empty()), is_64bit })
    }
}

/// The sonames that [`super::plan`] will look for: what to hand to [`Shlibs::read`].
pub fn wanted_sonames(package: &Package, elf: &[ElfFacts]) -> BTreeSet<String> {
    let required = package.relations.requires.iter().filter_map(|r| SonameRelation::parse(&r.name)).map(|s| s.soname);
    required.chain(elf.iter().flat_map(|file| file.needed.iter().map(String::as_str))).map(str::to_owned).collect()
}

/// Who asks for a soname, printable.
type Users = BTreeMap<String, BTreeSet<String>>;

/// What the libraries come to.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) formula: Formula,
    /// Sonames without an answer, with those that need them.
    pub(super) unresolved: Users,
}

/// Resolves everything that the ELF files need, and what only the RPM's Requires tell of.
pub(super) fn resolve(package: &Package, elf: &[ElfFacts], arch: &str, shlibs: Option<&Shlibs>) -> Resolved {
    let own = own_sonames(package, elf);
    let mut search = Search { shlibs, arch, minima: BTreeMap::new(), unresolved: Users::new(), seen: BTreeSet::new() };
    let mut looked_at: BTreeSet<&str> = BTreeSet::new();
    for file in elf.iter().filter(|file| !file.header_only) {
        let needed: Vec<&str> = file.needed.iter().map(String::as_str).filter(|s| !own.contains(*s)).collect();
        looked_at.extend(&needed);
        if file.arch == Some(arch) {
            search.file(&needed, &file.imports, &printable(&file.path));
        } else {
            for soname in needed {
                search.give_up(soname, &printable(&file.path));
            }
        }
    }
    let is_complete = elf.iter().all(|file| !file.header_only);
    for relation in &package.relations.requires {
        let Some(asked) = SonameRelation::parse(&relation.name) else { continue };
        if own.contains(asked.soname) || (is_complete && looked_at.contains(asked.soname)) {
            continue;
        }
        search.required(&asked, relation, arch);
    }
    Resolved { formula: search.formula(), unresolved: search.unresolved }
}

/// Sonames that the package has itself, by its files and by its Provides.
fn own_sonames(package: &Package, elf: &[ElfFacts]) -> BTreeSet<String> {
    let provided = package.relations.provides.iter().filter_map(|r| SonameRelation::parse(&r.name));
    let names = elf.iter().filter_map(|file| file.soname.clone());
    names.chain(provided.map(|s| s.soname.to_owned())).collect()
}

/// The dynamic linker itself comes with the C library.
fn is_loader(soname: &str) -> bool {
    ["ld-linux", "ld64.so", "ld.so.", "linux-vdso"].iter().any(|prefix| soname.starts_with(prefix))
}

struct Search<'a> {
    shlibs: Option<&'a Shlibs>,
    arch: &'a str,
    /// Dependency (with `#MINVER#`) -> the highest minimal version so far; empty text: none.
    minima: BTreeMap<String, String>,
    unresolved: Users,
    /// Libraries whose basic dependency is in.
    seen: BTreeSet<String>,
}

impl<'a> Search<'a> {
    /// One ELF file.
    fn file(&mut self, needed: &[&str], imports: &[Import], user: &str) {
        let libraries: Vec<&'a Symbols> = needed.iter().filter_map(|soname| self.library(soname, user)).collect();
        for import in imports {
            let key = format!("{}@{}", import.symbol, import.version.as_deref().unwrap_or("Base"));
            let hit = libraries.iter().find_map(|symbols| Some((symbols, symbols.symbols.get(&key)?)));
            if let Some((symbols, (minimum, template))) = hit {
                self.raise(symbols.templates.get(*template), minimum);
            } else if !self.of_glibc(import.library.as_deref(), import.version.as_deref()) {
                self.missing_node(import, user);
            }
        }
    }

    /// Takes in a symbol version of glibc that no symbols file was there for; `false` if it is none.
    fn of_glibc(&mut self, soname: Option<&str>, node: Option<&str>) -> bool {
        let (Some(soname), Some(node)) = (soname, node) else { return false };
        if self.shlibs.is_some_and(|shlibs| shlibs.library(soname).is_some()) {
            return false;
        }
        let Some(template) = glibc::template(soname, self.arch) else { return false };
        self.raise(Some(&template), glibc::minimum(node));
        true
    }

    /// A symbol was not found: if its library has nothing of that version node, the library is too old.
    fn missing_node(&mut self, import: &Import, user: &str) {
        let (Some(node), Some(soname)) = (&import.version, &import.library) else { return };
        let Some(Library::Symbols(symbols)) = self.shlibs.and_then(|shlibs| shlibs.library(soname)) else { return };
        let key = format!("{soname}({node})");
        let suffix = format!("@{node}");
        if self.unresolved.contains_key(&key) || !symbols.symbols.keys().any(|symbol| symbol.ends_with(&suffix)) {
            self.give_up(&key, user);
        }
    }

    /// A soname of the RPM's Requires that no file was seen to need.
    fn required(&mut self, asked: &SonameRelation<'_>, relation: &Relation, arch: &str) {
        if bits(arch).is_some_and(|bits| (bits == 64) != asked.is_64bit) {
            self.give_up(asked.soname, &printable(relation.name.as_bytes()));
            return;
        }
        let symbols = self.library(asked.soname, "Requires");
        self.of_glibc(Some(asked.soname), asked.node);
        let (Some(symbols), Some(node)) = (symbols, asked.node) else { return };
        // The node's own entry, else the least version that has any symbol of it.
        let suffix = format!("@{node}");
        let least = || {
            let of_node =
                symbols.symbols.iter().filter(|(symbol, _)| symbol.ends_with(&suffix)).map(|(_, entry)| entry);
            of_node.filter_map(|entry| Some((entry.0.parse::<DebVersion>().ok()?, entry))).min_by(|a, b| a.0.cmp(&b.0))
        };
        let own_entry = symbols.symbols.get(&format!("{node}{suffix}"));
        match own_entry.or_else(|| least().map(|(_, entry)| entry)) {
            Some((minimum, template)) => self.raise(symbols.templates.get(*template), minimum),
            None => self.give_up(&format!("{}({node})", asked.soname), "Requires"),
        }
    }

    /// Notes the library's basic dependency; answers its symbols if there are any.
    fn library(&mut self, soname: &str, user: &str) -> Option<&'a Symbols> {
        match self.shlibs.and_then(|shlibs| shlibs.library(soname)) {
            Some(Library::Symbols(symbols)) if self.seen.contains(soname) => return Some(symbols),
            Some(Library::Symbols(symbols)) => {
                self.seen.insert(soname.to_owned());
                let versions = symbols.symbols.values().filter(|(_, template)| *template == 0);
                let parsed = versions.filter_map(|(text, _)| Some((text.parse::<DebVersion>().ok()?, text)));
                let least = parsed.min_by(|a, b| a.0.cmp(&b.0)).map_or("", |(_, text)| text);
                self.raise(symbols.templates.first(), least);
                return Some(symbols);
            }
            Some(Library::Depends(depends)) => self.raise(Some(depends), ""),
            None if is_loader(soname) => {}
            None => match glibc::template(soname, self.arch) {
                Some(template) => self.raise(Some(&template), ""),
                None => self.give_up(soname, user),
            },
        }
        None
    }

    fn give_up(&mut self, soname: &str, user: &str) {
        self.unresolved.entry(soname.to_owned()).or_default().insert(user.to_owned());
    }

    /// Takes a dependency template in, with at least this version.
    fn raise(&mut self, template: Option<&String>, minimum: &str) {
        for dependency in template.into_iter().flat_map(|t| t.split(',')).map(str::trim).filter(|d| !d.is_empty()) {
            let known = self.minima.entry(dependency.to_owned()).or_default();
            if known == minimum {
                continue;
            }
            let is_more = match (minimum.parse::<DebVersion>(), known.parse::<DebVersion>()) {
                (Ok(new), Ok(old)) => new > old,
                (Ok(_), Err(_)) => true,
                _ => false,
            };
            if is_more {
                minimum.clone_into(known);
            }
        }
    }

    fn formula(&self) -> Formula {
        let filled = |(dependency, minimum): (&String, &String)| {
            let bound = if minimum.is_empty() { String::new() } else { format!("(>= {minimum})") };
            parse_list(&dependency.replace("#MINVER#", &bound))
        };
        self.minima.iter().filter_map(filled).flatten().collect()
    }
}

/// The content of `DEBIAN/shlibs` for the public libraries among the files (deb-shlibs(5)): one line a library,
/// `librtas 2 librtas (>= 2.0.4-1)`. Public is what lies in a directory that the dynamic linker searches. `None` if there
/// is nothing to say.
pub fn shlibs_control(elf: &[ElfFacts], name: &str, version: &DebVersion) -> Option<String> {
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
    let lines: BTreeSet<String> = elf
        .iter()
        .filter(|file| is_public(file))
        .filter_map(|file| split_soname(file.soname.as_deref()?))
        .filter(|(library, number)| is_word(library) && is_word(number) && !library.starts_with('#'))
        .map(|(library, number)| format!("{library} {number} {name} (>= {version})\n"))
        .collect();
    (!lines.is_empty()).then(|| lines.into_iter().collect())
}

fn is_public(file: &ElfFacts) -> bool {
    let path = file.path.strip_prefix(b"usr/").unwrap_or(&file.path);
    let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else { return false };
    let triplet = file.arch.and_then(multiarch_triplet).map(|triplet| format!("lib/{triplet}"));
    matches!(&path[..slash], b"lib" | b"lib64") || triplet.is_some_and(|triplet| path[..slash] == *triplet.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn soname_relations_are_told_from_other_names() {
        let parsed = |name| SonameRelation::parse(name).map(|s| (s.soname, s.node, s.is_64bit));
        assert_eq!(parsed("libc.so.6"), Some(("libc.so.6", None, false)));
        assert_eq!(parsed("libc.so.6()(64bit)"), Some(("libc.so.6", None, true)));
        assert_eq!(parsed("libc.so.6(GLIBC_2.17)(64bit)"), Some(("libc.so.6", Some("GLIBC_2.17"), true)));
        assert_eq!(parsed("libvpd-2.2.so.3()(64bit)"), Some(("libvpd-2.2.so.3", None, true)));
        assert_eq!(parsed("librtas(ppc-64)"), None);
        assert_eq!(parsed("/usr/lib/libx.so.1"), None);
        assert_eq!(parsed("libx.so.1(a(b)"), None);
    }

    #[test]
    fn shlibs_lists_public_libraries_once() {
        let elf = |path: &str, soname: Option<&str>| ElfFacts {
            path: path.into(),
            arch: Some("ppc64el"),
            soname: soname.map(str::to_owned),
            ..ElfFacts::default()
        };
        let files = [
            elf("usr/lib64/librtas.so.2.0.0", Some("librtas.so.2")),
            elf("usr/lib/powerpc64le-linux-gnu/libx-1.2.so", Some("libx-1.2.so")),
            elf("opt/rsct/lib/libprivate.so.1", Some("libprivate.so.1")),
            elf("usr/lib64/libevil.so.1", Some("libevil.so.1\nx 1 y")),
            elf("usr/lib64/plugin.so", Some("plugin.so")),
            elf("usr/bin/x", None),
        ];
        let version = "2.0.4-1".parse().unwrap();
        let expected = "librtas 2 librtas (>= 2.0.4-1)\nlibx 1.2 librtas (>= 2.0.4-1)\n";
        assert_eq!(shlibs_control(&files, "librtas", &version).as_deref(), Some(expected));
        assert_eq!(shlibs_control(&files[2..], "librtas", &version), None);
    }
}
