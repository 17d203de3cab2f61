//! Kernel versions and page size flavours: what decides whether an option exists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The version of a kernel as far as options depend on it: `6.12`, `2.6.39`. Stable updates bring no options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct KernelVersion {
    major: u16,
    minor: u16,
    /// The third number, which was the release up to 2.6.39 and is 0 since 3.0.
    patch: u16,
}

/// A text that is no kernel version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no kernel version such as 6.12 or 6.1.0-50-powerpc64le")]
pub struct BadVersion(String);

impl FromStr for KernelVersion {
    type Err = BadVersion;

    /// Takes a version or a whole release: `6.1`, `6.12.107`, `7.3-rc7`, `6.1.0-50-powerpc64le`.
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.chars().take(64).collect());
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text[..end].split('.').map(str::parse::<u16>);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return Err(bad()) };
        let patch = match numbers.next() {
            Some(Ok(patch)) if major < 3 => patch,
            Some(Err(_)) => return Err(bad()),
            _ => 0,
        };
        Ok(Self { major, minor, patch })
    }
}

impl TryFrom<String> for KernelVersion {
    type Error = BadVersion;

    fn try_from(text: String) -> Result<Self, BadVersion> {
        text.parse()
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(f, ".{}", self.patch) } else { Ok(()) }
    }
}

impl Serialize for KernelVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The page size that a kernel is built for. Debian has built both since 6.10; the plain flavour has 4 KiB pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flavour {
    /// 4 KiB pages.
    #[serde(rename = "4k")]
    Pages4k,
    /// 64 KiB pages.
    #[serde(rename = "64k")]
    Pages64k,
}

impl Flavour {
    /// As on the command line: `4k`, `64k`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pages4k => "4k",
            Self::Pages64k => "64k",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KernelVersion;

    #[test]
    fn releases_are_read_as_versions() {
        let cases = [
            ("6.1", "6.1"),
            ("6.1.176", "6.1"),
            ("6.1.0-50-powerpc64le", "6.1"),
            ("7.3-rc7", "7.3"),
            ("7.3-rc7-powerpc64le", "7.3"),
            ("6.12.107+deb13-powerpc64le-64k", "6.12"),
            ("2.6.39-bpo.2-powerpc", "2.6.39"),
            ("3.2.0-0.bpo.4.ssb.1-powerpc64", "3.2"),
            ("4.18.0-513.18.1.el8_9", "4.18"),
        ];
        for (release, version) in cases {
            assert_eq!(release.parse::<KernelVersion>().unwrap().to_string(), version, "{release}");
        }
        for bad in ["", "6", "six.one", "6.", ".1", "99999999.1", "-6.1", "6.1.99999999"] {
            assert!(bad.parse::<KernelVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_sort_by_number() {
        let sorted = ["2.6.9", "2.6.39", "3.2", "4.18", "6.1", "6.9", "6.10", "7.2"];
        let versions: Vec<KernelVersion> = sorted.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted());
    }
}
