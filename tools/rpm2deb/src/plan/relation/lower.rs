//! From one RPM relation to a Debian formula: files, capabilities, names, bounds, rich dependencies.

use std::collections::BTreeSet;

use super::bound::{self, Bound, Bounds};
use super::rename::{self, DebiansOwn};
use super::render::{Atom, Clause, Formula};
use super::rich::{self, Rich};
use super::soname::SonameRelation;
use super::{Context, enumerate};
use crate::event::Notice;
use crate::plan::name::debian_name;
use crate::printable::printable;
use crate::rpm::package::{Compare, Evr, Relation};

/// Clauses that one rich dependency may grow to when `or` is distributed over `and`.
const MAX_CLAUSES: usize = 64;
/// Alternatives of one clause.
const MAX_ALTERNATIVES: usize = 32;

/// The field where a relation keeps packages away: there `Provides: mta` does not satisfy `Conflicts: mta`.
pub(super) const NEGATIVE: &str = "Conflicts";

/// Cannot be said in Debian; a notice has been left.
#[derive(Debug)]
pub(super) struct Unsayable;

/// The state of lowering one package's relations.
pub(super) struct Lowering<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) notices: Vec<Notice>,
    /// Names that the package provides, as RPM writes them.
    provided: BTreeSet<&'a str>,
    essential: BTreeSet<String>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        let provided = context.package.relations.provides.iter().map(|relation| relation.name.as_str()).collect();
        Self { context, notices: Vec::new(), provided, essential: BTreeSet::new() }
    }

    /// The notices, each once.
    pub(super) fn finish(mut self) -> Vec<Notice> {
        if !self.essential.is_empty() {
            let names = enumerate(self.essential.iter().map(String::as_str));
            let text = format!("{names}: left out, every Debian system has them");
            self.notices.push(Notice::note("dependency-essential", "Requires", text));
        }
        let mut unique: Vec<Notice> = Vec::with_capacity(self.notices.len());
        let mut seen = BTreeSet::new();
        for notice in self.notices {
            if seen.insert((notice.rule, notice.subject.clone(), notice.text.clone())) {
                unique.push(notice);
            }
        }
        unique
    }

    /// All relations of one positive field. Sonames are left to [`super::soname`].
    pub(super) fn list<'r>(&mut self, field: &str, relations: impl IntoIterator<Item = &'r Relation>) -> Formula {
        let lowered = |relation: &Relation| {
            let is_soname = SonameRelation::parse(&relation.name).is_some();
            if is_soname { Vec::new() } else { self.relation(field, relation).unwrap_or_default() }
        };
        relations.into_iter().flat_map(lowered).collect()
    }

    /// One relation, simple or rich.
    pub(super) fn relation(&mut self, field: &str, relation: &Relation) -> Result<Formula, Unsayable> {
        if !relation.name.starts_with('(') {
            return self.simple(field, relation);
        }
        let outcome = rich::parse(&relation.name).map_err(str::to_owned).and_then(|rich| self.rich(field, &rich));
        outcome.map_err(|reason| {
            let text = format!("{} left out: {reason}", shown(relation));
            self.notices.push(Notice::warning("rich-dependency", field, text));
            Unsayable
        })
    }

    fn simple(&mut self, field: &str, relation: &Relation) -> Result<Formula, Unsayable> {
        let name = without_isa(&relation.name);
        if self.is_satisfied(field, relation, name) {
            return Ok(Formula::new());
        }
        if name.starts_with('/') {
            return self.file(field, name);
        }
        if let Some(own) = rename::debians_own(name) {
            return self.debians_own(field, relation, name, &own);
        }
        if name.contains(['(', ')']) || SonameRelation::parse(name).is_some() {
            return Err(self.leave_out(field, relation, capability_reason(name)));
        }
        let mapped = debian_name(name).map_err(|error| self.leave_out(field, relation, &error.to_string()))?;
        if mapped.changed {
            self.note_name(field, name, &mapped.name);
        }
        let bounds = self.bounds(field, relation, None)?;
        Ok(self.unless_essential(field, &[&mapped.name], &bounds))
    }

    /// Things of rpm's own world, and what the package has itself.
    fn is_satisfied(&self, field: &str, relation: &Relation, name: &str) -> bool {
        const RPMS_OWN: [&str; 7] = ["rpmlib(", "config(", "rtld(", "user(", "group(", "groupmember(", "debuginfo("];
        relation.flags & Relation::RPMLIB != 0
            || RPMS_OWN.iter().any(|prefix| name.starts_with(prefix))
            || name == self.context.package.name
            || (field != NEGATIVE && (self.provided.contains(relation.name.as_str()) || self.provided.contains(name)))
            || (name.starts_with('/') && (self.context.own_paths)(name.as_bytes()))
    }

    fn file(&mut self, field: &str, path: &str) -> Result<Formula, Unsayable> {
        let Some(owners) = rename::file_owners(path) else {
            let text = format!("{} left out: no Debian package is known for this file", printable(path.as_bytes()));
            self.notices.push(Notice::warning("dependency-unresolved", field, text));
            return Err(Unsayable);
        };
        Ok(self.unless_essential(field, &owners, &Bounds::new()))
    }

    fn debians_own(
        &mut self,
        field: &str,
        relation: &Relation,
        name: &str,
        own: &DebiansOwn,
    ) -> Result<Formula, Unsayable> {
        if own.names != [name] {
            self.note_name(field, name, &own.names.join(" | "));
        }
        let bounds = match (own.epoch, &relation.version) {
            (Some(epoch), Some(_)) => self.bounds(field, relation, Some(epoch))?,
            (None, Some(_)) => {
                let text = format!("{}: the version is left out, Debian counts otherwise", shown(relation));
                self.notices.push(Notice::note("relation-version", field, text));
                Bounds::new()
            }
            _ => Bounds::new(),
        };
        Ok(self.unless_essential(field, &own.names, &bounds))
    }

    /// The Debian bounds of a relation: those of the same build follow the release policy.
    pub(super) fn bounds(
        &mut self,
        field: &str,
        relation: &Relation,
        debians_epoch: Option<u32>,
    ) -> Result<Bounds, Unsayable> {
        let Some((compare, evr)) = &relation.version else { return Ok(Bounds::new()) };
        let bounds = match debians_epoch {
            Some(epoch) => bound::debians(*compare, evr, epoch),
            None if self.is_own_build(evr) => Ok((bound::exact(*compare, self.context.version.clone()), Vec::new())),
            None => bound::converted(*compare, evr),
        };
        match bounds {
            Ok((bounds, notices)) => {
                self.notices.extend(notices);
                Ok(bounds)
            }
            Err(error) => Err(self.leave_out(field, relation, &error.to_string())),
        }
    }

    fn is_own_build(&self, evr: &Evr) -> bool {
        let own = &self.context.package.evr;
        evr.release.is_some()
            && (evr.epoch.unwrap_or(0), &evr.version, &evr.release)
                == (own.epoch.unwrap_or(0), &own.version, &own.release)
    }

    /// Alternatives with bounds, as clauses: each bound is a clause of its own.
    fn unless_essential(&mut self, field: &str, names: &[&str], bounds: &Bounds) -> Formula {
        let atoms = |bound: Option<&Bound>| -> Clause {
            names.iter().map(|name| Atom { name: (*name).to_owned(), bound: bound.cloned() }).collect()
        };
        if !bounds.is_empty() {
            return bounds.iter().map(|bound| atoms(Some(bound))).collect();
        }
        if field == NEGATIVE {
            return vec![atoms(None)];
        }
        if let Some(name) = names.iter().find(|name| rename::is_essential(name)) {
            self.essential.insert((*name).to_owned());
            return Formula::new();
        }
        vec![atoms(None)]
    }

    fn note_name(&mut self, field: &str, rpm: &str, debian: &str) {
        let text = format!("{} is {debian} in Debian", printable(rpm.as_bytes()));
        self.notices.push(Notice::note("relation-renamed", field, text));
    }

    /// Leaves a warning that a relation is not in the Debian package.
    pub(super) fn leave_out(&mut self, field: &str, relation: &Relation, reason: &str) -> Unsayable {
        let text = format!("{} left out: {reason}", shown(relation));
        self.notices.push(Notice::warning("dependency-unresolved", field, text));
        Unsayable
    }

    fn rich(&mut self, field: &str, rich: &Rich) -> Result<Formula, String> {
        match rich {
            Rich::Simple(relation) => {
                self.relation(field, relation).map_err(|Unsayable| "a part of it cannot be said in Debian".to_owned())
            }
            Rich::All(parts) => {
                let mut all = Formula::new();
                for part in parts {
                    all.extend(self.rich(field, part)?);
                    within_bounds(&all)?;
                }
                Ok(all)
            }
            Rich::Any(parts) => {
                let mut any: Option<Formula> = None;
                for part in parts {
                    let next = self.rich(field, part)?;
                    any = Some(match any {
                        None => next,
                        Some(before) => either(&before, &next)?,
                    });
                }
                Ok(any.unwrap_or_default())
            }
            Rich::With(parts) => {
                same_name(parts)?;
                self.rich(field, &Rich::All(parts.clone()))
            }
            Rich::Without(first, second) => {
                same_name(&[(**first).clone(), (**second).clone()])?;
                let mut formula = self.rich(field, first)?;
                formula.push(negated(&self.rich(field, second)?)?);
                Ok(formula)
            }
            Rich::Conditional => Err("Debian has no conditional dependencies".to_owned()),
        }
    }
}

