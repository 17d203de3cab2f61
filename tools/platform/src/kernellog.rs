//! Lines of the kernel's log, in the forms in which they come.

/// The message of a line, without what the log has put before it: `[539043.960651] EPOW ...` of dmesg,
/// `6,1234,5678,-;EPOW ...` of `/dev/kmsg`, `<4>[...] ...`, `Nov  1 12:00:00 lpar1 kernel: [...] ...` of a syslog.
pub fn message(line: &str) -> &str {
    let line = line.trim();
    let line = line.split_once(" kernel: ").map_or(line, |(_, rest)| rest);
    let line = without_kmsg_prefix(line);
    let line = without_bracket(line, '<', '>');
    without_bracket(line, '[', ']').trim_start()
}

/// `/dev/kmsg`: priority, sequence, microseconds, flags, then a semicolon (Linux, Documentation/ABI/testing/dev-kmsg).
fn without_kmsg_prefix(line: &str) -> &str {
    let is_prefix =
        |prefix: &str| prefix.split(',').count() >= 4 && prefix.starts_with(|first: char| first.is_ascii_digit());
    match line.split_once(';') {
        Some((prefix, message)) if is_prefix(prefix) && !prefix.contains(' ') => message,
        _ => line,
    }
}

/// Takes off a priority or a time in brackets. What is in them is a number: a message may begin with a bracket too.
fn without_bracket(line: &str, open: char, close: char) -> &str {
    let inner = line.strip_prefix(open).and_then(|rest| rest.split_once(close));
    match inner {
        Some((number, rest)) if number.trim().parse::<f64>().is_ok() => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_what_the_kernel_said() {
        let lines = [
            "EPOW <0x6240040000000b8 0x0 0x0>",
            "[539043.960651] EPOW <0x6240040000000b8 0x0 0x0>",
            "    [539043.960651] EPOW <0x6240040000000b8 0x0 0x0>",
            "<4>[539043.960651] EPOW <0x6240040000000b8 0x0 0x0>",
            "4,1234,539043960651,-;EPOW <0x6240040000000b8 0x0 0x0>",
            "Nov  1 12:00:00 lpar1 kernel: [539043.960651] EPOW <0x6240040000000b8 0x0 0x0>",
            "Nov 01 12:00:00 lpar1 kernel: EPOW <0x6240040000000b8 0x0 0x0>",
        ];
        for line in lines {
            assert_eq!(message(line), "EPOW <0x6240040000000b8 0x0 0x0>", "{line}");
        }
    }

    #[test]
    fn a_message_keeps_its_own_brackets_and_semicolons() {
        for line in ["[drm] ready", "a; b", "1 2,3,4,5;x", "<nothing> here"] {
            assert_eq!(message(line), line);
        }
    }
}
