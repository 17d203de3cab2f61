//! debian/control as text: one stanza of fields, parsed and written without losing a line.

use std::fmt;

use crate::error::Error;

/// A stanza: fields in order, values with their continuation lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stanza {
    fields: Vec<(String, String)>,
}

impl Stanza {
    /// Parses the last stanza of a text that has it: `Package:`. A preceding source stanza, as debhelper and alien
    /// write it, is skipped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let stanzas: Vec<Self> = text
            .split("\n\n")
            .filter(|block| block.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#')))
            .map(Self::parse_one)
            .collect::<Result<_, _>>()?;
        let mut packages = stanzas.into_iter().filter(|stanza| stanza.get("Package").is_some());
        match (packages.next(), packages.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(malformed("has no Package field")),
            (Some(_), Some(_)) => Err(malformed("has several binary packages; one at a time can be built")),
        }
    }

    fn parse_one(block: &str) -> Result<Self, Error> {
        let mut stanza = Self::default();
        for line in block.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            if line.starts_with([' ', '\t']) {
                let Some((_, value)) = stanza.fields.last_mut() else {
                    return Err(malformed("begins with a continuation line"));
                };
                value.push('\n');
                value.push_str(line);
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(malformed(&format!("has the line '{line}', which is no field")));
            };
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(malformed(&format!("has the field name '{name}'")));
            }
            if stanza.get(name).is_some() {
                return Err(malformed(&format!("has the field {name} twice")));
            }
            stanza.fields.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(stanza)
    }

    /// A field's value, whatever the case of its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Sets a field where it is, or at the end. An empty value removes it.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if value.is_empty() {
            self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
            return;
        }
        match self.fields.iter_mut().find(|(field, _)| field.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name.to_owned(), value)),
        }
    }

    /// Sets a field before another one.
    pub fn set_before(&mut self, next: &str, name: &str, value: impl Into<String>) {
        self.set(name, "");
        let at =
            self.fields.iter().position(|(field, _)| field.eq_ignore_ascii_case(next)).unwrap_or(self.fields.len());
        self.fields.insert(at, (name.to_owned(), value.into()));
    }
}

impl fmt::Display for Stanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            if value.starts_with('\n') {
                writeln!(f, "{name}:{value}")?;
            } else {
                writeln!(f, "{name}: {value}")?;
            }
        }
        Ok(())
    }
}

fn malformed(reason: &str) -> Error {
    Error::malformed("debian/control", reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stanza_survives_parsing_and_writing() {
        let text = "Package: x\nDepends: a,\n b\nDescription: short\n long\n .\n  indented\n";
        assert_eq!(Stanza::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn a_source_stanza_and_comments_are_passed_over() {
        let stanza = Stanza::parse("Source: x\nBuild-Depends: y\n\n# c\nPackage: x\nArchitecture: all\n").unwrap();
        assert_eq!(stanza.to_string(), "Package: x\nArchitecture: all\n");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "Source: x\n",
            " a\nPackage: x\n",
            "Package: x\nPackage: y\n",
            "Package: x\nzzz\n",
            "Package: a\n\nPackage: b\n",
        ] {
            assert!(Stanza::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn installed_size_goes_before_the_description() {
        let mut stanza = Stanza::parse("Package: x\nDescription: y\n").unwrap();
        stanza.set_before("Description", "Installed-Size", "7");
        assert_eq!(stanza.to_string(), "Package: x\nInstalled-Size: 7\nDescription: y\n");
    }
}
