//! One scriptlet as a shell function that hands its text, byte for byte, to its interpreter.

use std::collections::BTreeSet;

use super::quote::quote;
use crate::rpm::package::Slot;

/// A scriptlet that will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ready<'a> {
    pub(super) slot: Slot,
    /// Program and arguments, checked.
    pub(super) command: Vec<String>,
    /// The text, without NUL bytes. Without one the program gets its own arguments and no count, as rpm does
    /// (`runExtScript`, lib/rpmscript.cc).
    pub(super) body: Option<&'a [u8]>,
}

/// Runs a program as rpm does (`doScriptExec`).
pub(super) const RUN_PROGRAM: &str = r#"
# Runs a scriptlet's program as rpm does: in /, without input, with umask 022
run_program() {
    (umask 022 && cd / && exec "$@") < /dev/null
}
"#;

/// Runs a program on the text that a scriptlet's function has written.
pub(super) const RUN_BODY: &str = r#"
# The same for a program that reads the scriptlet from the file $body, which is removed afterwards
run_body() {
    status=0
    run_program "$@" || status=$?
    rm -f "$body"
    return "$status"
}
"#;

/// The name of the scriptlet's shell function: `scriptlet_post`.
pub(super) fn function_name(slot: Slot) -> String {
    format!("scriptlet_{}", slot.name().trim_start_matches('%'))
}

impl Ready<'_> {
    /// The shell function. Its arguments become the scriptlet's.
    pub(super) fn function(&self) -> Vec<u8> {
        let name = function_name(self.slot);
        let command = self.command.iter().map(|word| quote(word.as_bytes())).collect::<Vec<_>>().join(&b' ');
        let mut text = format!("\n# {} of the RPM\n{name}() {{\n", self.slot.name()).into_bytes();
        if let Some(body) = self.body {
            text.extend(here_document(body, self.slot));
            text.extend(b"    run_body ");
            text.extend(command);
            text.extend(b" \"$body\" \"$@\"\n}\n");
        } else {
            text.extend(b"    run_program ");
            text.extend(command);
            text.extend(b"\n}\n");
        }
        text
    }
}

/// Writes the text to a new file `$body`. A here-document always ends in a newline, rpm's texts seldom do: then the
/// last byte is cut off, not a fixed number kept, so that the text can be edited.
fn here_document(body: &[u8], slot: Slot) -> Vec<u8> {
    let delimiter = delimiter(body, slot);
    let ends_in_newline = body.last() == Some(&b'\n');
    let (writer, newline) = if ends_in_newline { ("cat", "") } else { ("head -c -1", "\n") };
    let head = format!("    body=$(mktemp) || return\n    {writer} > \"$body\" << '{delimiter}' || return\n");
    [head.as_bytes(), body, newline.as_bytes(), delimiter.as_bytes(), b"\n"].concat()
}

/// A line that does not occur in the text.
///
/// dash 0.5.12 loses bytes of 0x80 and above from a line that begins like the delimiter and then goes on otherwise; where
/// the text has such bytes, the delimiter begins like no line at all, if there is a letter left for that.
fn delimiter(body: &[u8], slot: Slot) -> String {
    let mut plain = format!("END_OF_{}", slot.name().trim_start_matches('%').to_uppercase());
    let lines = || body.split(|&byte| byte == b'\n');
    if !body.is_ascii() {
        let starts: BTreeSet<u8> = lines().filter_map(|line| line.first().copied()).collect();
        let free = (b'A'..=b'Z').chain(b'a'..=b'z').find(|letter| !starts.contains(letter));
        if let Some(letter) = free.filter(|_| starts.contains(&b'E')) {
            plain.insert(0, char::from(letter));
        }
    }
    let taken: BTreeSet<&[u8]> = lines().filter(|line| line.starts_with(plain.as_bytes())).collect();
    let numbered = (1..).map(|number: u64| format!("{plain}_{number}"));
    let mut candidates = std::iter::once(plain.clone()).chain(numbered);
    // among lines + 1 candidates one is free
    candidates.find(|candidate| !taken.contains(candidate.as_bytes())).unwrap_or(plain)
}
