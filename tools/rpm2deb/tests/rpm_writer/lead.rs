//! The lead: 96 bytes that only `file` still looks at (docs/manual/format_lead.md).

use super::package::Format;

/// Writes the lead. `name` is cut to 65 bytes.
pub fn lead(format: Format, source: bool, name: &[u8]) -> Vec<u8> {
    let major = if format == Format::V6 { 4 } else { 3 };
    let machine = u8::from(format != Format::V6);
    let mut lead = vec![0xed, 0xab, 0xee, 0xdb, major, 0, 0, u8::from(source), 0, machine];
    lead.extend(&name[..name.len().min(65)]);
    lead.resize(76, 0);
    lead.extend([0, machine, 0, 5]);
    lead.resize(96, 0);
    lead
}
