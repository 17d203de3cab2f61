//! Conflicts, Obsoletes and Provides.

use super::bound::Bounds;
use super::enumerate;
use super::lower::{Lowering, NEGATIVE, shown, without_isa};
use super::rename;
use super::render::Atom;
use super::soname::SonameRelation;
use crate::event::Notice;
use crate::plan::name::debian_name;
use crate::rpm::package::{Compare, Relation, Relations};

/// What keeps other packages away. Each atom stands for itself.
#[derive(Debug, Default)]
pub(super) struct Negative {
    pub(super) breaks: Vec<Atom>,
    pub(super) replaces: Vec<Atom>,
    pub(super) conflicts: Vec<Atom>,
}

pub(super) fn plan(lowering: &mut Lowering<'_>, relations: &Relations) -> Negative {
    let mut negative = Negative::default();
    for relation in &relations.conflicts {
        negative.conflicts.extend(conflict(lowering, relation));
    }
    for relation in &relations.obsoletes {
        let Some(atom) = obsolete(lowering, relation) else { continue };
        negative.replaces.push(atom.clone());
        negative.breaks.push(atom);
    }
    negative
}

/// A conflict with any of some things is a list; with all of several at once (a range of versions) it cannot be said.
fn conflict(lowering: &mut Lowering<'_>, relation: &Relation) -> Vec<Atom> {
    if is_self(lowering, relation) {
        note_self(lowering, NEGATIVE, relation);
        return Vec::new();
    }
    if without_isa(&relation.name).starts_with('/') || SonameRelation::parse(&relation.name).is_some() {
        lowering.leave_out(NEGATIVE, relation, "Debian's conflicts are with packages, not with files");
        return Vec::new();
    }
    let Ok(mut formula) = lowering.relation(NEGATIVE, relation) else { return Vec::new() };
    match (formula.pop(), formula.is_empty()) {
        (Some(clause), true) if clause.iter().any(|atom| atom.bound.is_none() && rename::is_essential(&atom.name)) => {
            lowering.leave_out(NEGATIVE, relation, "every Debian system has it");
            Vec::new()
        }
        (Some(clause), true) => clause,
        (Some(_), false) => {
            lowering.leave_out(NEGATIVE, relation, "Debian cannot conflict with a range of versions");
            Vec::new()
        }
        (None, _) => Vec::new(),
    }
}

fn obsolete(lowering: &mut Lowering<'_>, relation: &Relation) -> Option<Atom> {
    const FIELD: &str = "Obsoletes";
    if is_self(lowering, relation) {
        note_self(lowering, FIELD, relation);
        return None;
    }
    let name = without_isa(&relation.name);
    let mapped = match debian_name(name) {
        Ok(mapped) => mapped.name,
        Err(error) => {
            lowering.leave_out(FIELD, relation, &error.to_string());
            return None;
        }
    };
    if mapped == lowering.context.name {
        note_self(lowering, FIELD, relation);
        return None;
    }
    if rename::debians_own(name).is_some() || rename::is_essential(&mapped) {
        lowering.leave_out(FIELD, relation, "it would remove a package of Debian's own");
        return None;
    }
    let bounds: Bounds = lowering.bounds(FIELD, relation, None).ok()?;
    match bounds.as_slice() {
        [] => Some(Atom { name: mapped, bound: None }),
        [bound] => Some(Atom { name: mapped, bound: Some(bound.clone()) }),
        _ => {
            lowering.leave_out(FIELD, relation, "Debian cannot break a range of versions");
            None
        }
    }
}

fn is_self(lowering: &Lowering<'_>, relation: &Relation) -> bool {
    without_isa(&relation.name) == lowering.context.package.name
}

fn note_self(lowering: &mut Lowering<'_>, field: &str, relation: &Relation) {
    let text = format!("{} left out: it names the package itself", shown(relation));
    lowering.notices.push(Notice::note("relation-self", field, text));
}

/// The names that other packages may ask for. Sonames are the business of `DEBIAN/shlibs`.
pub(super) fn provides(lowering: &mut Lowering<'_>, relations: &[Relation]) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let mut dropped: Vec<String> = Vec::new();
    for relation in relations {
        let name = without_isa(&relation.name);
        let is_silent =
            is_self(lowering, relation) || name.starts_with("config(") || SonameRelation::parse(name).is_some();
        if is_silent {
            continue;
        }
        let Some(mapped) = debian_name(name).ok().map(|mapped| mapped.name) else {
            dropped.push(shown(relation));
            continue;
        };
        if mapped == lowering.context.name {
            continue;
        }
        let bound = match &relation.version {
            Some((Compare::Equal, evr)) => {
                let release = evr.clone();
                let exact = Relation { version: Some((Compare::GreaterOrEqual, release)), ..relation.clone() };
                let Ok(bounds) = lowering.bounds("Provides", &exact, None) else { continue };
                bounds.into_iter().next().map(|(_, version)| (super::render::Op::Equal, version))
            }
            Some(_) => {
                let text = format!("{}: the version is left out, Debian provides with '=' only", shown(relation));
                lowering.notices.push(Notice::note("relation-version", "Provides", text));
                None
            }
            None => None,
        };
        atoms.push(Atom { name: mapped, bound });
    }
    if !dropped.is_empty() {
        let text = format!("{}: left out, Debian has no such names", enumerate(dropped.iter().map(String::as_str)));
        lowering.notices.push(Notice::note("provides-dropped", "Provides", text));
    }
    atoms
}
