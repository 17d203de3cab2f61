//! Location codes: `U78CB.001.WZS00G3-P1-C10-T1`, parts between hyphens, each a letter and a number.

use std::cmp::Ordering;

/// The order of location codes: part by part, letters before numbers, numbers by value (they are hexadecimal), and what is
/// shorter first.
pub fn by_location(a: &str, b: &str) -> Ordering {
    let (mut a_parts, mut b_parts) = (a.split('-'), b.split('-'));
    loop {
        let order = match (a_parts.next(), b_parts.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => by_part(a, b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn by_part(a: &str, b: &str) -> Ordering {
    let ((a_letter, a_number, a_rest), (b_letter, b_number, b_rest)) = (split(a), split(b));
    let order = a_letter.cmp(&b_letter).then(a_number.cmp(&b_number));
    order.then_with(|| a_rest.len().cmp(&b_rest.len())).then_with(|| a_rest.cmp(b_rest))
}

/// Letter, number, and what follows.
fn split(part: &str) -> (Option<char>, u64, &str) {
    let letter = part.chars().next();
    let after = &part[letter.map_or(0, char::len_utf8)..];
    let digits = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len());
    // More digits than a number holds are the largest number; what they are is compared as text.
    let number = if digits == 0 { 0 } else { u64::from_str_radix(&after[..digits], 16).unwrap_or(u64::MAX) };
    (letter, number, &after[digits..])
}

/// Whether a node with this location code is the card in the slot of that name: `Some(false)` when it says another slot, and
/// `None` when it is a device behind the card (`…-I4/Z1-A3`) and so no concern of the slot.
pub(super) fn is_of_card(location: &str, slot: &str) -> Option<bool> {
    let Some((card, connector)) = location.rsplit_once('/') else {
        return Some(true);
    };
    if connector.contains('-') { None } else { Some(card == slot) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ordered_by_their_numbers() {
        let mut codes = ["U1-V3-C10", "C2", "U1-V3-C2-T1", "C10", "U1-V3-C2", "C1", "U1-P1", "C0"];
        codes.sort_by(|a, b| by_location(a, b));
        assert_eq!(codes, ["C0", "C1", "C2", "C10", "U1-P1", "U1-V3-C2", "U1-V3-C2-T1", "U1-V3-C10"]);
    }

    #[test]
    fn a_device_behind_a_card_is_no_card() {
        assert_eq!(is_of_card("U1-P1-I4", "U1-P1-I4"), Some(true));
        assert_eq!(is_of_card("U1-P1-I4/E1", "U1-P1-I4"), Some(true));
        assert_eq!(is_of_card("U1-P1-I5/E1", "U1-P1-I4"), Some(false));
        assert_eq!(is_of_card("U1-P1-I4/Z1-A3", "U1-P1-I4"), None);
    }
}
