//! The header structure: tags with values, laid out as index and data (docs/manual/format_header.md).

use std::collections::BTreeMap;

/// A value with its RPM type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Int16(Vec<u16>),
    Int32(Vec<u32>),
    Int64(Vec<u64>),
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Array(Vec<Vec<u8>>),
    Translated(Vec<u8>),
    /// Any type number with any count: `(type, count, data)`.
    Raw(u32, u32, Vec<u8>),
}

impl Value {
    /// A STRING.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Value::Text(text.into())
    }

    /// A STRING_ARRAY.
    pub fn array<T: Into<Vec<u8>> + Clone>(items: &[T]) -> Self {
        Value::Array(items.iter().cloned().map(Into::into).collect())
    }

    /// Type number, count and bytes.
    fn encode(&self) -> (u32, u32, Vec<u8>) {
        let terminated = |text: &Vec<u8>| [text.as_slice(), &[0]].concat();
        match self {
            Value::Int16(items) => (3, items.len() as u32, items.iter().flat_map(|item| item.to_be_bytes()).collect()),
            Value::Int32(items) => (4, items.len() as u32, items.iter().flat_map(|item| item.to_be_bytes()).collect()),
            Value::Int64(items) => (5, items.len() as u32, items.iter().flat_map(|item| item.to_be_bytes()).collect()),
            Value::Text(text) => (6, 1, terminated(text)),
            Value::Binary(bytes) => (7, bytes.len() as u32, bytes.clone()),
            Value::Array(items) => (8, items.len() as u32, items.iter().flat_map(terminated).collect()),
            Value::Translated(text) => (9, 1, terminated(text)),
            Value::Raw(kind, count, data) => (*kind, *count, data.clone()),
        }
    }
}

/// Tags before layout, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub struct Tags(pub BTreeMap<u32, Value>);

impl Tags {
    /// Sets or replaces a tag.
    pub fn set(&mut self, tag: u32, value: Value) {
        self.0.insert(tag, value);
    }

    /// Sets a tag of INT32 with one value.
    pub fn set_int(&mut self, tag: u32, value: u32) {
        self.set(tag, Value::Int32(vec![value]));
    }

    /// Leaves a tag out.
    pub fn remove(&mut self, tag: u32) {
        assert!(self.0.remove(&tag).is_some(), "tag {tag} is not there to be removed");
    }

    /// Strings of an array, to be changed.
    pub fn array(&mut self, tag: u32) -> &mut Vec<Vec<u8>> {
        match self.0.get_mut(&tag) {
            Some(Value::Array(items)) => items,
            other => panic!("tag {tag} is {other:?}, not an array of strings"),
        }
    }

    /// INT32 values, to be changed.
    pub fn ints(&mut self, tag: u32) -> &mut Vec<u32> {
        match self.0.get_mut(&tag) {
            Some(Value::Int32(items)) => items,
            other => panic!("tag {tag} is {other:?}, not INT32"),
        }
    }

    /// INT16 values, to be changed.
    pub fn shorts(&mut self, tag: u32) -> &mut Vec<u16> {
        match self.0.get_mut(&tag) {
            Some(Value::Int16(items)) => items,
            other => panic!("tag {tag} is {other:?}, not INT16"),
        }
    }

    /// Makes a digest or a number wrong without changing its form.
    pub fn corrupt(&mut self, tag: u32) {
        let flip_digit = |text: &mut Vec<u8>| text[0] = if text[0] == b'0' { b'1' } else { b'0' };
        match self.0.get_mut(&tag).unwrap_or_else(|| panic!("tag {tag} is not there to be corrupted")) {
            Value::Int16(items) => items[0] ^= 1,
            Value::Int32(items) => items[0] ^= 1,
            Value::Int64(items) => items[0] ^= 1,
            Value::Text(text) | Value::Translated(text) => flip_digit(text),
            Value::Binary(bytes) | Value::Raw(_, _, bytes) => bytes[0] ^= 1,
            Value::Array(items) => flip_digit(items.iter_mut().find(|item| !item.is_empty()).unwrap()),
        }
    }

    /// Lays the tags out; with `region`, inside an immutable region of that tag.
    pub fn lay_out(&self, region: Option<u32>) -> Image {
        let mut image = Image::default();
        for (&tag, value) in &self.0 {
            let (kind, count, bytes) = value.encode();
            let alignment = match kind {
                3 => 2,
                4 => 4,
                5 => 8,
                _ => 1,
            };
            image.data.resize(image.data.len().next_multiple_of(alignment), 0);
            image.index.push(IndexEntry { tag, kind, offset: image.data.len() as i32, count });
            image.data.extend(bytes);
        }
        if let Some(tag) = region {
            let entries = image.index.len() as i32 + 1;
            image.index.insert(0, IndexEntry { tag, kind: 7, offset: image.data.len() as i32, count: 16 });
            image.data.extend(IndexEntry { tag, kind: 7, offset: -16 * entries, count: 16 }.to_bytes());
        }
        image
    }
}

/// One entry of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    pub tag: u32,
    /// Type number, 1 to 9.
    pub kind: u32,
    pub offset: i32,
    pub count: u32,
}

impl IndexEntry {
    /// Sixteen bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        [self.tag, self.kind, self.offset as u32, self.count].iter().flat_map(|number| number.to_be_bytes()).collect()
    }
}

/// A header after layout: what is written, and what its intro claims.
#[derive(Debug, Clone, Default)]
pub struct Image {
    pub index: Vec<IndexEntry>,
    pub data: Vec<u8>,
    /// Number of entries in the intro, if it lies.
    pub claimed_entries: Option<u32>,
    /// Bytes of data in the intro, if it lies.
    pub claimed_bytes: Option<u32>,
    /// Magic in the intro, if it is wrong.
    pub magic: Option<[u8; 8]>,
}

impl Image {
    /// Index entry of a tag, to be changed.
    pub fn entry(&mut self, tag: u32) -> &mut IndexEntry {
        self.index.iter_mut().find(|entry| entry.tag == tag).unwrap_or_else(|| panic!("no index entry of tag {tag}"))
    }

    /// The region trailer's sixteen bytes, the last of the data.
    pub fn trailer(&mut self) -> &mut [u8] {
        let length = self.data.len();
        &mut self.data[length - 16..]
    }

    /// Intro, index and data.
    pub fn to_bytes(&self) -> Vec<u8> {
        let magic = self.magic.unwrap_or([0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0]);
        let entries = self.claimed_entries.unwrap_or(self.index.len() as u32);
        let bytes = self.claimed_bytes.unwrap_or(self.data.len() as u32);
        let mut image = magic.to_vec();
        image.extend(entries.to_be_bytes());
        image.extend(bytes.to_be_bytes());
        image.extend(self.index.iter().flat_map(|entry| entry.to_bytes()));
        image.extend(&self.data);
        image
    }
}
