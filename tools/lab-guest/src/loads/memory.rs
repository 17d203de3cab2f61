//! `load memory`: a pattern that depends on position and round.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab_guest::load::MemoryState;

use super::{Pace, Report, scrambled};

const WORDS_PER_MIB: u64 = (1 << 20) / 8;
/// What is checked and written between rests.
const PIECE_WORDS: usize = 1 << 15;

/// For ever.
pub(crate) fn run(mib: u64, state: &Path) -> Result<()> {
    ensure!(mib > 0, "load memory: 0 MiB are nothing to check");
    let words = mib.checked_mul(WORDS_PER_MIB).and_then(|words| usize::try_from(words).ok());
    let words = words.with_context(|| format!("load memory: {mib} MiB do not fit into the address space"))?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(words).with_context(|| format!("load memory: no room for {mib} MiB"))?;
    memory.extend((0..words as u64).map(|position| word(position, 0)));
    let mut progress = MemoryState { mib, ..MemoryState::default() };
    let mut report = Report::to(state);
    let mut pace = Pace::new(1); // a round takes seconds as it is
    loop {
        report.now_and_then(&progress)?;
        round(&mut memory, &mut progress, || pace.rest());
    }
}

fn word(position: u64, round: u64) -> u64 {
    scrambled(position ^ round.rotate_left(40))
}

/// Checks what the last round wrote and writes the next pattern; `rest` is called after each piece.
fn round(memory: &mut [u64], progress: &mut MemoryState, mut rest: impl FnMut()) {
    let last = progress.rounds;
    let mut position = 0;
    for piece in memory.chunks_mut(PIECE_WORDS) {
        for cell in piece {
            if *cell != word(position, last) {
                progress.errors += 1;
                progress.first_error = progress.first_error.or(Some(position));
            }
            *cell = word(position, last + 1);
            position += 1;
        }
        rest();
    }
    progress.rounds += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flipped_bit_is_found() {
        let mut memory: Vec<u64> = (0..1000).map(|position| word(position, 0)).collect();
        let mut progress = MemoryState::default();
        round(&mut memory, &mut progress, || ());
        assert_eq!(progress, MemoryState { rounds: 1, ..MemoryState::default() });
        memory[77] ^= 1 << 40;
        round(&mut memory, &mut progress, || ());
        assert_eq!(progress, MemoryState { rounds: 2, errors: 1, first_error: Some(77), ..MemoryState::default() });
        // A page of the last round in this one: every word of it is wrong.
        let stale = memory[100..200].to_vec();
        round(&mut memory, &mut progress, || ());
        memory[100..200].copy_from_slice(&stale);
        round(&mut memory, &mut progress, || ());
        assert_eq!((progress.rounds, progress.errors), (4, 101));
    }
}
