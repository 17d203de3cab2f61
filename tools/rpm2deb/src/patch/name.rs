//! File names in diff headers: how they end, how they are quoted, what is stripped, which are safe, which is best.

use crate::limits::Limits;
use crate::printable::printable;

use super::date;

/// A file name from a header, after stripping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// As written; the best name is chosen by its form.
    pub(super) written: Vec<u8>,
    /// Without `.` and doubled slashes: what is looked up.
    pub(super) path: Vec<u8>,
}

impl Name {
    /// Takes a name that cannot lead out of the tree or steer a terminal; otherwise says why not.
    pub(super) fn checked(written: Vec<u8>) -> Result<Self, String> {
        let reason = if written.starts_with(b"/") {
            "is absolute"
        } else if written.ends_with(b"/") {
            "ends in a slash"
        } else if written.iter().any(u8::is_ascii_control) {
            "has control characters"
        } else if written.split(|&b| b == b'/').any(|component| component == b"..") {
            "has '..'"
        } else if written.len() > Limits::PATH_BYTES
            || written.split(|&b| b == b'/').any(|component| component.len() > Limits::NAME_BYTES)
        {
            "is too long"
        } else {
            ""
        };
        let components: Vec<&[u8]> =
            written.split(|&b| b == b'/').filter(|component| !matches!(*component, b"" | b".")).collect();
        let path = components.join(&b'/');
        let shown: String = printable(&written).chars().take(200).collect();
        match (reason, path.is_empty()) {
            ("", false) => Ok(Self { written, path }),
            ("", true) => Err("a file name is empty".to_owned()),
            (reason, _) => Err(format!("the file name '{shown}' {reason}")),
        }
    }

    /// The key by which patch(1) takes the best of several names: fewest directories, shortest last component,
    /// shortest.
    fn rank(&self) -> (usize, usize, usize) {
        let base = self.written.rsplit(|&b| b == b'/').next().map_or(0, <[u8]>::len);
        (directories(&self.written).count(), base, self.written.len())
    }
}

/// The first of the best names.
pub(super) fn best<'a>(names: impl IntoIterator<Item = &'a Name>) -> Option<&'a Name> {
    names.into_iter().min_by_key(|name| name.rank())
}

/// The leading directories of a path, shortest first: `a`, `a/b` for `a/b/c`.
pub(super) fn directories(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    (1..path.len()).filter(|&at| path[at] == b'/' && path[at - 1] != b'/').map(|at| &path[..at])
}

/// What a `---`, `+++`, `***` or `Index:` line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    /// None for `/dev/null`.
    pub(super) name: Option<Vec<u8>>,
    /// Whether the time stamp is the epoch; none where there is none.
    pub(super) is_epoch: Option<bool>,
}

/// Reads the rest of a header line. None where patch(1) ignores the line: too few slashes to strip, or bad quoting.
pub(super) fn fetch(rest: &[u8], strip: usize, is_dated: bool) -> Option<Fetched> {
    let rest = rest.trim_ascii_start();
    let (name, after) = if rest.first() == Some(&b'"') {
        unquote(rest)?
    } else {
        let end = name_end(rest, is_dated);
        (rest[..end].to_vec(), &rest[end..])
    };
    if name == b"/dev/null" {
        return Some(Fetched { name: None, is_epoch: Some(true) });
    }
    let name = strip_directories(&name, strip)?.to_vec();
    if !is_dated && !after.is_empty() {
        return None;
    }
    Some(Fetched { name: Some(name), is_epoch: date::is_epoch(after) })
}

/// Reads one name of `diff --git`, and what follows it.
pub(super) fn fetch_git(rest: &[u8], strip: usize) -> Option<(Vec<u8>, &[u8])> {
    let rest = rest.trim_ascii_start();
    let (name, after) = if rest.first() == Some(&b'"') {
        unquote(rest)?
    } else {
        let end = rest.iter().position(|&b| is_space(b)).unwrap_or(rest.len());
        (rest[..end].to_vec(), &rest[end..])
    };
    Some((strip_directories(&name, strip)?.to_vec(), after))
}

/// Where an unquoted name ends: at white space, unless a tab that separates a time stamp comes later, or, in a line
/// without time stamp, more text.
fn name_end(rest: &[u8], is_dated: bool) -> usize {
    let last_tab = rest.iter().rposition(|&b| b == b'\t');
    let mut at = 0;
    while at < rest.len() {
        if !is_space(rest[at]) {
            at += 1;
            continue;
        }
        let mut last = at; // of this run of white space; the newline that ends the line belongs to it
        while last < rest.len() && rest[last] != b'\t' && rest.get(last + 1).is_none_or(|&b| is_space(b)) {
            last += 1;
        }
        let is_inside = if is_dated { last_tab > Some(last) } else { last < rest.len() };
        if rest.get(last) == Some(&b'\t') || !is_inside {
            return at;
        }
        at = last + 1;
    }
    at
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A C string in double quotes, and what follows it.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut name = Vec::new();
    let mut at = 1;
    loop {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'"' => return Some((name, &text[at..])),
            b'\\' => {
                let (byte, length) = unescape(&text[at..])?;
                name.push(byte);
                at += length;
            }
            _ => name.push(byte),
        }
    }
}

