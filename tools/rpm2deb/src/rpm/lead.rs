//! The lead: 96 bytes that say "this is an RPM". Everything else in it is history (rpm's `docs/manual/format_lead.md`).

use std::io::Read;

use crate::error::Error;

const LEAD_BYTES: usize = 96;
const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// Signature type of every RPM since 1998: a signature header follows the lead.
const HEADER_SIGNATURE: u16 = 5;

/// What is still of interest in a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// 3 for RPM v3 and v4, 4 for v6.
    pub major: u8,
    /// Type 1: a source package.
    pub is_source: bool,
}

/// Reads the lead from the start of a file.
pub fn read(input: &mut impl Read) -> Result<Lead, Error> {
    let mut bytes = [0; LEAD_BYTES];
    input.read_exact(&mut bytes).map_err(|_| Error::malformed("lead", "the file is too short to be an RPM"))?;
    parse(&bytes)
}

fn parse(bytes: &[u8; LEAD_BYTES]) -> Result<Lead, Error> {
    if bytes[..4] != MAGIC {
        return Err(Error::malformed("lead", "not an RPM: the file does not begin with RPM's magic number"));
    }
    let major = bytes[4];
    if !(3..=4).contains(&major) {
        return Err(Error::malformed("lead", format!("RPM format {major} is not known; 3 to 6 are")));
    }
    let signature_type = u16::from_be_bytes([bytes[78], bytes[79]]);
    if signature_type != HEADER_SIGNATURE {
        return Err(Error::malformed("lead", format!("signature type {signature_type} is not known; 5 is")));
    }
    Ok(Lead { major, is_source: u16::from_be_bytes([bytes[6], bytes[7]]) == 1 })
}
