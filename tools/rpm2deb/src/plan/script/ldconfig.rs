//! Scriptlets that do nothing, or nothing but call ldconfig: Debian's libc-bin does that for every package, by a trigger.

use super::interpreter;

/// What a scriptlet amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// No command in it.
    Nothing,
    /// `ldconfig` without arguments, and nothing else.
    OnlyLdconfig,
    /// Something that has to run.
    Other,
}

/// Looks at program and text. Anything that is not understood is [`Effect::Other`].
pub(super) fn effect(program: &[String], body: Option<&[u8]>) -> Effect {
    let body = body.filter(|body| !body.trim_ascii().is_empty());
    match (program, body) {
        ([program], None) if is_ldconfig(program.as_bytes()) => Effect::OnlyLdconfig,
        (_, Some(body)) if interpreter::is_shell(program) => effect_of_lines(body),
        (_, None) if interpreter::is_shell(program) || program.first().is_some_and(|name| name == "<lua>") => {
            Effect::Nothing
        }
        _ => Effect::Other,
    }
}

fn effect_of_lines(body: &[u8]) -> Effect {
    let mut effect = Effect::Nothing;
    for line in body.split(|&byte| byte == b'\n') {
        let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        match effect_of_words(&words) {
            Effect::Nothing => {}
            Effect::OnlyLdconfig => effect = Effect::OnlyLdconfig,
            Effect::Other => return Effect::Other,
        }
    }
    effect
}

fn effect_of_words(words: &[&[u8]]) -> Effect {
    match words {
        [] | [b":" | b"true"] | [b"exit", b"0"] | [b"set", b"-e"] => Effect::Nothing,
        [first, ..] if first.starts_with(b"#") => Effect::Nothing,
        [command, rest @ ..] if is_ldconfig(command.strip_suffix(b";").unwrap_or(command)) && is_idle(rest) => {
            Effect::OnlyLdconfig
        }
        [b"[", b"-x", tested, b"]", b"&&", command, rest @ ..]
            if is_ldconfig(tested) && is_ldconfig(command) && is_idle(rest) =>
        {
            Effect::OnlyLdconfig
        }
        _ => Effect::Other,
    }
}

/// Redirections to nowhere and `|| :`.
fn is_idle(mut words: &[&[u8]]) -> bool {
    const REDIRECTIONS: [&[u8]; 6] = [b">/dev/null", b"1>/dev/null", b"2>/dev/null", b"&>/dev/null", b"2>&1", b";"];
    loop {
        match words {
            [] | [b"||", b":" | b"true" | b":;"] | [b"||:"] => return true,
            [b">" | b"2>" | b"&>", b"/dev/null", rest @ ..] => words = rest,
            [first, rest @ ..] if REDIRECTIONS.contains(first) => words = rest,
            _ => return false,
        }
    }
}

fn is_ldconfig(word: &[u8]) -> bool {
    matches!(word, b"ldconfig" | b"/sbin/ldconfig" | b"/usr/sbin/ldconfig")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scriptlets_without_another_effect_are_recognised() {
        let cases: [(&str, Option<&str>, Effect); 18] = [
            ("/sbin/ldconfig", None, Effect::OnlyLdconfig),
            ("/sbin/ldconfig", Some("\n"), Effect::OnlyLdconfig),
            ("/sbin/ldconfig -n /opt/lib", None, Effect::Other),
            ("/sbin/ldconfig", Some("something"), Effect::Other),
            ("/bin/sh", Some("/sbin/ldconfig"), Effect::OnlyLdconfig),
            ("/bin/sh", Some("# cache\nset -e\n/sbin/ldconfig || :\nexit 0\n"), Effect::OnlyLdconfig),
            ("/bin/sh -e", Some("ldconfig > /dev/null 2>&1 || true"), Effect::OnlyLdconfig),
            ("/bin/bash", Some("[ -x /sbin/ldconfig ] && /sbin/ldconfig"), Effect::OnlyLdconfig),
            ("/bin/sh", Some("/sbin/ldconfig;"), Effect::OnlyLdconfig),
            ("/bin/sh", Some("/sbin/ldconfig -n /opt/lib"), Effect::Other),
            ("/bin/sh", Some("/sbin/ldconfig; reboot"), Effect::Other),
            ("/bin/sh", Some("ldconfig || reboot"), Effect::Other),
            ("/bin/sh", Some("ldconfig\nexit 1"), Effect::Other),
            ("/bin/sh", Some("# nothing\n:\n"), Effect::Nothing),
            ("/bin/sh", None, Effect::Nothing),
            ("", Some("ldconfig"), Effect::OnlyLdconfig),
            ("/usr/bin/python3", Some("ldconfig"), Effect::Other),
            ("/usr/bin/program", None, Effect::Other),
        ];
        for (program, body, expected) in cases {
            let words: Vec<String> = program.split_whitespace().map(str::to_owned).collect();
            assert_eq!(effect(&words, body.map(str::as_bytes)), expected, "{program} {body:?}");
        }
    }
}
