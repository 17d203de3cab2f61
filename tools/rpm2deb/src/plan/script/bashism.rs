//! Finding what bash knows and Debian's `/bin/sh` (dash) does not. A search, not a parser: a false find costs nothing
//! but that bash runs the text, as it does on every RPM system.

use super::words::without_comment;

/// Texts that mean bash wherever they stand.
const ANYWHERE: &[(&str, &str)] = &[
    ("<<<", "a here-string (<<<)"),
    ("&>", "&> redirection"),
    ("|&", "|& pipes"),
    ("<(", "process substitution"),
    (">(", "process substitution"),
    ("=(", "arrays"),
    ("$'", "$'…' quoting"),
    ("${!", "indirect variables"),
    ("$[", "$[…] arithmetic"),
    ("$RANDOM", "$RANDOM"),
    ("$EUID", "$EUID"),
    ("$UID", "$UID"),
    ("$HOSTNAME", "$HOSTNAME"),
    ("$BASH", "bash's own variables"),
    ("${BASH", "bash's own variables"),
    ("$FUNCNAME", "bash's own variables"),
    ("pipefail", "set -o pipefail"),
];

/// Words that are bash's own commands or operators.
const WORDS: &[(&str, &str)] = &[
    ("[[", "[[ ]]"),
    ("==", "== in a test"),
    ("function", "the keyword function"),
    ("source", "source"),
    ("declare", "declare"),
    ("typeset", "typeset"),
    ("let", "let"),
    ("pushd", "pushd"),
    ("popd", "popd"),
    ("shopt", "shopt"),
    ("mapfile", "mapfile"),
    ("readarray", "readarray"),
    ("select", "select"),
    ("disown", "disown"),
    ("enable", "enable"),
];

/// The first feature of bash that the text seems to use, as words for a message.
pub(super) fn bashism(body: &[u8]) -> Option<&'static str> {
    body.split(|&byte| byte == b'\n').find_map(|line| {
        let line = String::from_utf8_lossy(without_comment(line));
        in_line(line.trim())
    })
}

fn in_line(line: &str) -> Option<&'static str> {
    let anywhere = ANYWHERE.iter().find(|(text, _)| line.contains(text)).map(|(_, feature)| *feature);
    anywhere
        .or_else(|| in_words(line))
        .or_else(|| in_expansions(line))
        .or_else(|| line.starts_with("((").then_some("(( )) arithmetic"))
        .or_else(|| (line.contains("++") && line.contains("$((")).then_some("++ in arithmetic"))
        .or_else(|| (line.contains("+=") && is_append(line)).then_some("+= assignment"))
}

fn in_words(line: &str) -> Option<&'static str> {
    let mut at_command = true;
    for word in line.split_whitespace() {
        let is_operator = matches!(word, "[[" | "==");
        if at_command || is_operator {
            let found = WORDS.iter().find(|(known, _)| *known == word.trim_end_matches(';'));
            if let Some((_, feature)) = found {
                return Some(feature);
            }
        }
        at_command = word.ends_with(';')
            || matches!(word, "then" | "do" | "else" | "&&" | "||" | "|" | "{" | "(" | "!" | "if" | "while");
    }
    let escapes = line.contains("echo") && line.contains('\\') && !line.ends_with('\\');
    (line.contains("echo -e") || line.contains("echo -ne") || escapes).then_some("bash's echo")
}

/// `${x//a/b}`, `${x/a/b}`, `${x:1}`, `${x^^}`, `${x[0]}`.
fn in_expansions(line: &str) -> Option<&'static str> {
    line.split("${").skip(1).find_map(|rest| {
        let rest = rest.trim_start_matches('#');
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|&end| end > 0)?;
        let operator = &rest[end..];
        let is_substring = operator.starts_with(':') && !operator[1..].starts_with(['-', '=', '+', '?']);
        (is_substring || operator.starts_with(['/', '^', ',', '['])).then_some("bash's ${…} expansions")
    })
}

/// `NAME+=…`, not an expression such as `a += b` in awk.
fn is_append(line: &str) -> bool {
    line.split_whitespace().any(|word| {
        word.split_once("+=").is_some_and(|(name, _)| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_bash_are_found_and_plain_shell_is_left_alone() {
        let bash = [
            "if [[ $1 -eq 1 ]]; then",
            "function restart {",
            "list=(a b)",
            "source /etc/default/x",
            "run &> /dev/null",
            "cat <<< text",
            "echo ${name//a/b}",
            "echo ${name:0:3}",
            "if [ \"$1\" == 1 ]; then",
            "x=1; let x=x+1",
            "echo -e 'a'",
            "echo 'a\\nb'",
            "args+=\" -x\"",
            "((count > 1))",
            "diff <(a) <(b)",
            "set -o pipefail",
        ];
        for line in bash {
            assert!(bashism(line.as_bytes()).is_some(), "{line}");
        }
        let plain = [
            "if [ \"$1\" = 1 ]; then /sbin/service x restart >/dev/null 2>&1 || :; fi",
            "echo ${name:-default} ${name#prefix} ${#name} ${name%.*}",
            "# [[ in a comment",
            "cat > file << EOF",
            "x=$((x + 1))",
            "getent group service >/dev/null || groupadd -r service",
            "grep function file; echo source",
            "awk '{ n += 1 }' file",
            "command 2>&1 >/dev/null &",
        ];
        for line in plain {
            assert_eq!(bashism(line.as_bytes()), None, "{line}");
        }
    }
}
