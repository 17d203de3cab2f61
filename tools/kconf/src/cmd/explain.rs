//! `explain`: an option or a set, with all that is known of it.

use anyhow::bail;
use kconf::sets::{Accept, Bound, Entry, Hidden, OptionSet, WithoutSymbol};

use crate::cli::{Explain, SystemArgs};
use crate::render::{self, Exit, wrapped};

/// Prints every entry of an option, or a set.
pub(crate) fn run(system: &SystemArgs, args: &Explain) -> anyhow::Result<Exit> {
    let sets = super::load_sets(system)?;
    let symbol = args.name.strip_prefix("CONFIG_").unwrap_or(&args.name);
    let entries: Vec<_> = sets.entries(symbol).collect();
    let text = match (sets.named(&args.name), entries.as_slice()) {
        (Some(set), _) => set_text(set),
        (None, []) => {
            bail!("no set and no option of a set is called '{}'; lpar-kconfig sets lists the sets", args.name)
        }
        (None, entries) => entries.iter().map(|(set, entry)| entry_text(set, entry)).collect::<Vec<_>>().join("\n"),
    };
    render::print(&text);
    Ok(Exit::Good)
}

fn set_text(set: &OptionSet) -> String {
    let mut text = format!("{}: {}\n\n", set.name, set.title);
    text.push_str(&wrapped(set.purpose.trim(), 0));
    text.push('\n');
    for entry in &set.options {
        text.push_str(&format!(
            "{} ({}, {})\n{}",
            entry.symbol,
            entry.need.name(),
            entry.confidence.name(),
            wrapped(&entry.gives, 4)
        ));
    }
    text
}

fn entry_text(set: &OptionSet, entry: &Entry) -> String {
    let mut text = format!("CONFIG_{} in {}: {}\n", entry.symbol, set.name, entry.need.name());
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let indented = wrapped(value, 15);
            text.push_str(&format!("  {name:<12} {}", indented.trim_start()));
        }
    };
    row("enables", &entry.gives);
    row("without it", &entry.fails);
    row("accepts", &accepts(&entry.accept));
    row("exists", &life(entry));
    row("renamed", &renamed(entry));
    row("prompt", &prompt(entry));
    row("comes with", &entry.selected_by.join(", "));
    row("depends on", &entry.depends.join(", "));
    row("or instead", &entry.alternatives.join(", "));
    row("known from", &format!("{} [{}]", entry.source, entry.confidence.name()));
    text
}

fn accepts(accept: &Accept) -> String {
    match accept {
        Accept::Any => "any value".to_owned(),
        Accept::OneOf(wanted) => wanted.iter().map(|one| one.value().to_string()).collect::<Vec<_>>().join(" or "),
    }
}

fn life(entry: &Entry) -> String {
    let mark = |bound| if entry.unverified.contains(&bound) { " (not verified)" } else { "" };
    let mut parts = Vec::new();
    if let Some(since) = entry.since {
        parts.push(format!("since {since}{}", mark(Bound::Since)));
    }
    if let Some(until) = entry.until {
        parts.push(format!("until {until}{}", mark(Bound::Until)));
    }
    if let Some(flavour) = entry.flavour {
        parts.push(format!("with {} pages only", flavour.name()));
    }
    if entry.without_symbol == WithoutSymbol::AlwaysOn {
        parts.push("other versions always do it".to_owned());
    }
    if parts.is_empty() { "in all versions".to_owned() } else { parts.join(", ") }
}

fn renamed(entry: &Entry) -> String {
    match (&entry.renamed_from, &entry.renamed_to) {
        (Some(from), _) => format!("from {from}"),
        (None, Some(to)) => format!("to {to}"),
        (None, None) => String::new(),
    }
}

fn prompt(entry: &Entry) -> String {
    match entry.hidden {
        Hidden::Never => "yes: it can be chosen".to_owned(),
        Hidden::Always => "none: it cannot be chosen".to_owned(),
        Hidden::Since(version) => {
            let mark = if entry.unverified.contains(&Bound::Hidden) { " (not verified)" } else { "" };
            format!("none since {version}{mark}: it cannot be chosen")
        }
    }
}
