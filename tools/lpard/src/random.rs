//! Randomness: keys, nonces, names of runs, jitter.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Fills the bytes with what nobody can guess; none when the system has no randomness to give.
pub(crate) fn fill(bytes: &mut [u8]) -> Option<()> {
    SystemRandom::new().fill(bytes).ok()
}

/// A number; where nothing better is to be had, the same one again. Only for what need not be secret.
pub(crate) fn jitter() -> u32 {
    let mut bytes = [0; 4];
    fill(&mut bytes).map_or(u32::MAX / 2, |()| u32::from_ne_bytes(bytes))
}

/// The name of a run.
pub(crate) fn run() -> Option<wire::hex::RunId> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Some(wire::hex::RunId(u64::from_ne_bytes(bytes)))
}