/// The byte that an escape stands for, and how long it is without its backslash.
fn unescape(text: &[u8]) -> Option<(u8, usize)> {
    let simple = match text.first()? {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'"' => b'"',
        b'0'..=b'3' => {
            let digits = std::str::from_utf8(text.get(..3)?).ok()?;
            return u8::from_str_radix(digits, 8).ok().map(|byte| (byte, 3));
        }
        _ => return None,
    };
    Some((simple, 1))
}

/// Drops the smallest prefix that holds `count` slashes, runs counting once; none where there are fewer or nothing
/// is left.
fn strip_directories(name: &[u8], count: usize) -> Option<&[u8]> {
    let mut rest = name;
    for _ in 0..count {
        let slash = rest.iter().position(|&b| b == b'/')?;
        rest = &rest[slash..];
        let slashes = rest.iter().take_while(|&&b| b == b'/').count();
        rest = &rest[slashes..];
    }
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{Fetched, Name, best, fetch, strip_directories};

    #[test]
    fn names_end_where_patch_ends_them() {
        let cases: [(&str, bool, Option<&str>); 14] = [
            ("a/b", true, Some("a/b")),
            ("  a/b\t2012-06-05 11:23:42 +0200", true, Some("a/b")),
            ("a b\t2012-06-05 11:23:42 +0200", true, Some("a b")),
            ("a  b\t\t2012", true, Some("a  b")),
            ("a/b 2012-06-05 11:23:42 +0200", true, Some("a/b")),
            ("a/b\r", true, Some("a/b")),
            ("a/b \t", true, Some("a/b")),
            ("\"a\\tb\\303\\251\"\t2012", true, Some("a\tbé")),
            ("\"a\\q\"", true, None),
            ("\"a", true, None),
            ("", true, None),
            ("a b", false, Some("a b")),
            ("a/b\r", false, None),
            ("a/b ", false, None),
        ];
        for (line, is_dated, expected) in cases {
            let found = fetch(line.as_bytes(), 0, is_dated).map(|fetched| fetched.name.unwrap_or_default());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{line:?}");
        }
        assert_eq!(fetch(b"/dev/null", 3, true), Some(Fetched { name: None, is_epoch: Some(true) }));
        assert_eq!(fetch(b"/dev/null\t2012-01-01", 0, true), Some(Fetched { name: None, is_epoch: Some(true) }));
    }

    #[test]
    fn stripping_counts_runs_of_slashes() {
        let cases: [(&str, usize, Option<&str>); 8] = [
            ("a/b/c", 0, Some("a/b/c")),
            ("a/b/c", 1, Some("b/c")),
            ("a//b/c", 1, Some("b/c")),
            ("/a/b", 1, Some("a/b")),
            ("a/b/c", 2, Some("c")),
            ("a/b/c", 3, None),
            ("a/", 1, None),
            ("", 0, None),
        ];
        for (name, count, expected) in cases {
            assert_eq!(strip_directories(name.as_bytes(), count), expected.map(str::as_bytes), "{name} -p{count}");
        }
    }

    #[test]
    fn the_best_name_has_fewest_directories_then_is_shortest() {
        let cases: [(&[&str], &str); 5] = [
            (&["x.orig/a", "x/a"], "x/a"),
            (&["a/b/c", "d/longer"], "d/longer"),
            (&["d/long", "directory/a"], "directory/a"),
            (&["aa/x", "bb/x"], "aa/x"),
            (&["./x", "x"], "x"),
        ];
        for (names, expected) in cases {
            let names: Vec<Name> = names.iter().filter_map(|n| Name::checked(n.as_bytes().to_vec()).ok()).collect();
            assert_eq!(best(&names).map(|name| name.written.as_slice()), Some(expected.as_bytes()));
        }
    }

    #[test]
    fn names_that_lead_out_or_steer_a_terminal_are_refused() {
        type Expected = Result<&'static [u8], &'static str>;
        let cases: [(&[u8], Expected); 12] = [
            (b"a/b", Ok(b"a/b")),
            (b"./a//./b", Ok(b"a/b")),
            (b"a..b/...", Ok(b"a..b/...")),
            (b"caf\xe9", Ok(b"caf\xe9")),
            (b"/etc/passwd", Err("the file name '/etc/passwd' is absolute")),
            (b"a/../b", Err("the file name 'a/../b' has '..'")),
            (b"..", Err("the file name '..' has '..'")),
            (b"a/", Err("the file name 'a/' ends in a slash")),
            (b"a\0b", Err("the file name 'a\\u{0}b' has control characters")),
            (b"a\x1b[2J", Err("the file name 'a\\u{1b}[2J' has control characters")),
            (b"", Err("a file name is empty")),
            (b"./.", Err("a file name is empty")),
        ];
        for (written, expected) in cases {
            let found = Name::checked(written.to_vec()).map(|name| name.path);
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        }
        assert!(Name::checked([b'a'; 256].to_vec()).is_err());
    }
}
