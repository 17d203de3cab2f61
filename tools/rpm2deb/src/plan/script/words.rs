//! A rough look at shell text: comments off, words apart, which of them stand where a command is named. Good enough to
//! warn by, never to decide what runs.

/// Words after which a command is named.
const BEFORE_COMMANDS: [&[u8]; 14] = [
    b"then", b"do", b"else", b"elif", b"if", b"while", b"until", b"!", b"{", b"exec", b"command", b"nohup", b"time",
    b"env",
];

/// The line without its comment. A `#` counts at the start of a word only.
pub(super) fn without_comment(line: &[u8]) -> &[u8] {
    let is_comment = |&at: &usize| line[at] == b'#' && (at == 0 || line[at - 1].is_ascii_whitespace());
    let end = (0..line.len()).find(is_comment).unwrap_or(line.len());
    &line[..end]
}

/// File names (without directories) of the commands that the text seems to run.
pub(super) fn commands(body: &[u8]) -> Vec<&[u8]> {
    body.split(|&byte| byte == b'\n').flat_map(|line| in_line(without_comment(line))).collect()
}

fn in_line(line: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    for piece in line.split(|byte| b";&|()`".contains(byte)) {
        let mut words = piece.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let command = words.find(|word| !BEFORE_COMMANDS.contains(word) && !word.contains(&b'='));
        let Some(command) = command else { continue };
        let command = command.trim_ascii();
        let name = command.rsplit(|&byte| byte == b'/').next().unwrap_or(command);
        found.push(name);
    }
    found
}

/// Whether `word` occurs in the text as a whole word.
pub(super) fn mentions(body: &[u8], word: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    body.split(|byte| !is_part(byte)).any(|other| other == word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_where_commands_stand() {
        let body = b"#rpm\nif [ -x /sbin/chkconfig ]; then\n  /sbin/chkconfig --add x # rpm\nfi\nLANG=C service x stop || :\nrm -r /var/lib/rpm\nx=`alternatives`\n";
        let found = commands(body);
        for name in [&b"chkconfig"[..], b"service", b"rm", b"alternatives"] {
            assert!(found.contains(&name), "{}", String::from_utf8_lossy(name));
        }
        assert!(!found.contains(&&b"rpm"[..]));
    }

    #[test]
    fn words_are_whole() {
        assert!(mentions(b"groupadd -r service", "service"));
        assert!(!mentions(b"groupadd -r services", "service"));
    }
}
