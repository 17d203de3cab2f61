//! How results are told: lines for people, JSON for machines. The only place that prints.

pub(crate) mod markdown;
pub(crate) mod table;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Columns of prose: what fits a bug report and most terminals.
const COLUMNS: usize = 100;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Fit, survived, no difference, done.
    Good = 0,
    /// Something required is missing, something was lost, there are differences.
    Bad = 1,
    /// The command line was wrong, or something could not be read or written.
    Unusable = 2,
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// Colours on a terminal only, and not if `NO_COLOR` is set to anything (<https://no-color.org>).
    pub(crate) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: io::stdout().is_terminal() && !refused }
    }

    /// Text in a colour of the terminal's palette (SGR).
    pub(crate) fn paint(self, text: &str, sgr: Option<u8>) -> String {
        match sgr {
            Some(code) if self.colour => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// Prints to stdout; a closed pipe is the reader's choice and no error of ours.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a JSON document.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// Prints an error with its causes.
pub(crate) fn print_error(error: &anyhow::Error) {
    let mut text = format!("error: {}\n", plain(&error.to_string()));
    for cause in error.chain().skip(1) {
        let cause = plain(&cause.to_string());
        // Some messages end with their cause.
        if !text.trim_end().ends_with(&cause) {
            text.push_str(&format!("  cause: {cause}\n"));
        }
    }
    complain(&text);
}

/// Prints a warning.
pub(crate) fn warn(message: &str) {
    complain(&format!("warning: {}\n", plain(message)));
}

/// Prints a remark.
pub(crate) fn note(message: &str) {
    complain(&format!("note: {}\n", plain(message)));
}

fn complain(text: &str) {
    // Nowhere is left to complain if stderr is gone.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A text that cannot steer a terminal: names of files come from strangers.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Text in lines of at most [`COLUMNS`], each indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let length = lines.last().map_or(0, String::len);
        if length > 0 && indent + length + 1 + word.len() > COLUMNS {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\u{9b}"), "a\\u{1b}[2Jb\\u{9b}");
    }

    #[test]
    fn text_is_wrapped_and_indented() {
        let text = wrapped(&"word ".repeat(40), 4);
        assert!(
            text.lines().count() == 3 && text.lines().all(|line| line.len() <= COLUMNS && line.starts_with("    word"))
        );
    }
}
