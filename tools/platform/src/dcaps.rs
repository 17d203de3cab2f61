//! The capability words that a console shows as DCaps and CmdCaps.
//!
//! What each bit means is not public: the rules, with how sure they are and why, are data in `dcaps.toml`, which the build
//! turns into a table. A bit is set when the system can do what its rule needs; a capability that the system does not have is
//! never reported. What the system can do is in [`Capabilities`], so that everything here is pure.

use std::fmt;

use serde::Serialize;

use crate::capability::{Capabilities, Fact};

include!(concat!(env!("OUT_DIR"), "/dcaps.rs"));

/// What makes a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Which word it is in.
    pub word: Word,
    /// Counted from the lowest.
    pub bit: u8,
    /// What a set bit says.
    pub means: &'static str,
    /// How sure that is.
    pub confidence: Confidence,
    /// What speaks for it.
    pub evidence: &'static str,
    /// What the system has to be able to do.
    pub needs: &'static [Fact],
}

/// A word of the console's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// What can be done to the partition.
    Dcaps,
    /// Which commands it takes; the same value twice.
    Cmdcaps,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dcaps => "DCaps",
            Self::Cmdcaps => "CmdCaps",
        })
    }
}

/// How sure the meaning of a bit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// There is not even a guess.
    Unknown,
    /// A guess.
    Low,
    /// It fits all values seen.
    Medium,
    /// It was tried on a live console.
    High,
    /// IBM says so.
    Published,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Low => "inferred, low confidence",
            Self::Medium => "inferred, medium confidence",
            Self::High => "tried on a console",
            Self::Published => "published",
        })
    }
}

/// The words, and why they are so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words {
    /// DCaps.
    pub dcaps: u32,
    /// CmdCaps, supported and enabled.
    pub cmdcaps: [u32; 2],
    /// PinnedMem, in MiB.
    pub pinned_memory_mib: u64,
    /// Every rule and what came of it.
    pub bits: Vec<Bit>,
}

/// A rule and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bit {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Whether the bit is set.
    pub set: bool,
    /// Why not.
    pub missing: Vec<String>,
}

/// Computes the words of a system that can do this.
pub fn compute(capabilities: &Capabilities) -> Words {
    let bits: Vec<Bit> = RULES.iter().map(|rule| Bit::of(rule, capabilities)).collect();
    let word = |word: Word| {
        bits.iter().filter(|bit| bit.set && bit.rule.word == word).fold(0, |sum, bit| sum | (1 << bit.rule.bit))
    };
    let (dcaps, cmdcaps) = (word(Word::Dcaps), word(Word::Cmdcaps));
    Words { dcaps, cmdcaps: [cmdcaps; 2], pinned_memory_mib: PINNED_MEMORY_MIB, bits }
}

impl Bit {
    fn of(rule: &Rule, capabilities: &Capabilities) -> Self {
        let mut missing: Vec<String> =
            rule.needs.iter().filter_map(|fact| capabilities.answer(*fact).why_not()).collect();
        missing.dedup(); // one cause may answer two questions
        Self { rule: *rule, set: missing.is_empty(), missing }
    }
}

/// As the console prints them.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [supported, enabled] = self.cmdcaps;
        let (dcaps, pinned) = (self.dcaps, self.pinned_memory_mib);
        write!(f, "DCaps:<{dcaps:#x}>, CmdCaps:<{supported:#x}, {enabled:#x}>, PinnedMem:<{pinned}>")
    }
}

/// One line of an explanation.
impl fmt::Display for Bit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { word, bit, means, confidence, .. } = self.rule;
        let (state, value) = (if self.set { "set" } else { "clear" }, 1_u64 << bit);
        write!(f, "{word} bit {bit} ({value:#x}) {state}: {means} ({confidence})")?;
        if self.set { Ok(()) } else { write!(f, "; {}", self.missing.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Answer;
    use proptest::prelude::*;

    #[test]
    fn a_fully_capable_guest_has_the_reference_value() {
        let words = compute(&Capabilities::all());
        assert_eq!(words.to_string(), "DCaps:<0x2c7f>, CmdCaps:<0x19, 0x19>, PinnedMem:<0>");
        assert!(words.bits.iter().all(|bit| bit.set && bit.missing.is_empty()));
    }

    #[test]
    fn a_missing_capability_clears_its_bit_and_says_why() {
        let cases = [
            (Fact::Cpu, 0x2c7e),
            (Fact::Memory, 0x2c7d),
            (Fact::Slot, 0x2c7b),
            (Fact::Phb, 0x2c77),
            (Fact::Migration, 0x2c3f),
            (Fact::Hibernation, 0x0c7f),
            (Fact::Dlpar, 0),
        ];
        for (fact, dcaps) in cases {
            let mut capabilities = Capabilities::all();
            *capabilities.answer_mut(fact) = Answer::No("the kernel lacks it".into());
            let words = compute(&capabilities);
            assert_eq!(words.dcaps, dcaps, "{fact:?}");
            assert_eq!(words.cmdcaps, [0x19; 2]);
            let clear = words.bits.iter().find(|bit| !bit.set).unwrap();
            assert!(clear.to_string().contains("clear: ") && clear.to_string().ends_with("; the kernel lacks it"));
        }
    }

    #[test]
    fn no_bit_has_two_rules_and_each_has_its_evidence() {
        for (position, rule) in RULES.iter().enumerate() {
            assert_eq!(RULES.iter().position(|other| (other.word, other.bit) == (rule.word, rule.bit)), Some(position));
            assert!(rule.bit < 32 && !rule.means.is_empty() && !rule.evidence.is_empty());
            assert_ne!(rule.confidence, Confidence::Published, "nothing is published");
        }
    }

    proptest! {
        /// Never more than the reference, and never a bit whose capability is missing.
        #[test]
        fn nothing_is_claimed_that_is_missing(missing in prop::collection::vec(any::<bool>(), Fact::ALL.len())) {
            let mut capabilities = Capabilities::all();
            for (fact, missing) in Fact::ALL.iter().zip(&missing) {
                if *missing {
                    *capabilities.answer_mut(*fact) = Answer::No(format!("no {fact:?}"));
                }
            }
            let words = compute(&capabilities);
            prop_assert_eq!(words.dcaps & !0x2c7f, 0);
            for bit in &words.bits {
                let able = bit.rule.needs.iter().all(|fact| capabilities.answer(*fact) == &Answer::Yes);
                prop_assert_eq!(bit.set, able);
            }
        }
    }
}
