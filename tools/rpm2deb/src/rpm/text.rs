//! Text from headers: UTF-8, or what it was before everybody agreed on UTF-8.

use super::header::Header;
use crate::error::Error;

/// Header bytes as text. RPM v6 promises UTF-8; older packages with other bytes are taken as ISO 8859-1, which loses
/// nothing: every byte is a character.
pub(super) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// A string tag; empty counts as missing.
pub(super) fn string(header: &Header, tag: u32) -> Result<Option<String>, Error> {
    Ok(header.string(tag)?.filter(|bytes| !bytes.is_empty()).map(decode))
}

/// An array of strings.
pub(super) fn strings(header: &Header, tag: u32) -> Result<Vec<String>, Error> {
    Ok(header.strings(tag)?.into_iter().map(decode).collect())
}
