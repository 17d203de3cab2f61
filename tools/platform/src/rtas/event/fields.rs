//! Fields at fixed places of a piece of bytes; none where the piece is too short.

/// A piece of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// What begins at `at`; nothing when that is past the end.
    pub(super) fn from(self, at: usize) -> Self {
        Self(self.0.get(at..).unwrap_or_default())
    }

    /// The first `length` bytes, or all when there are fewer.
    pub(super) fn first(self, length: usize) -> Self {
        Self(&self.0[..length.min(self.0.len())])
    }

    pub(super) fn bytes(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(at..at.checked_add(length)?)
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes(at, N)?.try_into().ok()
    }

    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    pub(super) fn half(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub(super) fn word(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    pub(super) fn quad(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_be_bytes)
    }

    /// Text of at most `length` bytes, up to its zero byte, without blanks at its end. What is not printable becomes a dot.
    pub(super) fn text(self, at: usize, length: usize) -> Option<String> {
        let bytes = self.bytes(at, length)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(length);
        let printable = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        Some(bytes[..end].iter().map(printable).collect::<String>().trim_end().to_owned())
    }

    /// Date and time in binary-coded decimals, `2004-04-27 18:41:49`; none when the firmware left it out or it is no date.
    /// The two words are not always side by side.
    pub(super) fn moment(self, date_at: usize, time_at: usize) -> Option<String> {
        let (date, time) = (self.array::<4>(date_at)?, self.array::<4>(time_at)?);
        let decimal = |byte: u8| (byte >> 4 <= 9 && byte & 0x0f <= 9).then_some((byte >> 4) * 10 + (byte & 0x0f));
        let [century, year, month, day] = date.map(decimal);
        let [hour, minute, second, _] = time.map(decimal);
        let (century, year, month, day) = (century?, year?, month?, day?);
        let (hour, minute, second) = (hour?, minute?, second?);
        if month == 0 || month > 12 || day == 0 || day > 31 || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        Some(format!("{century:02}{year:02}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
    }
}
