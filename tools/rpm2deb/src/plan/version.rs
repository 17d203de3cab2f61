//! Versions: from RPM's epoch, version and release to Debian's epoch, upstream version and revision.
//!
//! # What changes
//!
//! | RPM | Debian | Why it keeps the order |
//! |---|---|---|
//! | `_`, `-` | `.` | RPM does not tell separators apart |
//! | `^` after a digit | `A~` | the least successor, see below |
//! | `^` elsewhere (`rc^1`, `^^`, `~^`) | `0A~` | the same, behind a number that may be missing |
//! | separators at the start | left out | RPM skips them |
//! | a version that does not start with a digit, `v1` | `0~v1` | RPM: letters before numbers; Debian wants a digit first |
//!
//! Everything else (`~`, `+`, `.`, letters, digits, dist tags) stays.
//!
//! # Why `A~`
//!
//! RPM sorts `1.0` < `1.0^x` < `1.0a` < `1.0.1`. Debian has only `~`, the end, letters and separators, in this order. What
//! stands for `^` must be more than the end, so it begins with a letter; less than any letter, so it begins with the
//! first one, `A`; and less than `1.0A`, so `~` follows. There is no other choice. (`+`, which looks better, puts
//! `1.0^x` after `1.0a`.) Behind letters, `~` or another `^` a number may follow directly, and Debian reads a missing
//! number as 0: there the 0 is written out, and `A~` sorts between it and 1.
//!
//! # Where RPM and Debian differ, whatever we do
//!
//! The mapping keeps the order of any two versions of one shape: numbers and words, each number joined to a number before
//! it by one separator, always the same one, and to a word directly; words joined directly; after `~` and after `^`
//! either always a word or always a number that is not 0; after a word no number 0; no word `A` directly before `~`. Outside
//! this domain the two orders themselves differ, for versions that need no mapping too:
//!
//! | Versions | RPM | Debian |
//! |---|---|---|
//! | `1.a`, `1.1`: word against number | less | greater |
//! | `1.0~rc1`, `1.0~1`: the same behind `~` | less | greater |
//! | `1.0a`, `1.0.a`: a separator before a word | equal | less |
//! | `1.0+1`, `1.0.1`: kinds of separator | equal | less |
//! | `1..0`, `1.0`: repeated separators | equal | greater |
//! | `1.0rc`, `1.0rc0`: a number 0 behind a word | less | equal |
//! | `1a.1`, `1ab`: a longer word against a separator | less | greater |
//! | `1.0^a`, `1.0A~a` | less | equal |

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::event::Notice;
use crate::printable::printable;
use crate::rpm::package::Evr;

mod order;
use order::compare_part;

/// Bytes of the longest `upstream-revision` we accept; see [`super::name::MAX_BYTES`].
pub const MAX_BYTES: usize = 96;

/// dpkg keeps an epoch in a C `int` (`lib/dpkg/parsehelp.c`).
const MAX_EPOCH: u32 = i32::MAX as u32;

/// What Debian writes where RPM writes `^` behind a digit: the least successor.
const SUCCESSOR: &str = "A~";

/// What becomes of the release: `--release same|bump|+SUFFIX|=REV`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReleasePolicy {
    /// The release is the revision.
    #[default]
    Same,
    /// One more: `4.el9` becomes `5.el9`.
    Bump,
    /// `+SUFFIX` behind the release; the string is without the `+`.
    Append(String),
    /// Another revision altogether.
    Set(String),
}

impl FromStr for ReleasePolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let policy = match (text, text.strip_prefix('+'), text.strip_prefix('=')) {
            ("same", ..) => return Ok(Self::Same),
            ("bump", ..) => return Ok(Self::Bump),
            (_, Some(suffix), _) if is_valid_revision(suffix) => Self::Append(suffix.into()),
            (_, _, Some(revision)) if is_valid_revision(revision) => Self::Set(revision.into()),
            (_, Some(_), _) | (_, _, Some(_)) => {
                let reason = "a Debian revision has letters, digits, '+', '.' and '~' only, and at most 96 of them";
                return Err(Error::refused(release_subject(text), reason));
            }
            _ => return Err(Error::refused(release_subject(text), "expected same, bump, +SUFFIX or =REVISION")),
        };
        Ok(policy)
    }
}

fn release_subject(text: &str) -> String {
    format!("release '{}'", printable(text.as_bytes()))
}

/// A Debian version. `Ord` is Debian's order, so versions that differ in text may be equal (`1.0` and `1.00`).
#[derive(Debug, Clone)]
pub struct DebVersion {
    /// 0 is not written.
    pub epoch: u32,
    /// Starts with a digit; never has `-` or `:`.
    pub upstream: String,
    /// `None` only for relations, whose RPM form may lack a release.
    pub revision: Option<String>,
}

impl DebVersion {
    /// The version as file names have it: without the epoch.
    pub fn file_version(&self) -> String {
        Self { epoch: 0, ..self.clone() }.to_string()
    }

    /// Whether this is the version of a relation, or of a package, that dpkg accepts.
    fn fits(&self) -> bool {
        self.epoch <= MAX_EPOCH && self.file_version().len() <= MAX_BYTES
    }
}

impl fmt::Display for DebVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch > 0 {
            write!(f, "{}:", self.epoch)?;
        }
        write!(f, "{}", self.upstream)?;
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "-{revision}"))
    }
}

impl FromStr for DebVersion {
    type Err = Error;

