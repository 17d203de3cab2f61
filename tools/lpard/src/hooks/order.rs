//! The order in which hooks run: that of their names, where numbers count as numbers, as `versionsort(3)` has it.

use std::cmp::Ordering;

/// `9-late` before `10-later`.
pub(super) fn by_version(a: &str, b: &str) -> Ordering {
    runs(a).cmp(runs(b)).then_with(|| a.cmp(b))
}

/// A part of a name that is all digits, or has none. A number is before a word, as a digit is before a letter.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Run<'a> {
    /// A number without its zeros in front: the longer one is the greater one.
    Number(usize, &'a str),
    Word(&'a str),
}

fn runs(name: &str) -> impl Iterator<Item = Run<'_>> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    name.as_bytes().chunk_by(move |a, b| is_digit(a) == is_digit(b)).scan(0, move |start, bytes| {
        let text = &name[*start..*start + bytes.len()];
        *start += bytes.len();
        let number = text.trim_start_matches('0');
        Some(if bytes.first().is_some_and(is_digit) { Run::Number(number.len(), number) } else { Run::Word(text) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let sorted = ["", "1", "01-a", "1-a", "2-a", "10-a", "10-b", "100", "a", "a2", "a2-x", "a10", "ä1", "ä10"];
        for pair in sorted.windows(2) {
            assert_eq!(by_version(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(by_version(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(by_version("a10", "a10"), Ordering::Equal);
    }

    proptest::proptest! {
        #[test]
        fn it_is_an_order(a in "[a0-9-]{0,6}", b in "[a0-9-]{0,6}", c in "[a0-9-]{0,6}") {
            proptest::prop_assert_eq!(by_version(&a, &b), by_version(&b, &a).reverse());
            if by_version(&a, &b).is_le() && by_version(&b, &c).is_le() {
                proptest::prop_assert!(by_version(&a, &c).is_le());
            }
            proptest::prop_assert_eq!(by_version(&a, &b).is_eq(), a == b);
        }
    }
}
