//! The header structure: a bounded key-value store, used twice in every RPM (rpm's `docs/manual/format_header.md`).
//!
//! Nothing is believed: sizes are limited before they are read, every entry must lie within the data, be aligned and
//! overlap no other, and every string must end inside its entry's reach. What passes [`Header::parse`] can be looked up
//! without further checks of bounds.

use std::io::Read;

use super::digest::Check;
use crate::error::Error;
use crate::limits::Limits;

const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
const INTRO_BYTES: usize = 16;
const ENTRY_BYTES: usize = 16;

/// Which of the two headers, for messages and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first: digests and signatures.
    Signature,
    /// The second: everything about the package.
    Main,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Signature => "signature header",
            Part::Main => "header",
        }
    }

    fn data_limit(self) -> u32 {
        match self {
            Part::Signature => Limits::SIGNATURE_DATA_BYTES,
            Part::Main => Limits::HEADER_DATA_BYTES,
        }
    }
}

/// Data types of the index (`rpmTagType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Bytes,
    U16,
    U32,
    U64,
    Text,
    Binary,
    TextArray,
    I18nText,
}

impl Type {
    fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 | 2 => Self::Bytes,
            3 => Self::U16,
            4 => Self::U32,
            5 => Self::U64,
            6 => Self::Text,
            7 => Self::Binary,
            8 => Self::TextArray,
            9 => Self::I18nText,
            _ => return None,
        })
    }

    /// Bytes of one value, and its alignment; `None` for strings.
    fn width(self) -> Option<usize> {
        match self {
            Self::Bytes | Self::Binary => Some(1),
            Self::U16 => Some(2),
            Self::U32 => Some(4),
            Self::U64 => Some(8),
            Self::Text | Self::TextArray | Self::I18nText => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct IndexEntry {
    tag: u32,
    kind: Type,
    offset: usize,
    count: usize,
    /// End of the entry's data, exclusive.
    end: usize,
}

/// A checked header.
#[derive(Debug)]
pub struct Header {
    part: Part,
    /// Sorted by tag.
    entries: Vec<IndexEntry>,
    data: Vec<u8>,
    has_region: bool,
}

impl Header {
    /// Reads one header from a stream. The bytes (magic to data's end, without padding) also go to `checks`.
    pub fn read(input: &mut dyn Read, part: Part, checks: &mut [Check]) -> Result<Self, Error> {
        let mut intro = [0; INTRO_BYTES];
        read_exactly(input, &mut intro, part)?;
        let (entry_count, data_bytes) = parse_intro(&intro, part)?;
        let index_bytes = entry_count as usize * ENTRY_BYTES;
        let body_bytes = index_bytes as u64 + u64::from(data_bytes);
        // Grows as bytes arrive: a size that the file does not have never becomes memory.
        let mut body = Vec::new();
        (&mut *input)
            .take(body_bytes)
            .read_to_end(&mut body)
            .map_err(|error| Error::malformed(part.name(), format!("cannot be read: {error}")))?;
        if (body.len() as u64) < body_bytes {
            return Err(Error::malformed(
                part.name(),
                format!("claims {body_bytes} bytes, but the file ends after {} of them", body.len()),
            ));
        }
        for check in checks {
            check.update(&intro);
            check.update(&body);
        }
        Self::from_index_and_data(part, body, index_bytes)
    }

    /// Parses a header that lies in memory, as [`Header::read`] does from a stream. Trailing bytes are ignored.
    pub fn parse(mut bytes: &[u8], part: Part) -> Result<Self, Error> {
        Self::read(&mut bytes, part, &mut [])
    }

    fn from_index_and_data(part: Part, mut body: Vec<u8>, index_bytes: usize) -> Result<Self, Error> {
        let data = body.split_off(index_bytes);
        let mut region = None;
        let mut entries = Vec::with_capacity(index_bytes / ENTRY_BYTES);
        for (number, raw) in body.chunks_exact(ENTRY_BYTES).enumerate() {
            let entry = parse_entry(raw, &data).map_err(|(tag, reason)| {
                Error::malformed(format!("{} index entry {number} (tag {tag})", part.name()), reason)
            })?;
            if is_region(&entry) {
                region = Some((number, entry));
            }
            entries.push(entry);
        }
        if let Some((number, entry)) = &region {
            check_region(entry, *number, index_bytes, &data)
                .map_err(|reason| Error::malformed(format!("{} region", part.name()), reason))?;
        }
        check_overlaps(&mut entries, part)?;
        entries.sort_by_key(|entry| entry.tag);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].tag == pair[1].tag) {
            return Err(Error::malformed(part.name(), format!("tag {} is there twice", pair[0].tag)));
        }
        Ok(Self { part, entries, data, has_region: region.is_some() })
    }

    /// Whether the header is one immutable region, as in RPM v4 and v6 (v3 has none).
    pub fn has_region(&self) -> bool {
        self.has_region
    }

    /// Whether the tag is there.
    pub fn contains(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    fn find(&self, tag: u32) -> Option<&IndexEntry> {
        self.entries.binary_search_by_key(&tag, |entry| entry.tag).ok().map(|at| &self.entries[at])
    }

    fn bytes_of(&self, entry: &IndexEntry) -> &[u8] {
        &self.data[entry.offset..entry.end]
    }

    fn wrong_type(&self, tag: u32, wanted: &str) -> Error {
        Error::malformed(format!("{} tag {tag}", self.part.name()), format!("is not {wanted}"))
    }

    /// A string, or the first of several. Without the final NUL.
    pub fn string(&self, tag: u32) -> Result<Option<&[u8]>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        match entry.kind {
            Type::Text | Type::TextArray | Type::I18nText => Ok(self.bytes_of(entry).split(|byte| *byte == 0).next()),
            _ => Err(self.wrong_type(tag, "a string")),
        }
    }

    /// An array of strings; a single string counts as an array of one, a missing tag as an empty array.
    pub fn strings(&self, tag: u32) -> Result<Vec<&[u8]>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(Vec::new()) };
        match entry.kind {
            Type::Text | Type::TextArray | Type::I18nText => {
                let bytes = self.bytes_of(entry);
                Ok(bytes[..bytes.len().saturating_sub(1)].split(|byte| *byte == 0).collect())
            }
            _ => Err(self.wrong_type(tag, "an array of strings")),
        }
    }

    /// Integers of 16, 32 or 64 bits; a missing tag is an empty array.
    pub fn integers(&self, tag: u32) -> Result<Vec<u64>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(Vec::new()) };
        let width = match entry.kind {
            Type::U16 => 2,
            Type::U32 => 4,
            Type::U64 => 8,
            _ => return Err(self.wrong_type(tag, "an array of integers")),
        };
        Ok(self.bytes_of(entry).chunks_exact(width).map(big_endian).collect())
    }

    /// The first integer.
    pub fn integer(&self, tag: u32) -> Result<Option<u64>, Error> {
        Ok(self.integers(tag)?.first().copied())
    }

    /// A 32-bit integer.
    pub fn integer32(&self, tag: u32) -> Result<Option<u32>, Error> {
        match self.integer(tag)? {
            None => Ok(None),
            Some(value) => u32::try_from(value).map(Some).map_err(|_| self.wrong_type(tag, "a 32-bit integer")),
        }
    }

    /// A binary value.
    pub fn binary(&self, tag: u32) -> Result<Option<&[u8]>, Error> {
        match self.find(tag) {
            None => Ok(None),
            Some(entry) if matches!(entry.kind, Type::Binary | Type::Bytes) => Ok(Some(self.bytes_of(entry))),
            Some(_) => Err(self.wrong_type(tag, "binary data")),
        }
    }

    /// Bytes that the header takes in the file, without padding.
    pub fn file_bytes(&self) -> u64 {
        (INTRO_BYTES + self.entries.len() * ENTRY_BYTES + self.data.len()) as u64
    }

    /// Bytes of the data section, for the padding behind a signature header.
    pub fn data_bytes(&self) -> usize {
        self.data.len()
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn read_exactly(input: &mut dyn Read, buffer: &mut [u8], part: Part) -> Result<(), Error> {
    input
        .read_exact(buffer)
        .map_err(|error| Error::malformed(part.name(), format!("cannot be read: {error}; the file may be truncated")))
}

fn word(bytes: &[u8], number: usize) -> u32 {
    let at = number * 4;
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Checks magic and sizes; gives the number of entries and the bytes of data.
fn parse_intro(intro: &[u8; INTRO_BYTES], part: Part) -> Result<(u32, u32), Error> {
    if intro[..8] != MAGIC {
        return Err(Error::malformed(part.name(), "does not begin with the header magic 8eade801"));
    }
    let (entry_count, data_bytes) = (word(intro, 2), word(intro, 3));
    if entry_count == 0 || entry_count > Limits::HEADER_TAGS {
        return Err(Error::malformed(
            part.name(),
            format!("claims {entry_count} index entries; 1 to {} are possible", Limits::HEADER_TAGS),
        ));
    }
    if data_bytes > part.data_limit() {
        return Err(Error::malformed(
            part.name(),
            format!("claims {data_bytes} bytes of data; at most {} are possible", part.data_limit()),
        ));
    }
    Ok((entry_count, data_bytes))
}

/// Checks one index entry against the data; errors carry the tag and the reason.
fn parse_entry(raw: &[u8], data: &[u8]) -> Result<IndexEntry, (u32, String)> {
    let (tag, kind, offset, count) = (word(raw, 0), word(raw, 1), word(raw, 2) as usize, word(raw, 3) as usize);
    let kind = Type::from_number(kind).ok_or_else(|| (tag, format!("has the unknown type {kind}")))?;
    let outside = || (tag, format!("reaches beyond the data ({count} values at offset {offset} of {})", data.len()));
    if count == 0 {
        return Err((tag, "has no values".to_owned()));
    }
    if offset > data.len() {
        return Err(outside());
    }
    let end = match kind.width() {
        Some(width) => {
            if offset % width != 0 {
                return Err((tag, format!("is not aligned: offset {offset} for values of {width} bytes")));
            }
            count.checked_mul(width).and_then(|bytes| offset.checked_add(bytes)).filter(|end| *end <= data.len())
        }
        None if kind == Type::Text && count != 1 => {
            return Err((tag, format!("is a single string with a count of {count}")));
        }
        None => end_of_strings(&data[offset..], count).map(|bytes| offset + bytes),
    };
    let end = end.ok_or_else(outside)?;
    Ok(IndexEntry { tag, kind, offset, count, end })
}

/// Bytes that `count` NUL-terminated strings take, or `None` if the data ends before.
fn end_of_strings(data: &[u8], count: usize) -> Option<usize> {
    // Each string takes a byte at least: a huge count fails at once, not after a walk.
    if count > data.len() {
        return None;
    }
    let mut at = 0;
    for _ in 0..count {
        at += data[at..].iter().position(|byte| *byte == 0)? + 1;
    }
    Some(at)
}

fn is_region(entry: &IndexEntry) -> bool {
    matches!(entry.tag, super::tag::HEADER_SIGNATURES | super::tag::HEADER_IMMUTABLE)
}

/// The region tag must come first; its 16 bytes of data are a trailer: an index entry whose negative offset says how
/// many bytes of index the region spans. In a package the region is all of the header (rpm's `lib/header.c`,
/// `hdrblobVerifyRegion` with `exact_size`), or digests of rpm's would cover less than what is read.
fn check_region(entry: &IndexEntry, number: usize, index_bytes: usize, data: &[u8]) -> Result<(), String> {
    if number != 0 {
        return Err(format!("stands at index entry {number}, not first"));
    }
    if entry.kind != Type::Binary || entry.count != ENTRY_BYTES {
        return Err("is not a binary value of 16 bytes".to_owned());
    }
    let trailer = &data[entry.offset..entry.end];
    let (tag, kind, spanned, count) = (word(trailer, 0), word(trailer, 1), word(trailer, 2), word(trailer, 3));
    // Some old packages have HEADERIMAGE in the signature header's trailer; rpm takes it.
    let is_old_signature = entry.tag == super::tag::HEADER_SIGNATURES && tag == super::tag::HEADER_IMAGE;
    if tag != entry.tag && !is_old_signature {
        return Err(format!("has a trailer for tag {tag}"));
    }
    if Type::from_number(kind) != Some(Type::Binary) || count as usize != ENTRY_BYTES {
        return Err(format!("has a trailer of type {kind} and count {count}"));
    }
    let spanned = spanned.wrapping_neg() as usize;
    if spanned != index_bytes {
        return Err(format!("claims to span {spanned} bytes of an index of {index_bytes}"));
    }
    if entry.end != data.len() {
        return Err(format!("ends at byte {} of {} bytes of data", entry.end, data.len()));
    }
    Ok(())
}

/// No two entries share a byte of data (rpm refuses it too, `hdrblobVerifyInfo`).
fn check_overlaps(entries: &mut [IndexEntry], part: Part) -> Result<(), Error> {
    entries.sort_by_key(|entry| (entry.offset, entry.end));
    for pair in entries.windows(2) {
        if pair[1].offset < pair[0].end {
            return Err(Error::malformed(
                part.name(),
                format!("the data of tags {} and {} overlap", pair[0].tag, pair[1].tag),
            ));
        }
    }
    Ok(())
}
