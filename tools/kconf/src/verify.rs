//! What of a fragment survived `make olddefconfig`, and why the rest did not. Pure.

use serde::Serialize;

use crate::config::{Config, Value};
use crate::noise::is_noise;
use crate::sets::{Entry, Sets};
use crate::version::KernelVersion;

/// A fragment held against the configuration that was built with it.
#[derive(Debug, Serialize)]
#[must_use = "an unread report helps nobody"]
pub struct Verification<'t> {
    /// Version of the built configuration.
    pub version: Option<KernelVersion>,
    /// Options that have the value that was asked for.
    pub survived: Vec<&'t str>,
    /// Options that have another one.
    pub lost: Vec<Lost<'t>>,
    /// Options that say nothing, such as the compiler's version.
    pub ignored: Vec<&'t str>,
}

/// An option that is not what the fragment asked for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Lost<'t> {
    /// Without `CONFIG_`.
    pub symbol: &'t str,
    /// As in the fragment.
    pub asked: String,
    /// As in the built configuration; `absent` without a line.
    pub found: String,
    /// Why, as far as the sets know it.
    pub reason: String,
}

/// Compares a built configuration with a fragment; the sets explain what was lost.
pub fn verify<'t>(built: &Config, fragment: &Config<'t>, sets: &Sets) -> Verification<'t> {
    let mut result =
        Verification { version: built.version(), survived: Vec::new(), lost: Vec::new(), ignored: Vec::new() };
    for (symbol, asked) in fragment.sorted() {
        let found = built.get(symbol);
        if is_noise(symbol) {
            result.ignored.push(symbol);
        } else if asked == found.unwrap_or(Value::No) {
            result.survived.push(symbol);
        } else {
            result.lost.push(Lost {
                symbol,
                asked: asked.to_string(),
                found: found.map_or("absent".to_owned(), |value| value.to_string()),
                reason: explain(symbol, asked, found, built, sets),
            });
        }
    }
    result
}

/// Why an option has another value than the one that was asked for.
fn explain(symbol: &str, asked: Value, found: Option<Value>, built: &Config, sets: &Sets) -> String {
    let entries: Vec<&Entry> = sets.entries(symbol).map(|(_, entry)| entry).collect();
    if asked == Value::No {
        return "something else selects it, or it cannot be switched off".to_owned();
    }
    if asked == Value::Yes && found == Some(Value::Module) {
        return "something that it depends on is a module, so that it can only be one".to_owned();
    }
    if found.is_some_and(Value::is_enabled) {
        return "something else selects it with this value, or it cannot be a module".to_owned();
    }
    if found == Some(Value::No) {
        return "it could be chosen here: was the fragment merged before make olddefconfig?".to_owned();
    }
    let Some(first) = entries.first() else {
        return "no such option in this version, or something that it depends on is not set".to_owned();
    };
    let version = built.version();
    if !entries.iter().any(|entry| entry.exists(version, built.flavour())) {
        return no_such_option(first, version);
    }
    if entries.iter().any(|entry| entry.hidden.at(version)) {
        return match first.selected_by.as_slice() {
            [] => "it has no prompt in this version: nobody can choose it".to_owned(),
            parents => format!("it has no prompt in this version: choose {}", parents.join(" or ")),
        };
    }
    let unmet: Vec<&str> = entries
        .iter()
        .flat_map(|entry| &entry.depends)
        .filter(|parent| !built.get(parent).is_some_and(Value::is_enabled))
        .map(String::as_str)
        .collect();
    match unmet.as_slice() {
        [] => "something that it depends on is not set".to_owned(),
        parents => format!("depends on {}, which is not set", parents.join(" and ")),
    }
}

fn no_such_option(entry: &Entry, version: Option<KernelVersion>) -> String {
    let version = version.map_or("this kernel".to_owned(), |version| format!("Linux {version}"));
    let successor = entry.renamed_to.as_ref().map(|name| format!(", {name} took its place")).unwrap_or_default();
    let flavour = entry.flavour.map(|flavour| format!(", or only with {} pages", flavour.name())).unwrap_or_default();
    format!("no such option in {version}{flavour}{successor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symbol, found and reason of what was lost.
    fn lost(built: &str, fragment: &str) -> Vec<(String, String, String)> {
        let sets = Sets::embedded().unwrap();
        let built = format!("# Linux/powerpc 6.1.192 Kernel Configuration\nCONFIG_PPC_64K_PAGES=y\n{built}");
        let (built, fragment) = (Config::parse(built.as_bytes()).unwrap(), Config::parse(fragment.as_bytes()).unwrap());
        let result = verify(&built, &fragment, &sets);
        result.lost.into_iter().map(|lost| (lost.symbol.to_owned(), lost.found, lost.reason)).collect()
    }

    #[test]
    fn the_trial_fragment_of_the_field_notes_loses_scanlog_and_papr_scm() {
        let built = "CONFIG_MEMORY_HOTPLUG=y\nCONFIG_PPC_PSERIES=y\n# CONFIG_LIBNVDIMM is not set\nCONFIG_LPARCFG=y\n";
        let lost = lost(built, "CONFIG_LPARCFG=y\nCONFIG_SCANLOG=m\nCONFIG_PAPR_SCM=m\nCONFIG_CC_VERSION_TEXT=\"x\"\n");
        let expected = [
            ("PAPR_SCM", "absent", "depends on LIBNVDIMM, which is not set"),
            ("SCANLOG", "absent", "no such option in Linux 6.1"),
        ];
        assert_eq!(
            lost,
            expected.map(|(symbol, found, reason)| (symbol.to_owned(), found.to_owned(), reason.to_owned()))
        );
    }

    #[test]
    fn a_line_that_is_not_there_is_as_good_as_not_set() {
        assert!(lost("# CONFIG_A is not set\n", "# CONFIG_A is not set\n# CONFIG_B is not set\n").is_empty());
    }

    #[test]
    fn other_values_are_explained() {
        let cases = [
            ("CONFIG_IBMVETH=m\n", "CONFIG_IBMVETH=y\n", "m", "can only be one"),
            ("CONFIG_A=y\n", "# CONFIG_A is not set\n", "y", "selects it"),
            ("CONFIG_A=y\n", "CONFIG_A=m\n", "y", "cannot be a module"),
            ("# CONFIG_DTL is not set\n", "CONFIG_DTL=y\n", "n", "was the fragment merged"),
            ("", "CONFIG_UNHEARD_OF=y\n", "absent", "no such option in this version, or"),
            ("", "CONFIG_ARCH_MEMORY_PROBE=y\n", "absent", "no prompt in this version: choose MEMORY_HOTPLUG"),
        ];
        for (built, fragment, found, reason) in cases {
            let lost = lost(built, fragment);
            assert!(lost[0].1 == found && lost[0].2.contains(reason), "{fragment}: {lost:?}");
        }
    }
}
