//! Reference codes: what to look up in IBM's manuals, and which part to replace. (LoPAR 2.9: "Primary SRC Section")

use serde::Serialize;

use super::fields::Fields;

/// Ten call-outs are the most there may be.
const CALLOUT_LIMIT: usize = 10;

/// Behind the section's header: where the code is, and where the call-outs begin.
const CODE_AT: usize = 0x28;
const CALLOUTS_AT: usize = 0x48;

/// The sub-section of the call-outs.
const CALLOUTS_ID: u8 = 0xc0;

/// A system reference code (SRC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// `B7006970`, or a longer text.
    pub code: String,
    /// Words 2 to 9 of the extended code.
    pub words: Vec<u32>,
    /// What to replace or to do, in this order.
    pub callouts: Vec<Callout>,
}

/// A part to replace or a procedure to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Callout {
    /// `H` first and always, `M` medium, `A` to `C` medium as a group, `L` last.
    pub priority: String,
    /// `U787E.001.0458891-P1`; empty when it has no place.
    pub location: String,
    /// The part's number, or the procedure's name.
    pub part: Option<String>,
    /// Customer card identification number.
    pub ccin: Option<String>,
    /// The part's serial number.
    pub serial: Option<String>,
}

impl Reference {
    /// From the section behind its header.
    pub(super) fn decode(section: Fields<'_>) -> Option<Self> {
        let has_callouts = section.byte(1)? & 1 != 0;
        Some(Self {
            code: section.text(CODE_AT, 32)?,
            words: (0..8).map_while(|word| section.word(8 + 4 * word)).collect(),
            callouts: if has_callouts { callouts(section.from(CALLOUTS_AT)) } else { Vec::new() },
        })
    }
}

/// As many as are sound.
fn callouts(subsection: Fields<'_>) -> Vec<Callout> {
    let mut found = Vec::new();
    if subsection.byte(0) != Some(CALLOUTS_ID) {
        return found;
    }
    let length = usize::from(subsection.half(2).unwrap_or(0)) * 4;
    let mut rest = subsection.first(length).from(4);
    while let (Some(length), true) = (rest.byte(0).map(usize::from), found.len() < CALLOUT_LIMIT) {
        let Some(callout) = Callout::decode(rest.first(length)) else { break };
        found.push(callout);
        rest = rest.from(length);
    }
    found
}

impl Callout {
    /// None for one that is shorter than its own fixed part; so the caller always gets on.
    fn decode(structure: Fields<'_>) -> Option<Self> {
        let (flags, priority) = (structure.byte(1)?, structure.text(2, 1)?);
        let location_length = usize::from(structure.byte(3)?);
        let callout = Self { priority, location: structure.text(4, location_length)?, ..Self::default() };
        let identity = structure.from(4 + location_length);
        let has_identity = flags & 0x08 != 0 && identity.bytes(0, 2) == Some(b"ID");
        Some(if has_identity { callout.with_identity(identity) } else { callout })
    }

    /// The substructure "FRU identity": which fields follow is in its flags.
    fn with_identity(mut self, identity: Fields<'_>) -> Self {
        let flags = identity.byte(3).unwrap_or(0);
        let mut at = 4;
        let mut take = |present: bool, length: usize| {
            let text = if present { identity.text(at, length) } else { None };
            at += if present { length } else { 0 };
            text.filter(|text| !text.is_empty())
        };
        self.part = take(flags & 0x0a != 0, 8);
        self.ccin = take(flags & 0x04 != 0, 4);
        self.serial = take(flags & 0x01 != 0, 12);
        self
    }
}
