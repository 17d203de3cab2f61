//! Text of any origin, as it can be shown to people: nothing in it that a terminal obeys, and nothing that hides.

/// Control characters, and those that turn text around or hide in it, become visible; all else stays. Line breaks are control
/// characters too.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    shown
}

/// Whether it is neither a control character nor invisible (Unicode: bidirectional controls, zero width).
fn is_harmless(character: char) -> bool {
    let hides =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !(character.is_control() || hides)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(
            visible("a \u{1b}]0;title\u{7} \u{202e}b\n\u{9b}31m"),
            "a \\u{1b}]0;title\\u{7} \\u{202e}b\\n\\u{9b}31m"
        );
        assert_eq!(visible("füü \\ ok"), "füü \\ ok");
    }

    proptest! {
        #[test]
        fn nothing_from_outside_reaches_the_terminal_as_a_command(text in r"(\PC|\pC|[\x00-\x1f\x7f-\x9f\u{202e}]){0,32}") {
            prop_assert!(visible(&text).chars().all(is_harmless));
        }
    }
}