/// `a or b` for two formulas: every clause of one joined with every clause of the other.
fn either(a: &Formula, b: &Formula) -> Result<Formula, String> {
    if a.len().saturating_mul(b.len()) > MAX_CLAUSES {
        return Err("it grows too large when written as Debian's lists".to_owned());
    }
    let joined: Formula = a.iter().flat_map(|x| b.iter().map(move |y| x.iter().chain(y).cloned().collect())).collect();
    within_bounds(&joined)?;
    Ok(joined)
}

fn within_bounds(formula: &Formula) -> Result<(), String> {
    let fits = formula.len() <= MAX_CLAUSES && formula.iter().all(|clause| clause.len() <= MAX_ALTERNATIVES);
    if fits { Ok(()) } else { Err("it grows too large when written as Debian's lists".to_owned()) }
}

/// `with` and `without` speak of one package: Debian can say that only of one name.
fn same_name(parts: &[Rich]) -> Result<(), String> {
    let names: BTreeSet<Option<&str>> = parts
        .iter()
        .map(|part| match part {
            Rich::Simple(relation) => Some(without_isa(&relation.name)),
            _ => None,
        })
        .collect();
    if names.len() == 1 && !names.contains(&None) {
        return Ok(());
    }
    Err("Debian cannot ask two things of the same unnamed package".to_owned())
}

