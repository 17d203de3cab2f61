//! Loads: programs that work for ever and would notice a migration that loses or garbles something.

pub(crate) mod disk;
pub(crate) mod memory;
pub(crate) mod stream;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

/// How often a state is written at most.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

/// Writes a load's state now and then.
pub(crate) struct Report<'a> {
    file: &'a Path,
    last: Option<Instant>,
}

impl<'a> Report<'a> {
    pub(crate) fn to(file: &'a Path) -> Self {
        Self { file, last: None }
    }

    /// If it is time again.
    pub(crate) fn now_and_then(&mut self, state: &impl Serialize) -> Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < BETWEEN_REPORTS) {
            return Ok(());
        }
        self.now(state)
    }

    /// The file is replaced as a whole.
    pub(crate) fn now(&mut self, state: &impl Serialize) -> Result<()> {
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(state)?).with_context(|| format!("write {}", fresh.display()))?;
        fs::rename(&fresh, self.file).with_context(|| format!("replace {}", self.file.display()))?;
        self.last = Some(Instant::now());
        Ok(())
    }
}

/// After a migration it goes on at once.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// Keeps a load from taking all there is: it is to be at work whenever something happens to the partition, not to be as much work as
/// possible for who emulates it.
pub(crate) struct Pace {
    /// It rests so many times as long as it worked.
    rests: u32,
    worked_since: Instant,
}

impl Pace {
    pub(crate) fn new(rests: u32) -> Self {
        Self { rests, worked_since: Instant::now() }
    }

    /// After a piece of work.
    pub(crate) fn rest(&mut self) {
        std::thread::sleep((self.worked_since.elapsed() * self.rests).min(LONGEST_REST));
        self.worked_since = Instant::now();
    }
}

/// Bits that look random and are the same every time (splitmix64).
pub(crate) fn scrambled(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
