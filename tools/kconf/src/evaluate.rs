//! What a configuration means for an LPAR: sets and a configuration in, a report out. Pure.
//!
//! Five answers are kept apart: built in, a module, explicitly off, no line, and "this kernel version has no such
//! symbol". Ranges of versions can be wrong, distributions backport: a value in the configuration is the better witness
//! that a symbol exists. "Is not set" is none; lists of RPM distributions keep such lines for decades.

use serde::Serialize;

use crate::config::{Config, Value};
use crate::live;
use crate::sets::{Accept, Bound, Confidence, Entry, Need, OptionSet, WithoutSymbol};
use crate::version::{Flavour, KernelVersion};

/// The kernel that a configuration belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct Kernel {
    /// From the configuration's heading, its file's name or the command line.
    pub version: Option<KernelVersion>,
    /// From the configuration.
    pub flavour: Option<Flavour>,
    /// Where the configuration came from.
    pub source: String,
}

/// Whether a kernel is fit, set by set.
#[derive(Debug, Serialize)]
#[must_use = "an unread report helps nobody"]
pub struct Report<'s> {
    /// Which kernel.
    pub kernel: Kernel,
    /// The running system, if it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<live::Running>,
    /// In the order asked for.
    pub sets: Vec<SetReport<'s>>,
    /// Of all sets together.
    pub verdict: Fitness,
}

/// What one set says.
#[derive(Debug, Serialize)]
pub struct SetReport<'s> {
    /// The set's name.
    pub name: &'s str,
    /// What it is.
    pub title: &'s str,
    /// Fails if something required is missing.
    pub verdict: Fitness,
    /// Its options, in the set's order.
    pub options: Vec<OptionReport<'s>>,
}

/// What one option says.
#[derive(Debug, Serialize)]
pub struct OptionReport<'s> {
    /// Without `CONFIG_`.
    pub symbol: &'s str,
    /// How much depends on it.
    pub need: Need,
    /// What the configuration says.
    pub found: Found,
    /// The number or text, where it is neither y, m nor n.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What that means.
    pub verdict: Verdict,
    /// Why, in a sentence for people.
    pub reason: String,
    /// How well the entry is founded.
    pub confidence: Confidence,
    /// What the running system says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<live::Answer>,
    /// The entry that it was judged by.
    #[serde(skip)]
    pub entry: &'s Entry,
}

/// Pass or fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fitness {
    /// Nothing required is missing.
    Pass,
    /// Something is.
    Fail,
}

/// What a configuration says of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Built in.
    Y,
    /// A module.
    M,
    /// Explicitly not set.
    N,
    /// No line: its dependencies are not met, or it is hidden.
    Absent,
    /// No line, and no such symbol in this version and page size.
    NoSuchSymbol,
    /// A number or a text.
    Value,
}

impl Found {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Y => "y",
            Self::M => "m",
            Self::N => "n",
            Self::Absent => "absent",
            Self::NoSuchSymbol => "no such symbol",
            Self::Value => "value",
        }
    }
}

/// What an option's value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Required and not there.
    Missing,
    /// Recommended and not there.
    NotRecommended,
    /// Neither good nor bad.
    Information,
    /// This kernel version or page size has no such option, and needs none.
    NotInThisVersion,
}

impl Verdict {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::NotRecommended => "not as recommended",
            Self::Information => "information",
            Self::NotInThisVersion => "not in this version",
        }
    }
}

/// Judges a configuration by sets.
pub fn evaluate<'s>(sets: &[&'s OptionSet], config: &Config, kernel: Kernel) -> Report<'s> {
    let sets = sets
        .iter()
        .map(|set| {
            let options: Vec<_> = set.options.iter().map(|entry| judge(entry, config, &kernel)).collect();
            SetReport { name: &set.name, title: &set.title, verdict: fitness(&options), options }
        })
        .collect();
    let mut report = Report { kernel, running: None, sets, verdict: Fitness::Pass };
    report.conclude();
    report
}

impl Report<'_> {
    /// Draws the verdicts of sets and whole from those of the options, anew after each change of these.
    pub(crate) fn conclude(&mut self) {
        for set in &mut self.sets {
            set.verdict = fitness(&set.options);
        }
        let failed = self.sets.iter().any(|set| set.verdict == Fitness::Fail);
        self.verdict = if failed { Fitness::Fail } else { Fitness::Pass };
    }
}

fn fitness(options: &[OptionReport]) -> Fitness {
    if options.iter().any(|option| option.verdict == Verdict::Missing) { Fitness::Fail } else { Fitness::Pass }
}