/// Not (a and b and ...) for clauses of one atom with a bound: any of the bounds' opposites.
fn negated(formula: &Formula) -> Result<Clause, String> {
    let mut clause = Clause::new();
    for part in formula {
        let [Atom { name, bound: Some((op, version)) }] = part.as_slice() else {
            return Err("Debian cannot say 'not' here".to_owned());
        };
        let opposite = |op: &super::render::Op| Atom { name: name.clone(), bound: Some((*op, version.clone())) };
        clause.extend(op.negated().iter().map(opposite));
    }
    if clause.is_empty() { Err("Debian cannot say 'not' here".to_owned()) } else { Ok(clause) }
}

/// `librtas(ppc-64)` -> `librtas`: rpm's ISA suffix is a word, `-32` or `-64`.
pub(super) fn without_isa(name: &str) -> &str {
    let isa = name.strip_suffix("-32)").or_else(|| name.strip_suffix("-64)")).and_then(|rest| rest.rsplit_once('('));
    match isa {
        Some((bare, word))
            if !bare.is_empty() && !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            bare
        }
        _ => name,
    }
}

/// Why a capability is not resolved, with a hint where Debian has a naming rule.
fn capability_reason(name: &str) -> &'static str {
    const HINTS: [(&str, &str); 4] = [
        (
            "perl(",
            "find the package with 'apt-file search'; Debian calls Foo::Bar libfoo-bar-perl, often in perl itself",
        ),
        ("python3", "find the package with 'apt-cache search python3-'"),
        ("pkgconfig(", "find the package that has the .pc file with 'apt-file search'"),
        ("font(", "find the package with 'apt-cache search fonts-'"),
    ];
    let hint = HINTS.iter().find(|(prefix, _)| name.starts_with(prefix));
    hint.map_or("Debian has no such capability", |(_, hint)| hint)
}

/// A relation as the packager wrote it, on one harmless line of bounded length.
pub(super) fn shown(relation: &Relation) -> String {
    let name: String = relation.name.chars().take(200).collect();
    let version = relation.version.as_ref().map_or(String::new(), |(compare, evr)| {
        let op = match compare {
            Compare::Less => "<",
            Compare::LessOrEqual => "<=",
            Compare::Equal => "=",
            Compare::GreaterOrEqual => ">=",
            Compare::Greater => ">",
        };
        let epoch = evr.epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
        let release = evr.release.as_ref().map_or(String::new(), |release| format!("-{release}"));
        let text: String = format!(" {op} {epoch}{}{release}", evr.version).chars().take(100).collect();
        text
    });
    printable(format!("{name}{version}").as_bytes())
}
