//! journald's native protocol: one datagram an entry, `NAME=value` lines, and a length before a value that has line breaks.
//! See <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use std::os::unix::net::UnixDatagram;

use super::Entry;

const SOCKET: &str = "/run/systemd/journal/socket";

/// Longer values are cut: a datagram that does not fit into the socket would be lost, and journald keeps 48 KiB of a line.
const VALUE_LIMIT_BYTES: usize = 16 << 10;

/// The way to journald.
#[derive(Debug)]
pub(super) struct Journald {
    socket: UnixDatagram,
}

impl Journald {
    /// `None` where journald does not listen.
    pub(super) fn open() -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        let journald = Self { socket };
        // An empty datagram is no entry; it shows whether somebody is there.
        journald.socket.send_to(b"", SOCKET).ok()?;
        Some(journald)
    }

    /// Not connected, so that a journald that was restarted gets the next entry.
    pub(super) fn send(&self, entry: &Entry) {
        let _ = self.socket.send_to(&datagram(entry), SOCKET);
    }
}

fn datagram(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    append(&mut bytes, "PRIORITY", &(entry.level as u8).to_string());
    append(&mut bytes, "SYSLOG_IDENTIFIER", "lpard");
    append(&mut bytes, "MESSAGE", &entry.message);
    for (name, value) in &entry.fields {
        append(&mut bytes, name, value);
    }
    bytes
}

fn append(bytes: &mut Vec<u8>, name: &str, value: &str) {
    let value = cut(value, VALUE_LIMIT_BYTES).as_bytes();
    bytes.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        bytes.push(b'\n');
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
}

/// At most so many bytes of a text, cut between characters.
fn cut(text: &str, limit_bytes: usize) -> &str {
    let end = (0..=limit_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_value_with_line_breaks_has_its_length_before_it() {
        let entry = Entry::new(Level::Notice, "migrated").field("LPARD_TEXT", "a\nb");
        let expected = b"PRIORITY=5\nSYSLOG_IDENTIFIER=lpard\nMESSAGE=migrated\nLPARD_TEXT\n\x03\0\0\0\0\0\0\0a\nb\n";
        assert_eq!(datagram(&entry), expected);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let entry = Entry::new(Level::Info, "ä".repeat(VALUE_LIMIT_BYTES));
        let bytes = datagram(&entry);
        assert!(bytes.len() < VALUE_LIMIT_BYTES + 64);
        assert!(String::from_utf8(bytes).is_ok());
    }
}