/// Judges one option.
fn judge<'s>(entry: &'s Entry, config: &Config, kernel: &Kernel) -> OptionReport<'s> {
    let value = config.get(&entry.symbol);
    let found = found(entry, value, kernel);
    let is_gone = !entry.exists(kernel.version, kernel.flavour) && matches!(found, Found::NoSuchSymbol | Found::N);
    let satisfied = satisfaction(entry, config, kernel);
    let verdict = match entry.need {
        _ if satisfied.is_none() && is_gone && !is_too_old(entry, kernel) => Verdict::NotInThisVersion,
        Need::Information => Verdict::Information,
        _ if satisfied.is_some() => Verdict::Ok,
        Need::Required | Need::IfPresent => Verdict::Missing,
        Need::Recommended => Verdict::NotRecommended,
        Need::Optional => Verdict::Information,
    };
    let reason = match satisfied {
        Some(reason) if verdict == Verdict::Ok => reason,
        _ if is_gone => absence(entry, kernel),
        _ if entry.need == Need::Information => entry.gives.clone(),
        _ => {
            let consequence = if entry.fails.is_empty() { &entry.gives } else { &entry.fails };
            format!("{}: {consequence}", shortcoming(entry, config, kernel))
        }
    };
    let text = match value {
        Some(Value::Text(text)) => Some(text.to_owned()),
        _ => None,
    };
    OptionReport {
        symbol: &entry.symbol,
        need: entry.need,
        found,
        value: text,
        verdict,
        reason,
        confidence: entry.confidence,
        live: None,
        entry,
    }
}

fn found(entry: &Entry, value: Option<Value>, kernel: &Kernel) -> Found {
    match value {
        Some(Value::Yes) => Found::Y,
        Some(Value::Module) => Found::M,
        Some(Value::No) => Found::N,
        Some(Value::Text(_)) => Found::Value,
        None if entry.exists(kernel.version, kernel.flavour) => Found::Absent,
        None => Found::NoSuchSymbol,
    }
}

/// Why an option is as it should be, if it is.
fn satisfaction(entry: &Entry, config: &Config, kernel: &Kernel) -> Option<String> {
    let value = config.get(&entry.symbol);
    let set = |symbol: &&String| config.get(symbol).is_some_and(Value::is_enabled);
    if entry.accept == Accept::Any && value.is_none() {
        return None;
    }
    if entry.accept.allows(value) {
        return Some(entry.gives.clone());
    }
    if let Some(other) = entry.alternatives.iter().find(set) {
        return Some(format!("{other} is set instead: {}", entry.gives));
    }
    if value.is_some() || config.lists_hidden_symbols() {
        return None;
    }
    match entry.selected_by.iter().find(set) {
        Some(parent) => Some(format!("comes with {parent}; this configuration lists no hidden symbols")),
        None if entry.selected_by.is_empty() && entry.hidden.at(kernel.version) => {
            Some("on by default; this configuration lists no hidden symbols".to_owned())
        }
        None => None,
    }
}

/// Whether the kernel is older than an option whose work nothing did before.
fn is_too_old(entry: &Entry, kernel: &Kernel) -> bool {
    entry.need < Need::Optional
        && entry.without_symbol == WithoutSymbol::Lacks
        && entry.since.zip(kernel.version).is_some_and(|(since, version)| version < since)
}

/// Why a kernel has no such symbol.
fn absence(entry: &Entry, kernel: &Kernel) -> String {
    let mark = |bound: Bound| if entry.unverified.contains(&bound) { " (version not verified)" } else { "" };
    let otherwise = match (entry.without_symbol, &entry.renamed_to) {
        (WithoutSymbol::AlwaysOn, _) => "; without the option it is always on".to_owned(),
        (_, Some(successor)) => format!("; {successor} took its place"),
        _ => String::new(),
    };
    match (kernel.version, entry.since, entry.until, entry.flavour) {
        (Some(version), Some(since), ..) if version < since => {
            format!("came with Linux {since}{}{otherwise}", mark(Bound::Since))
        }
        (Some(version), _, Some(until), _) if version > until => {
            format!("gone after Linux {until}{}{otherwise}", mark(Bound::Until))
        }
        (.., Some(flavour)) => format!("exists with {} pages only", flavour.name()),
        _ => "does not exist".to_owned(),
    }
}

