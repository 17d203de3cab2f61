//! What happened during a conversion, as values: library code never prints. `report` renders them as text or JSON.

use serde::Serialize;

/// How much a [`Notice`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A change that a reader of the package may want to know of: a renamed path, a mapped version.
    Note,
    /// Something was lost, guessed or needs the user's eye.
    Warning,
}

/// One fact about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about, printable: `usr/lib64/libfoo.so.1`, `%post`, `Requires`, `debian.patch:12`.
    pub subject: String,
    /// Which rule spoke, stable for machines: `version-mapped`, `soname-unresolved`, …
    pub rule: &'static str,
    /// The fact, a sentence without final stop.
    pub text: String,
}

impl Notice {
    /// A [`Severity::Note`].
    pub fn note(rule: &'static str, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Note, subject: subject.into(), rule, text: text.into() }
    }

    /// A [`Severity::Warning`].
    pub fn warning(rule: &'static str, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, subject: subject.into(), rule, text: text.into() }
    }
}
