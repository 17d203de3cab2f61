//! Writing bytes from a package into a shell script so that the shell sees one word, and nothing but that word.

/// The word as the shell must be given it: bare when it is plain, else in single quotes. `bytes` hold no NUL.
pub(super) fn quote(bytes: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:+,@-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return bytes.to_vec();
    }
    let mut quoted = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// The absolute path of a file of the package, quoted.
pub(super) fn quote_path(path: &[u8]) -> Vec<u8> {
    let mut absolute = vec![b'/'];
    absolute.extend_from_slice(path);
    quote(&absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_stay_bare() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"/usr/bin/x-1.0_2", b"/usr/bin/x-1.0_2"),
            (b"", b"''"),
            (b"a b", b"'a b'"),
            (b"$(reboot)", b"'$(reboot)'"),
            (b"it's", b"'it'\\''s'"),
            (b"~root", b"'~root'"),
            (b"caf\xe9", b"'caf\xe9'"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(quote(bytes), expected);
        }
    }
}
