//! Package names: what Debian allows, and how an RPM's name becomes one.
//!
//! Debian policy 5.6.1: at least two characters, lower-case letters, digits, `+`, `-` and `.`, the first one a letter or
//! digit. Upper case becomes lower case and `_` becomes `-`; nothing else is ever changed or left out, because two
//! different RPM names would too easily become the same.

use crate::error::Error;
use crate::printable::printable;

/// Bytes of the longest name we accept. With [`super::version::MAX_BYTES`] and the longest architecture, the name
/// `NAME_VERSION_ARCH.deb.sha256sum` stays within the 255 bytes of a file name.
pub const MAX_BYTES: usize = 128;

/// A Debian package name and whether it differs from the RPM's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Debian's form.
    pub name: String,
    /// The RPM writes it in another way: worth a notice.
    pub changed: bool,
}

/// The Debian name for an RPM name. Fails for what Debian cannot say: shell and control characters, spaces, letters
/// outside ASCII, a first character that is no letter or digit, less than two or more than [`MAX_BYTES`] characters.
pub fn debian_name(rpm_name: &str) -> Result<Mapped, Error> {
    let refuse = |reason: String| Err(Error::refused(subject(rpm_name), reason));
    if rpm_name.len() < 2 {
        return refuse("Debian package names have at least two characters".into());
    }
    if rpm_name.len() > MAX_BYTES {
        return refuse(format!(
            "the name has {} bytes, more than the {MAX_BYTES} that fit a file name",
            rpm_name.len()
        ));
    }
    let name: String = rpm_name.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    if let Some(bad) = name.chars().find(|c| !is_name_character(*c)) {
        return refuse(format!("'{}' cannot be in a Debian package name", printable(bad.to_string().as_bytes())));
    }
    if !is_valid(&name) {
        return refuse("a Debian package name starts with a letter or a digit".into());
    }
    Ok(Mapped { changed: name != rpm_name, name })
}

/// Whether Debian policy allows this package name, and it has at most [`MAX_BYTES`] bytes.
pub fn is_valid(name: &str) -> bool {
    (2..=MAX_BYTES).contains(&name.len())
        && name.chars().all(is_name_character)
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.')
}

/// The name as an error's subject: one short printable line.
fn subject(rpm_name: &str) -> String {
    let head: String = rpm_name.chars().take(MAX_BYTES).collect();
    format!("package name '{}'", printable(head.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn names_become_debian_names_and_say_whether_they_changed() {
        for (rpm, debian) in [
            ("librtas", "librtas"),
            ("librtas-32bit", "librtas-32bit"),
            ("DynamicRM", "dynamicrm"),
            ("libservicelog-1_1-1-32bit", "libservicelog-1-1-1-32bit"),
            ("devices.chrp.base.ServiceRM", "devices.chrp.base.servicerm"),
            ("libstdc++", "libstdc++"),
            ("3proxy", "3proxy"),
        ] {
            assert_eq!(debian_name(rpm).unwrap(), Mapped { name: debian.into(), changed: rpm != debian });
        }
    }

    #[test]
    fn names_that_debian_cannot_say_are_refused() {
        let long = "a".repeat(MAX_BYTES + 1);
        for bad in [
            "",
            "R",
            "a b",
            "a;b",
            "$(id)",
            "a\nb",
            "a\0b",
            "../a",
            "-rf",
            "_a",
            ".a",
            "a/b",
            "caf\u{e9}",
            "a~b",
            &long,
        ] {
            let error = debian_name(bad).expect_err(bad).to_string();
            assert!(!error.contains('\n'), "{error}");
            assert!(error.len() < 300, "{error}");
        }
        assert_eq!(
            debian_name("a\nb").unwrap_err().to_string(),
            "package name 'a\\nb': '\\n' cannot be in a Debian package name"
        );
    }
}