    /// Reads dpkg's form; the upstream version may have `-` and `:` here.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::refused(format!("version '{}'", printable(text.as_bytes())), "no Debian version");
        let (epoch, rest) = text.split_once(':').map_or((Ok(0), text), |(epoch, rest)| (epoch.parse(), rest));
        let epoch = epoch.map_err(|_| refuse())?;
        let (upstream, revision) = rest.rsplit_once('-').map_or((rest, None), |(u, r)| (u, Some(r.to_owned())));
        let upstream_fits = upstream.starts_with(|c: char| c.is_ascii_digit())
            && upstream.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | '-' | ':'));
        if epoch > MAX_EPOCH || !upstream_fits || revision.as_deref().is_some_and(|r| !is_valid_revision(r)) {
            return Err(refuse());
        }
        Ok(Self { epoch, upstream: upstream.into(), revision })
    }
}

impl Ord for DebVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let revision = |version: &Self| version.revision.clone().unwrap_or_default();
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&revision(self), &revision(other)))
    }
}

impl PartialOrd for DebVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for DebVersion {}

/// The Debian version of an RPM's, with a notice for each part whose text changed. Fails for characters that RPM itself
/// does not allow, a version without letters and digits, and what is too long.
pub fn debian_version(evr: &Evr, policy: &ReleasePolicy) -> Result<(DebVersion, Vec<Notice>), Error> {
    let mut notices = Vec::new();
    let upstream = map_upstream(&evr.version)?;
    report(&mut notices, "version", &evr.version, &upstream);
    let revision = match (policy, evr.release.as_deref()) {
        (ReleasePolicy::Set(revision), _) => Some(revision.clone()),
        (ReleasePolicy::Same, None) => None,
        (policy, release) => {
            let release = release.unwrap_or("0"); // Debian reads a missing revision as 0
            let mapped = map_part(release, "release")?;
            report(&mut notices, "release", release, &mapped);
            Some(apply(policy, &mapped))
        }
    };
    let version = DebVersion { epoch: evr.epoch.unwrap_or(0), upstream, revision };
    if !version.fits() {
        let reason = format!("more than {MAX_BYTES} bytes, or an epoch above {MAX_EPOCH}: dpkg cannot take it");
        return Err(Error::refused(version_subject("version", &evr.version), reason));
    }
    Ok((version, notices))
}

/// The least upstream version that is greater than `version` with any revision: the image of `version^`.
pub fn successor(version: &DebVersion) -> DebVersion {
    let zero = if version.upstream.ends_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    DebVersion { epoch: version.epoch, upstream: format!("{}{zero}{SUCCESSOR}", version.upstream), revision: None }
}

fn apply(policy: &ReleasePolicy, release: &str) -> String {
    match policy {
        ReleasePolicy::Same => release.to_owned(),
        ReleasePolicy::Bump => bump(release),
        ReleasePolicy::Append(suffix) => format!("{release}+{suffix}"),
        ReleasePolicy::Set(revision) => revision.clone(),
    }
}

/// The next release: the leading number plus one; in a pre-release `0.N` the N plus one; without a number `.1` behind.
fn bump(release: &str) -> String {
    let start = match release.strip_prefix("0.") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => 2,
        _ => 0,
    };
    let digits = release[start..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return format!("{release}.1");
    }
    let (number, tail) = release[start..].split_at(digits);
    format!("{}{}{tail}", &release[..start], increment(number))
}

/// Decimal plus one, for any number of digits.
fn increment(number: &str) -> String {
    let mut digits = number.as_bytes().to_vec();
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return String::from_utf8_lossy(&digits).into_owned();
        }
        *digit = b'0';
    }
    format!("1{}", String::from_utf8_lossy(&digits))
}

fn map_upstream(version: &str) -> Result<String, Error> {
    let first = version.trim_start_matches(is_separator);
    let prefix = if first.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0~" };
    map_part(&format!("{prefix}{first}"), "version").and_then(|mapped| {
        if first.contains(|c: char| c.is_ascii_alphanumeric()) {
            return Ok(mapped);
        }
        Err(Error::refused(version_subject("version", version), "it has no letter or digit"))
    })
}

/// Maps a version or a release; see the module's table.
fn map_part(text: &str, what: &str) -> Result<String, Error> {
    let mut mapped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '_' | '-' => mapped.push('.'),
            '^' if mapped.ends_with(|c: char| c.is_ascii_digit()) => mapped.push_str(SUCCESSOR),
            '^' => {
                mapped.push('0');
                mapped.push_str(SUCCESSOR);
            }
            '.' | '+' | '~' => mapped.push(character),
            c if c.is_ascii_alphanumeric() => mapped.push(c),
            bad => {
                let reason = format!("'{}' cannot be in a version", printable(bad.to_string().as_bytes()));
                return Err(Error::refused(version_subject(what, text), reason));
            }
        }
        if mapped.len() > MAX_BYTES {
            let reason = format!("it has more than the {MAX_BYTES} bytes that fit a file name");
            return Err(Error::refused(version_subject(what, text), reason));
        }
    }
    if mapped.is_empty() {
        return Err(Error::refused(what, "it is empty"));
    }
    Ok(mapped)
}

/// RPM's separators that Debian would not want as a version's first character.
fn is_separator(c: char) -> bool {
    matches!(c, '.' | '_' | '-' | '+')
}

fn is_valid_revision(text: &str) -> bool {
    (1..=MAX_BYTES).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '~'))
}

fn version_subject(what: &str, text: &str) -> String {
    let head: String = text.chars().take(MAX_BYTES).collect();
    format!("{what} '{}'", printable(head.as_bytes()))
}

fn report(notices: &mut Vec<Notice>, what: &str, rpm: &str, debian: &str) {
    if rpm != debian {
        notices.push(Notice::note(
            "version-mapped",
            version_subject(what, rpm),
            format!("is written {debian} in Debian"),
        ));
    }
}

#[cfg(test)]
mod tests;
