//! How two configurations differ: all of it, or what matters to an LPAR. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::config::Config;
use crate::noise::is_noise;
use crate::sets::Sets;

/// An option with two values.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference<'t> {
    /// Without `CONFIG_`.
    pub symbol: &'t str,
    /// In the first; `absent` without a line.
    pub first: String,
    /// In the second.
    pub second: String,
    /// The sets that have the option.
    pub sets: Vec<String>,
}

/// The options that differ, by name. `all` adds those that no set has; noise is never told.
pub fn diff<'t>(first: &Config<'t>, second: &Config<'t>, sets: &Sets, all: bool) -> Vec<Difference<'t>> {
    let symbols: BTreeSet<&'t str> = first.sorted().iter().chain(&second.sorted()).map(|(symbol, _)| *symbol).collect();
    let shown = |value: Option<crate::config::Value>| value.map_or("absent".to_owned(), |value| value.to_string());
    symbols
        .into_iter()
        .filter(|symbol| first.get(symbol) != second.get(symbol) && !is_noise(symbol))
        .map(|symbol| Difference {
            symbol,
            first: shown(first.get(symbol)),
            second: shown(second.get(symbol)),
            sets: sets.entries(symbol).map(|(set, _)| set.name.clone()).collect(),
        })
        .filter(|difference| all || !difference.sets.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_matters_differs_unless_all_is_asked_for() {
        let sets = Sets::embedded().unwrap();
        let first =
            Config::parse(b"CONFIG_LPARCFG=y\nCONFIG_USB=y\nCONFIG_CC_VERSION_TEXT=\"gcc\"\nCONFIG_IBMVETH=m\n")
                .unwrap();
        let second = Config::parse(b"# CONFIG_LPARCFG is not set\nCONFIG_IBMVETH=m\n").unwrap();
        let symbols = |all| diff(&first, &second, &sets, all).iter().map(|one| one.symbol).collect::<Vec<_>>();
        assert_eq!(symbols(false), ["LPARCFG"]);
        assert_eq!(symbols(true), ["LPARCFG", "USB"]);
        let lparcfg = &diff(&first, &second, &sets, false)[0];
        assert_eq!((lparcfg.first.as_str(), lparcfg.second.as_str()), ("y", "n"));
        assert!(lparcfg.sets.contains(&"perf-lparstat".to_owned()));
    }
}