/// What is wrong with a value.
fn shortcoming(entry: &Entry, config: &Config, kernel: &Kernel) -> String {
    match config.get(&entry.symbol) {
        Some(Value::Module) => return "is a module and must be built in".to_owned(),
        Some(Value::Yes | Value::Text(_)) => return "has another value".to_owned(),
        Some(Value::No) => return "is not set".to_owned(),
        None => {}
    }
    let unmet = entry.depends.iter().find(|symbol| !config.get(symbol).is_some_and(Value::is_enabled));
    match unmet {
        Some(symbol) => format!("cannot be chosen without {symbol}"),
        None if entry.hidden.at(kernel.version) && !entry.selected_by.is_empty() => {
            format!("is not set; it has no prompt and comes with {}", entry.selected_by.join(" or "))
        }
        None => "is not set".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::Sets;

    const ENTRIES: &str = r#"
name = "x"
title = "t"
purpose = "p"
default = true
[[option]]
symbol = "NEEDED"
need = "required"
accept = ["m", "y"]
since = "4.5"
depends = ["PARENT"]
gives = "gives"
fails = "fails"
source = "s"
confidence = "observed"
[[option]]
symbol = "PARENT"
need = "required"
accept = ["y"]
gives = "gives"
fails = "fails"
source = "s"
confidence = "observed"
[[option]]
symbol = "HIDDEN"
need = "required"
accept = ["y"]
hidden = "always"
selected-by = ["PARENT"]
gives = "gives"
fails = "fails"
source = "s"
confidence = "observed"
[[option]]
symbol = "WISHED"
need = "recommended"
accept = ["y"]
alternatives = ["OTHER"]
gives = "gives"
fails = "fails"
source = "s"
confidence = "observed"
[[option]]
symbol = "GONE"
need = "required"
accept = ["y"]
until = "6.13"
renamed-to = "NEW"
gives = "gives"
fails = "fails"
source = "s"
confidence = "observed"
[[option]]
symbol = "BIG"
need = "optional"
accept = ["y"]
flavour = "64k"
gives = "gives"
source = "s"
confidence = "observed"
[[option]]
symbol = "NUMBER"
need = "information"
gives = "gives"
source = "s"
confidence = "observed"
"#;

    /// Found, verdict and reason of a symbol in a configuration of a version.
    fn judged(symbol: &str, config: &str, version: &str) -> (Found, Verdict, String) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("x.toml"), ENTRIES).unwrap();
        let sets = Sets::from_directory(directory.path()).unwrap();
        let text = format!("CONFIG_BASE=y\n{config}");
        let config = Config::parse(text.as_bytes()).unwrap();
        let kernel = Kernel { version: version.parse().ok(), flavour: config.flavour(), source: "test".to_owned() };
        let report = evaluate(&sets.choose(&[]).unwrap(), &config, kernel);
        let option = report.sets[0].options.iter().find(|option| option.symbol == symbol).unwrap();
        (option.found, option.verdict, option.reason.clone())
    }

    /// Enough hidden symbols for a configuration that Kconfig itself wrote.
    fn complete(text: &str) -> String {
        (0..20).map(|n| format!("CONFIG_HAVE_{n}=y\n")).chain([text.to_owned()]).collect()
    }

    #[test]
    fn values_become_verdicts() {
        let cases = [
            ("NEEDED", "CONFIG_NEEDED=m\n", "6.1", Found::M, Verdict::Ok, "gives"),
            ("NEEDED", "# CONFIG_NEEDED is not set\n", "6.1", Found::N, Verdict::Missing, "is not set: fails"),
            ("NEEDED", "", "6.1", Found::Absent, Verdict::Missing, "cannot be chosen without PARENT: fails"),
            ("NEEDED", "CONFIG_PARENT=y\n", "6.1", Found::Absent, Verdict::Missing, "is not set: fails"),
            ("NEEDED", "", "3.2", Found::NoSuchSymbol, Verdict::Missing, "came with Linux 4.5"),
            ("NEEDED", "# CONFIG_NEEDED is not set\n", "3.2", Found::N, Verdict::Missing, "came with Linux 4.5"),
            (
                "GONE",
                "# CONFIG_GONE is not set\n",
                "6.14",
                Found::N,
                Verdict::NotInThisVersion,
                "gone after Linux 6.13; NEW took its place",
            ),
            ("NEEDED", "CONFIG_NEEDED=m\n", "3.2", Found::M, Verdict::Ok, "gives"),
            (
                "PARENT",
                "CONFIG_PARENT=m\n",
                "6.1",
                Found::M,
                Verdict::Missing,
                "is a module and must be built in: fails",
            ),
            ("WISHED", "# CONFIG_WISHED is not set\n", "6.1", Found::N, Verdict::NotRecommended, "is not set: fails"),
            ("WISHED", "CONFIG_OTHER=y\n", "6.1", Found::Absent, Verdict::Ok, "OTHER is set instead: gives"),
            (
                "GONE",
                "",
                "6.14",
                Found::NoSuchSymbol,
                Verdict::NotInThisVersion,
                "gone after Linux 6.13; NEW took its place",
            ),
            ("GONE", "", "", Found::Absent, Verdict::Missing, "is not set: fails"),
            (
                "BIG",
                "CONFIG_PPC_4K_PAGES=y\n",
                "6.12",
                Found::NoSuchSymbol,
                Verdict::NotInThisVersion,
                "exists with 64k pages only",
            ),
            ("BIG", "CONFIG_PPC_64K_PAGES=y\n", "6.12", Found::Absent, Verdict::Information, "is not set: gives"),
            ("NUMBER", "CONFIG_NUMBER=2048\n", "6.12", Found::Value, Verdict::Information, "gives"),
        ];
        for (symbol, config, version, found, verdict, reason) in cases {
            let expected = (found, verdict, reason.to_owned());
            assert_eq!(judged(symbol, config, version), expected, "{symbol} in '{config}' of {version}");
        }
    }

    #[test]
    fn a_hidden_symbol_is_only_missed_where_hidden_symbols_are_listed() {
        let parent = "CONFIG_PARENT=y\n";
        assert_eq!(judged("HIDDEN", parent, "6.1").1, Verdict::Ok);
        assert_eq!(judged("HIDDEN", &complete(parent), "6.1").1, Verdict::Missing);
        assert_eq!(judged("HIDDEN", "", "6.1").1, Verdict::Missing);
    }
}
