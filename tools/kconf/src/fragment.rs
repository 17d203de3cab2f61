//! The configuration fragment that a set of needs asks for: only what a kernel of that version lets one choose. Pure.

use std::collections::HashSet;

use crate::config::{Value, assignment};
use crate::sets::{Accept, Entry, Need, OptionSet, Sets, Wanted};
use crate::version::{Flavour, KernelVersion};

/// What a fragment is for.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Kernel version; decides what exists and what can be chosen.
    pub version: KernelVersion,
    /// Page size; without one, options that exist with one page size only are left out.
    pub flavour: Option<Flavour>,
    /// Drivers as modules where the sets prefer that; built in otherwise.
    pub modules: bool,
    /// The least need that is written: options of less are left out.
    pub need: Need,
}

/// A fragment: what to choose, and what cannot be chosen and why.
#[derive(Debug)]
#[must_use = "a fragment is for writing"]
pub struct Fragment<'s> {
    target: Target,
    sections: Vec<Section<'s>>,
}

/// What one set asks for, less what an earlier one has already.
#[derive(Debug)]
struct Section<'s> {
    set: &'s OptionSet,
    chosen: Vec<(&'s str, Value<'static>)>,
    left_out: Vec<(&'s str, String)>,
}

/// Makes the fragment of the chosen sets. All sets tell what their options depend on.
pub fn fragment<'s>(all: &'s Sets, chosen: &[&'s OptionSet], target: Target) -> Fragment<'s> {
    let mut written = HashSet::new();
    let sections = chosen
        .iter()
        .map(|set| {
            let mut section = Section { set, chosen: Vec::new(), left_out: Vec::new() };
            for entry in set.options.iter().filter(|entry| entry.need <= target.need) {
                section.add(all, entry, target, &mut written);
            }
            section
        })
        .collect();
    Fragment { target, sections }
}

impl<'s> Section<'s> {
    /// Adds an entry, after what it depends on.
    fn add(&mut self, all: &'s Sets, entry: &'s Entry, target: Target, written: &mut HashSet<&'s str>) {
        if let Err(reason) = choosable(entry, target) {
            if written.insert(&entry.symbol) {
                self.left_out.push((&entry.symbol, reason));
            }
            return;
        }
        let Some(value) = preferred(entry, target.modules) else { return };
        if !written.insert(&entry.symbol) {
            return;
        }
        for symbol in &entry.depends {
            // A dependency that cannot be chosen comes by itself or never: it is not worth a line.
            let parent = all.entries(symbol).map(|(_, parent)| parent).find(|parent| choosable(parent, target).is_ok());
            if let Some(parent) = parent {
                self.add(all, parent, target, written);
            }
        }
        self.chosen.push((&entry.symbol, value));
    }
}

/// Whether a kernel like the target lets one choose an option; the error says why not.
fn choosable(entry: &Entry, target: Target) -> Result<(), String> {
    let version = Some(target.version);
    if !entry.exists(version, None) {
        return Err(format!("no such option in {}", target.version));
    }
    match (entry.flavour, target.flavour) {
        (Some(wanted), other) if other != Some(wanted) => {
            return Err(format!("exists with {} pages only", wanted.name()));
        }
        _ => {}
    }
    if entry.hidden.at(version) {
        return Err(match entry.selected_by.as_slice() {
            [] => "no prompt".to_owned(),
            parents => format!("no prompt: comes with {}", parents.join(" or ")),
        });
    }
    Ok(())
}

/// The value to write: with modules the set's first choice, without them the built-in one if it will do.
fn preferred(entry: &Entry, modules: bool) -> Option<Value<'static>> {
    match &entry.accept {
        Accept::Any => None,
        Accept::OneOf(wanted) if !modules && wanted.contains(&Wanted::Y) => Some(Value::Yes),
        Accept::OneOf(wanted) => wanted.first().map(|first| first.value()),
    }
}

impl Fragment<'_> {
    /// The text of it: where it is from, then set by set what is chosen and, as comments, what is not.
    pub fn text(&self) -> String {
        let target = self.target;
        let flavour = target.flavour.map(|flavour| format!(", {} pages", flavour.name())).unwrap_or_default();
        let drivers = if target.modules { "modules where possible" } else { "built in" };
        let needs = if target.need == Need::Optional {
            "Required, recommended and optional"
        } else {
            "Required and recommended"
        };
        let names: Vec<_> = self.sections.iter().map(|section| section.set.name.as_str()).collect();
        let mut text = format!(
            "# {needs} options of a partition on IBM Power, for Linux {}{flavour}; drivers {drivers}.\n\
             # Written by lpar-kconfig fragment from the sets: {}\n",
            target.version,
            names.join(" ")
        );
        for section in &self.sections {
            text.push_str(&section.text());
        }
        text
    }
}

