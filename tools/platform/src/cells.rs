//! The bytes of a device-tree property, read front to back: 32-bit and 64-bit cells and strings. Cells are big endian on
//! every machine, strings end with a NUL, nothing is aligned (PAPR, "Open Firmware device tree").

/// What a property that ends too early, or says what cannot be, is refused with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The property ends inside of something.
    #[error("ends at byte {length}, where {wanted} was expected")]
    Short {
        /// How long the property is.
        length: usize,
        /// What should have followed.
        wanted: &'static str,
    },
    /// A string is not UTF-8.
    #[error("has a string at byte {at} that is not text")]
    NotText {
        /// Where the string begins.
        at: usize,
    },
    /// A count or a sum is beyond anything that exists.
    #[error("says {found} {what}, more than the limit of {limit}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many.
        found: u64,
        /// The bound.
        limit: u64,
    },
    /// Two properties that describe the same things disagree.
    #[error("has {found} {what} where {expected} were expected")]
    Disagree {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
}

/// A position in the bytes of a property.
#[derive(Debug, Clone)]
pub(crate) struct Cells<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cells<'a> {
    /// At the front of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether all has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next 32 bits; `wanted` names them in the error.
    pub(crate) fn u32(&mut self, wanted: &'static str) -> Result<u32, Malformed> {
        self.take(wanted).map(u32::from_be_bytes)
    }

    /// The next 64 bits.
    pub(crate) fn u64(&mut self, wanted: &'static str) -> Result<u64, Malformed> {
        self.take(wanted).map(u64::from_be_bytes)
    }

    /// The next string, without its NUL.
    pub(crate) fn text(&mut self, wanted: &'static str) -> Result<&'a str, Malformed> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == 0).ok_or_else(|| self.short(wanted))?;
        let text = std::str::from_utf8(&rest[..length]).map_err(|_| Malformed::NotText { at: self.at })?;
        self.at += length + 1;
        Ok(text)
    }

    fn take<const N: usize>(&mut self, wanted: &'static str) -> Result<[u8; N], Malformed> {
        let cell = self.bytes[self.at..].first_chunk::<N>().ok_or_else(|| self.short(wanted))?;
        self.at += N;
        Ok(*cell)
    }

    fn short(&self, wanted: &'static str) -> Malformed {
        Malformed::Short { length: self.bytes.len(), wanted }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cells_are_big_endian_and_need_no_alignment() {
        let mut cells = Cells::new(b"ab\0\x00\x00\x01\x02\x00\x00\x00\x01\x00\x00\x00\x00");
        assert_eq!(cells.text("name").unwrap(), "ab");
        assert_eq!(cells.u32("count").unwrap(), 0x102);
        assert_eq!(cells.u64("address").unwrap(), 1 << 32);
        assert!(cells.is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut cells = Cells::new(b"\0\0\0");
        assert_eq!(cells.u32("the count").unwrap_err().to_string(), "ends at byte 3, where the count was expected");
        assert_eq!(cells.remaining(), 3, "a failed read moves nothing");
        assert!(Cells::new(b"no end").text("a name").is_err());
        assert_eq!(Cells::new(b"\xff\0").text("a name"), Err(Malformed::NotText { at: 0 }));
    }
}
