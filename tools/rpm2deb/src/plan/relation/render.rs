//! Debian's relations as values: alternatives, bounds, the grammar that guards the control file, and their text.

use std::cmp::Ordering;
use std::fmt;

use crate::plan::name;
use crate::plan::version::DebVersion;

/// Debian's operators, in their text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Op {
    pub(super) fn text(self) -> &'static str {
        match self {
            Op::Less => "<<",
            Op::LessOrEqual => "<=",
            Op::Equal => "=",
            Op::GreaterOrEqual => ">=",
            Op::Greater => ">>",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Op::Less, Op::LessOrEqual, Op::Equal, Op::GreaterOrEqual, Op::Greater].into_iter().find(|op| op.text() == text)
    }

    /// The operators that together hold exactly where this one does not.
    pub(super) fn negated(self) -> &'static [Op] {
        match self {
            Op::Less => &[Op::GreaterOrEqual],
            Op::LessOrEqual => &[Op::Greater],
            Op::Equal => &[Op::Less, Op::Greater],
            Op::GreaterOrEqual => &[Op::Less],
            Op::Greater => &[Op::LessOrEqual],
        }
    }
}

/// One package, perhaps with a bound: `libc6 (>= 2.17)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) name: String,
    pub(super) bound: Option<(Op, DebVersion)>,
}

impl Atom {
    /// Reads `name`, `name:any`, `name (>= 1)`. `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, bound) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')')?.trim();
                let end = inner.find(|c| !matches!(c, '<' | '=' | '>'))?;
                let (op, version) = inner.split_at(end);
                (name.trim_end(), Some((Op::parse(op)?, version.trim().parse().ok()?)))
            }
        };
        let atom = Self { name: name.into(), bound };
        atom.is_valid().then_some(atom)
    }

    /// The grammar of control files: no relation that fails here is ever written.
    pub(super) fn is_valid(&self) -> bool {
        let bare = self.name.strip_suffix(":any").unwrap_or(&self.name);
        name::is_valid(bare) && self.bound.as_ref().is_none_or(|(_, v)| v.to_string().parse::<DebVersion>().is_ok())
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bound {
            None => write!(f, "{}", self.name),
            Some((op, version)) => write!(f, "{} ({} {version})", self.name, op.text()),
        }
    }
}

/// Alternatives: any one will do.
pub(super) type Clause = Vec<Atom>;

/// Clauses that must all hold. Empty: always true.
pub(super) type Formula = Vec<Clause>;

/// Reads a Debian dependency list: `a (>= 1) | b, c`.
pub(super) fn parse_list(text: &str) -> Option<Formula> {
    let clauses = text.split(',').filter(|part| !part.trim().is_empty());
    clauses.map(|clause| clause.split('|').map(Atom::parse).collect()).collect()
}

/// The clauses as text, valid ones only, sorted, without those that another one implies.
pub(super) fn render(formula: &[Clause]) -> Vec<String> {
    let valid: Vec<&Clause> = formula.iter().filter(|c| !c.is_empty() && c.iter().all(Atom::is_valid)).collect();
    let mut lines: Vec<String> =
        valid.iter().filter(|c| !valid.iter().any(|other| implies(other, c))).map(|c| clause_text(c)).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Every valid atom once, sorted, each a relation of its own: for fields where a bound must not widen another.
pub(super) fn render_atoms(atoms: &[Atom]) -> Vec<String> {
    let mut lines: Vec<String> = atoms.iter().filter(|atom| atom.is_valid()).map(ToString::to_string).collect();
    lines.sort();
    lines.dedup();
    lines
}

pub(super) fn clause_text(clause: &[Atom]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for atom in clause.iter().map(ToString::to_string) {
        if !parts.contains(&atom) {
            parts.push(atom);
        }
    }
    parts.join(" | ")
}

/// Whether `strong` makes `weak` superfluous: the same package with a bound that is at least as narrow.
fn implies(strong: &Clause, weak: &Clause) -> bool {
    let ([strong], [weak]) = (strong.as_slice(), weak.as_slice()) else { return false };
    if strong.name != weak.name || strong == weak {
        return false;
    }
    match (&strong.bound, &weak.bound) {
        (Some(_), None) => true,
        (Some((op, v)), Some((Op::GreaterOrEqual, w))) => {
            let order = v.cmp(w);
            match op {
                Op::Equal | Op::Greater => order.is_ge(),
                // Equal versions of different text imply each other: keep the one whose text is less.
                Op::GreaterOrEqual => order.is_gt() || (order == Ordering::Equal && v.to_string() < w.to_string()),
                Op::Less | Op::LessOrEqual => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn lists_are_sorted_and_lose_what_is_implied() {
        let formula =
            parse_list("z1, libc6 (>= 2.4), libc6, libc6 (>= 2.34), b1 | a1 (= 1:1-1), z1, c1 (>= 1), c1 (= 2)")
                .unwrap();
        assert_eq!(render(&formula), ["b1 | a1 (= 1:1-1)", "c1 (= 2)", "libc6 (>= 2.34)", "z1"]);
    }

    #[test]
    fn nothing_invalid_is_read_or_written() {
        for bad in [
            "a (>= 1)",
            "A",
            "a\nb",
            "aa (>= )",
            "aa (>= 1",
            "aa (== 1)",
            "aa (> 1)",
            "aa [amd64]",
            "aa (>= 1\nb)",
            "aa (x)",
        ] {
            assert_eq!(Atom::parse(bad), None, "{bad}");
        }
        let atom = Atom { name: "x\nPre-Depends: evil".into(), bound: None };
        assert!(render(&[vec![atom]]).is_empty());
    }
}
