//! Events as text, as the kernel prints them with `rtasmsgs=on` and as `/var/log/platform` keeps them.
//!
//! ```text
//! RTAS: 21 -------- RTAS event begin --------
//! RTAS 0: 06240040000000b8c6008e0000000000
//! RTAS 1: 00000000 49424d00 50480030 01000000
//! RTAS: 21 -------- RTAS event end ----------
//! ```

/// As large as the kernel ever makes one (Linux, asm/rtas.h, RTAS_ERROR_LOG_MAX).
const EVENT_LIMIT_BYTES: usize = 2048;

/// An event of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dumped {
    /// The kernel's number of it.
    pub number: Option<u64>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The events of a text, in their order. One that has no end is taken as far as it goes; lines of other origin are skipped.
pub fn parse(text: &str) -> Vec<Dumped> {
    let mut events: Vec<Dumped> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let Some((_, line)) = line.split_once("RTAS") else { continue };
        if line.contains("RTAS event begin") {
            let number = line.trim_start_matches([':', ' ']).split(' ').next().and_then(|number| number.parse().ok());
            events.push(Dumped { number, bytes: Vec::new() });
            inside = true;
        } else if line.contains("RTAS event end") {
            inside = false;
        } else if let (true, Some(event), Some((_, hex))) = (inside, events.last_mut(), line.split_once(':')) {
            event.bytes.extend(bytes(hex));
            event.bytes.truncate(EVENT_LIMIT_BYTES);
        }
    }
    events
}

/// Pairs of hexadecimal digits, blanks between them or not; what follows the first other character is left.
fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|character| !character.is_whitespace())
        .map_while(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn events_are_found_between_other_lines() {
        let text = "Nov 1 kernel: [ 1.0] RTAS: 21 -------- RTAS event begin --------\n\
                    Nov 1 kernel: [ 1.0] RTAS 0: 06240040 000000b8\n\
                    something else\n\
                    Nov 1 kernel: [ 1.0] RTAS 1: c600\n\
                    RTAS: 21 -------- RTAS event end ----------\n\
                    RTAS 2: ffff\n\
                    RTAS: 22 -------- RTAS event begin --------\nRTAS 0: 0x\n";
        let first = Dumped { number: Some(21), bytes: vec![6, 0x24, 0, 0x40, 0, 0, 0, 0xb8, 0xc6, 0] };
        assert_eq!(parse(text), [first, Dumped { number: Some(22), bytes: vec![] }]);
        assert!(parse("RTAS 0: 0624").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_an_event_too_large(text in "(RTAS: 1 -+ RTAS event begin -+\n)?(RTAS [0-9]: [0-9a-f ]{0,80}\n){0,80}") {
            prop_assert!(parse(&text).iter().all(|event| event.bytes.len() <= EVENT_LIMIT_BYTES));
        }
    }
}
