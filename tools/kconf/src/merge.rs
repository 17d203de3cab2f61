//! A configuration with fragments laid over it: the same options as `merge_config.sh` gives before `olddefconfig`. Pure.
//!
//! Values are replaced where they stand, so that the result differs from the base in the merged lines only; new options
//! follow at the end. The last fragment wins, as there.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::config::{Line, ParseError, Value, assignment, lines};

/// A merged configuration and what became of the values that were there.
#[derive(Debug)]
#[must_use = "a merged configuration is for writing"]
pub struct Merged {
    /// The text of the result.
    pub text: String,
    /// Values that a fragment replaced by others.
    pub overridden: Vec<Override>,
    /// Options that no earlier input had.
    pub added: Vec<String>,
}

/// A value that a later input replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Override {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// The value that counted before.
    pub old: String,
    /// Where it was from.
    pub old_from: String,
    /// The value that counts now.
    pub new: String,
    /// Where it is from.
    pub new_from: String,
}

/// An input and its name in reports.
#[derive(Debug, Clone, Copy)]
pub struct Input<'t> {
    /// File name.
    pub name: &'t str,
    /// Content.
    pub bytes: &'t [u8],
}

/// An input that is no configuration.
#[derive(Debug, thiserror::Error)]
#[error("{name}")]
pub struct BadInput {
    /// Which.
    pub name: String,
    /// What is wrong with it.
    pub source: ParseError,
}

/// The value that counts, and the input that it is from.
type Origin<'t> = (Value<'t>, &'t str);

/// Lays fragments over a base, one after the other.
pub fn merge<'t>(base: Input<'t>, fragments: &[Input<'t>]) -> Result<Merged, BadInput> {
    let mut values: HashMap<&'t str, Origin<'t>> = HashMap::new();
    for (symbol, value) in options(base)? {
        values.insert(symbol, (value, base.name));
    }
    let (mut overridden, mut added) = (Vec::new(), Vec::new());
    for fragment in fragments {
        for (symbol, value) in options(*fragment)? {
            match values.insert(symbol, (value, fragment.name)) {
                None => added.push(symbol),
                Some((old, from)) if old != value => overridden.push(Override {
                    symbol: symbol.to_owned(),
                    old: old.to_string(),
                    old_from: from.to_owned(),
                    new: value.to_string(),
                    new_from: fragment.name.to_owned(),
                }),
                Some(_) => {}
            }
        }
    }
    let text = write(base, &values, &added)?;
    Ok(Merged { text, overridden, added: added.into_iter().map(str::to_owned).collect() })
}

/// The options of an input in the order of their lines.
fn options(input: Input<'_>) -> Result<Vec<(&str, Value<'_>)>, BadInput> {
    let bad = |source| BadInput { name: input.name.to_owned(), source };
    let mut options = Vec::new();
    for line in lines(input.bytes).map_err(bad)? {
        if let Line::Option(symbol, value) = line.map_err(bad)? {
            options.push((symbol, value));
        }
    }
    if options.is_empty() { Err(bad(ParseError::NoOption)) } else { Ok(options) }
}

/// The base, line by line, with the values that count; then what it did not have.
fn write(base: Input, values: &HashMap<&str, Origin>, added: &[&str]) -> Result<String, BadInput> {
    let bad = |source| BadInput { name: base.name.to_owned(), source };
    let mut text = String::with_capacity(base.bytes.len() + added.len() * 32);
    let mut written = HashSet::new();
    for line in lines(base.bytes).map_err(bad)? {
        match line.map_err(bad)? {
            Line::Option(symbol, _) if !written.insert(symbol) => continue,
            Line::Option(symbol, own) => {
                let value = values.get(symbol).map_or(own, |(value, _)| *value);
                text.push_str(&assignment(symbol, value));
            }
            Line::Other(other) => text.push_str(other),
        }
        text.push('\n');
    }
    for symbol in added {
        if let Some((value, _)) = values.get(symbol) {
            text.push_str(&assignment(symbol, *value));
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn input<'t>(name: &'t str, text: &'t str) -> Input<'t> {
        Input { name, bytes: text.as_bytes() }
    }

    #[test]
    fn values_are_replaced_in_place_and_new_ones_follow() {
        let base = "# head\nCONFIG_A=y\n\n# CONFIG_B is not set\nCONFIG_C=m\n";
        let merged = merge(input("base", base), &[input("f", "CONFIG_B=m\nCONFIG_C=m\nCONFIG_D=y\n")]).unwrap();
        assert_eq!(merged.text, "# head\nCONFIG_A=y\n\nCONFIG_B=m\nCONFIG_C=m\nCONFIG_D=y\n");
        assert_eq!(merged.added, ["D"]);
        let overridden = Override {
            symbol: "B".to_owned(),
            old: "n".to_owned(),
            old_from: "base".to_owned(),
            new: "m".to_owned(),
            new_from: "f".to_owned(),
        };
        assert_eq!(merged.overridden, [overridden]);
    }

    #[test]
    fn the_last_fragment_wins_and_each_change_is_told() {
        let merged =
            merge(input("base", "CONFIG_A=y\n"), &[input("f", "CONFIG_A=m\n"), input("g", "# CONFIG_A is not set\n")])
                .unwrap();
        assert_eq!(merged.text, "# CONFIG_A is not set\n");
        let told: Vec<_> = merged.overridden.iter().map(|one| (one.old_from.as_str(), one.new_from.as_str())).collect();
        assert_eq!(told, [("base", "f"), ("f", "g")]);
    }

    #[test]
    fn an_input_that_is_no_configuration_is_named() {
        let error = merge(input("base", "CONFIG_A=y\n"), &[input("broken", "hello\n")]).unwrap_err();
        assert_eq!(error.name, "broken");
    }

    proptest! {
        #[test]
        fn a_merge_has_the_fragments_values_and_the_bases_others(
            base in prop::collection::vec(("[A-H]", "[ymn]"), 1..12),
            fragment in prop::collection::vec(("[A-H]", "[ymn]"), 1..6),
        ) {
            let text = |options: &[(String, String)]| -> String {
                options.iter().map(|(symbol, value)| format!("CONFIG_{symbol}={value}\n")).collect()
            };
            let (base, fragment) = (text(&base), text(&fragment));
            let merged = merge(input("base", &base), &[input("fragment", &fragment)]).unwrap();
            let result = Config::parse(merged.text.as_bytes()).unwrap();
            let (old, new) = (Config::parse(base.as_bytes()).unwrap(), Config::parse(fragment.as_bytes()).unwrap());
            for (symbol, value) in result.sorted() {
                prop_assert_eq!(Some(value), new.get(symbol).or_else(|| old.get(symbol)));
            }
            prop_assert!(new.sorted().iter().chain(&old.sorted()).all(|(symbol, _)| result.get(symbol).is_some()));
            let again = merge(Input { name: "base", bytes: merged.text.as_bytes() }, &[input("fragment", &fragment)]).unwrap();
            prop_assert_eq!(&again.text, &merged.text);
        }
    }
}
