//! Relations: what an RPM requires, provides, obsoletes and so on, as Debian can say it.
//!
//! | RPM | Debian |
//! |---|---|
//! | Requires | Depends; `Requires(pre)` Pre-Depends |
//! | Recommends, Suggests, Enhances | the same |
//! | Supplements | Enhances, with a note: Debian has no reverse Recommends |
//! | Conflicts | Conflicts |
//! | Obsoletes | Breaks and Replaces (policy 7.6.1): the files change hands, apt removes or upgrades the other package |
//! | Provides | Provides, names that Debian can say, versions with `=` only |
//!
//! What cannot be said is reported and left out; nothing is copied that a validator has not seen.

use std::collections::BTreeSet;

use crate::elf::ElfFacts;
use crate::event::Notice;
use crate::printable::printable;
use crate::rpm::package::{Package, Relation};
use crate::shlibs::Shlibs;

use super::version::{DebVersion, ReleasePolicy};

mod bound;
mod glibc;
mod lower;
mod negative;
mod rename;
mod render;
mod rich;
mod soname;

pub use soname::{shlibs_control, wanted_sonames};

use lower::Lowering;
use render::Formula;

/// The relation fields of a control file. Each string is one complete relation (`a (>= 1) | b`); lists are sorted and
/// have no duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the control file's own names
pub struct Fields {
    pub pre_depends: Vec<String>,
    pub depends: Vec<String>,
    pub recommends: Vec<String>,
    pub suggests: Vec<String>,
    pub enhances: Vec<String>,
    pub breaks: Vec<String>,
    pub replaces: Vec<String>,
    pub conflicts: Vec<String>,
    pub provides: Vec<String>,
}

impl Fields {
    /// Adds what the maintainer scripts need, unless it is there.
    pub fn add_script_needs(&mut self, pre_depends: &[String], depends: &[String]) {
        self.pre_depends = with(std::mem::take(&mut self.pre_depends), pre_depends);
        self.depends = without(with(std::mem::take(&mut self.depends), depends), &self.pre_depends);
    }

    /// The fields by their names, in the order in which dpkg-gencontrol writes them.
    pub fn named(self) -> [(&'static str, Vec<String>); 9] {
        [
            ("Pre-Depends", self.pre_depends),
            ("Depends", self.depends),
            ("Recommends", self.recommends),
            ("Suggests", self.suggests),
            ("Enhances", self.enhances),
            ("Conflicts", self.conflicts),
            ("Breaks", self.breaks),
            ("Replaces", self.replaces),
            ("Provides", self.provides),
        ]
    }
}

/// What the relations are planned from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The RPM.
    pub package: &'a Package,
    /// Its Debian name.
    pub name: &'a str,
    /// Its Debian version.
    pub version: &'a DebVersion,
    /// How the version was made: relations to the same build follow.
    pub release_policy: &'a ReleasePolicy,
    /// Debian architecture.
    pub arch: &'a str,
    /// Its ELF files.
    pub elf: &'a [ElfFacts],
    /// Library data for [`wanted_sonames`], if a dpkg root was given.
    pub shlibs: Option<&'a Shlibs>,
    /// Whether the package itself has a path (absolute, as RPM writes it).
    pub own_paths: &'a dyn Fn(&[u8]) -> bool,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Plans all relation fields.
pub fn plan(context: &Context<'_>) -> (Fields, Vec<Notice>) {
    let relations = &context.package.relations;
    let mut lowering = Lowering::new(context);
    let (early, late): (Vec<&Relation>, Vec<&Relation>) = relations.requires.iter().partition(|r| is_early(r));
    let pre_depends = render::render(&lowering.list("Requires(pre)", early));
    let mut depends: Formula = lowering.list("Requires", late);
    let libraries = soname::resolve(context.package, context.elf, context.arch, context.shlibs);
    depends.extend(libraries.formula);
    report_unresolved(&mut lowering.notices, context, &libraries.unresolved);
    let mut enhances = lowering.list("Enhances", &relations.enhances);
    enhances.extend(lowering.list("Supplements", &relations.supplements));
    if !relations.supplements.is_empty() {
        let text = "Debian has no reverse Recommends; they became Enhances";
        lowering.notices.push(Notice::note("supplements", "Supplements", text));
    }
    let recommends = render::render(&lowering.list("Recommends", &relations.recommends));
    let suggests = render::render(&lowering.list("Suggests", &relations.suggests));
    let negative = negative::plan(&mut lowering, relations);
    let fields = Fields {
        depends: without(render::render(&depends), &pre_depends),
        pre_depends,
        recommends,
        suggests,
        enhances: render::render(&enhances),
        breaks: render::render_atoms(&negative.breaks),
        replaces: render::render_atoms(&negative.replaces),
        conflicts: render::render_atoms(&negative.conflicts),
        provides: render::render_atoms(&negative::provides(&mut lowering, &relations.provides)),
    };
    (fields, lowering.finish())
}

/// RPMSENSE_PRETRANS (1 << 7): needed by %pretrans.
const PRETRANS: u32 = 1 << 7;

/// Needed before the package's own preinst runs.
fn is_early(relation: &Relation) -> bool {
    relation.flags & (Relation::PREREQ | Relation::SCRIPT_PRE | PRETRANS) != 0
}

fn with(mut list: Vec<String>, others: &[String]) -> Vec<String> {
    list.extend_from_slice(others);
    list.sort();
    list.dedup();
    list
}

fn without(mut list: Vec<String>, others: &[String]) -> Vec<String> {
    list.retain(|relation| !others.contains(relation));
    list
}

/// One warning for each library that no Debian package could be named for.
fn report_unresolved(
    notices: &mut Vec<Notice>,
    context: &Context<'_>,
    unresolved: &std::collections::BTreeMap<String, BTreeSet<String>>,
) {
    let why = match context.shlibs {
        None => "no --shlibs-root was given to look it up in",
        Some(_) => "no package in the --shlibs-root has it for this architecture",
    };
    for (soname, users) in unresolved {
        let text = format!("needed by {}, is in no Depends: {why}", enumerate(users.iter().map(String::as_str)));
        notices.push(Notice::warning("soname-unresolved", printable(soname.as_bytes()), text));
    }
}

/// Joins a few names; of many it tells how many more there are.
fn enumerate<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 6;
    let names: Vec<&str> = names.collect();
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// What ELF files alone depend on, for comparison with dpkg-shlibdeps.
#[cfg(test)]
pub(crate) fn library_depends(elf: &[ElfFacts], arch: &str, shlibs: &Shlibs) -> Vec<String> {
    let resolved = soname::resolve(&tests::package(crate::rpm::package::Relations::default()), elf, arch, Some(shlibs));
    render::render(&resolved.formula)
}

#[cfg(test)]
mod tests;