impl Section<'_> {
    fn text(&self) -> String {
        let mut text = format!("\n# {}: {}\n", self.set.name, self.set.title);
        for (symbol, value) in &self.chosen {
            text.push_str(&assignment(symbol, *value));
            text.push('\n');
        }
        for (symbol, reason) in &self.left_out {
            text.push_str(&format!("# left out: {symbol} ({reason})\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn target(version: &str, flavour: Option<Flavour>) -> Target {
        Target { version: version.parse().unwrap(), flavour, modules: true, need: Need::Recommended }
    }

    fn made(sets: &Sets, names: &[&str], target: Target) -> String {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        fragment(sets, &sets.choose(&names).unwrap(), target).text()
    }

    #[test]
    fn a_fragment_sets_each_option_once_and_only_what_can_be_chosen() {
        let sets = Sets::embedded().unwrap();
        for version in ["2.6.39", "3.2", "4.18", "6.1", "6.12", "7.2"] {
            let target = Target { need: Need::Optional, ..target(version, Some(Flavour::Pages64k)) };
            let text = fragment(&sets, &sets.all().iter().collect::<Vec<_>>(), target).text();
            let options = Config::parse(text.as_bytes()).unwrap().sorted();
            assert_eq!(text.lines().filter(|line| line.starts_with("CONFIG_")).count(), options.len());
            for (symbol, value) in options {
                let entries: Vec<_> = sets.entries(symbol).map(|(_, entry)| entry).collect();
                assert!(entries.iter().all(|entry| choosable(entry, target).is_ok()), "{symbol} in {version}");
                assert!(entries.iter().any(|entry| entry.accept.allows(Some(value))), "{symbol}={value}");
            }
        }
    }

    #[test]
    fn what_debian_lacks_is_in_it() {
        let sets = Sets::embedded().unwrap();
        let text = made(&sets, &[], target("6.1", Some(Flavour::Pages64k)));
        for line in ["CONFIG_LPARCFG=y\n", "CONFIG_PPC_SMLPAR=y\n", "CONFIG_DTL=y\n", "CONFIG_IBMVNIC=m\n"] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn nothing_hidden_gone_or_of_another_page_size_is_chosen() {
        let sets = Sets::embedded().unwrap();
        let all = Target { need: Need::Optional, ..target("6.12", Some(Flavour::Pages4k)) };
        let text = made(&sets, &["security", "base-pseries", "rmc-rtas"], all);
        assert!(text.contains("# left out: PSERIES_PLPKS (no prompt"), "{text}");
        assert!(text.contains("# left out: PPC_VAS (exists with 64k pages only)"), "{text}");
        assert!(text.contains("# left out: OF_DYNAMIC (no prompt: comes with PPC_PSERIES)"), "{text}");
        let old = Target { need: Need::Optional, ..target("6.1", Some(Flavour::Pages64k)) };
        let text = made(&sets, &["security"], old);
        assert!(text.contains("CONFIG_PSERIES_PLPKS=y\n") && text.contains("CONFIG_PPC_VAS=y\n"), "{text}");
    }

    #[test]
    fn what_an_option_depends_on_comes_before_it() {
        let sets = Sets::embedded().unwrap();
        let text = made(&sets, &["perf-lparstat"], target("6.1", None));
        let position = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line} in {text}"));
        assert!(position("CONFIG_DEBUG_FS=y") < position("CONFIG_DTL=y"));
    }

    #[test]
    fn drivers_are_modules_only_where_that_was_asked_for() {
        let sets = Sets::embedded().unwrap();
        let built_in = Target { modules: false, ..target("6.1", None) };
        assert!(made(&sets, &["sriov-hnv"], built_in).contains("CONFIG_IBMVNIC=y\n"));
        assert!(made(&sets, &["sriov-hnv"], target("6.1", None)).contains("CONFIG_IBMVNIC=m\n"));
        assert!(made(&sets, &["rmc-rtas"], target("6.1", None)).contains("CONFIG_NVRAM=y\n"));
    }
}
