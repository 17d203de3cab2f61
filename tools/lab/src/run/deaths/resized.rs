//! What a partition is made to do about its size while its agent dies: two processors go and come back, two blocks of memory come
//! and go. Asked in one request each; nothing but the agent tells the partition's kernel.

use std::num::NonZeroU32;

use wire::hex::DrcIndex;
use wire::message::dlpar::{Change, CpuTarget, Direction, MemoryTarget, Resize, ResizeOutcome, Verdict};
use wire::message::{Answer, Request};

use super::Scene;
use crate::dlpar::block_of;
use crate::error::Error;
use crate::guest::QUICK;
use crate::qemu::hotplug;
use crate::run::holding::{Holding, look};
use crate::scenario::LMB_MIB;

/// One is a step and two are several; with one processor left there is nothing more to take.
const UNITS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
const LMB_DRC: u32 = 0x8000_0000;

/// A change that the agent is asked for, and the one that takes it back.
struct Way {
    there: Change,
    back: Change,
    /// How many cores and memory blocks the partition gains by it.
    cores: isize,
    blocks: isize,
}

/// What came of it.
struct Came {
    way: Way,
    before: Holding,
    /// None when the agent died before it answered.
    outcome: Option<ResizeOutcome>,
}

/// Removed by the one loop, added by the other.
pub(super) fn processors(scene: &Scene<'_>) -> Result<u32, Error> {
    let cpu = |action| Change::Cpu { action, target: CpuTarget::Count(UNITS) };
    let (remove, add) = (|| cpu(Direction::Remove), || cpu(Direction::Add));
    let removed = at_each(scene, || Ok(Way { there: remove(), back: add(), cores: -2, blocks: 0 }))?;
    must(scene, &remove())?;
    let added = at_each(scene, || Ok(Way { there: add(), back: remove(), cores: 2, blocks: 0 }))?;
    must(scene, &add())?;
    Ok(removed + added)
}

/// Only added: a block that the kernel gave up is not QEMU's before QEMU has asked for it (`hotplug::ask_memory_back`), so each
/// attempt gets two new ones.
pub(super) fn memory(scene: &Scene<'_>) -> Result<u32, Error> {
    at_each(scene, || {
        let mut held = scene.partition.take()?;
        let Some(body) = held.as_mut() else { return Err(Error::Refused(format!("{} does not run", scene.name()))) };
        let failed = |error| Error::failed("add hardware to", scene.name(), error);
        let first = block_of(&hotplug::plug_memory(&mut body.qmp, LMB_MIB).map_err(failed)?);
        hotplug::plug_memory(&mut body.qmp, LMB_MIB).map_err(failed)?;
        let target = || MemoryTarget::IndexedCount { count: UNITS, index: DrcIndex(LMB_DRC | first) };
        let memory = |action| Change::Memory { action, target: target() };
        Ok(Way { there: memory(Direction::Add), back: memory(Direction::Remove), cores: 0, blocks: 2 })
    })
}

fn at_each(scene: &Scene<'_>, way: impl Fn() -> Result<Way, Error>) -> Result<u32, Error> {
    let go = || {
        let way = way()?;
        let before = look(scene.lab, scene.partition, scene.frame()?)?;
        let outcome = ask(scene, &way.there).ok();
        Ok(Came { way, before, outcome })
    };
    scene.at_each(go, |came, died| judge(scene, &came, died))
}

/// As before or as asked, as the console was told; and it can be taken back.
fn judge(scene: &Scene<'_>, came: &Came, died: bool) -> Result<(), Error> {
    let after = look(scene.lab, scene.partition, scene.frame()?)?;
    let (is_before, is_asked) = (came.before.is_like(&after), came.is_asked(&after));
    let is_told = match &came.outcome {
        None => died && (is_before || is_asked),
        Some(outcome) if outcome.verdict == Verdict::Complete => is_asked,
        Some(_) => died && is_before,
    };
    if !is_told {
        let cause = format!("it had {}, was told {:?}, and has {after}", came.before, came.outcome);
        return Err(scene.wrong("be as before or as asked", cause));
    }
    if is_asked { must(scene, &came.way.back) } else { Ok(()) }
}

impl Came {
    fn is_asked(&self, after: &Holding) -> bool {
        let gained = |before: usize, by: isize| before.checked_add_signed(by);
        gained(self.before.cores.len(), self.way.cores) == Some(after.cores.len())
            && gained(self.before.blocks.len(), self.way.blocks) == Some(after.blocks.len())
            && after.threads.len() == after.cores.len()
    }
}

/// The next request works.
fn must(scene: &Scene<'_>, change: &Change) -> Result<(), Error> {
    let outcome = ask(scene, change)?;
    if outcome.verdict == Verdict::Complete {
        return Ok(());
    }
    Err(scene.wrong("do the next request", format!("{change:?}: {outcome:?}")))
}

fn ask(scene: &Scene<'_>, change: &Change) -> Result<ResizeOutcome, Error> {
    let deadline_ms = u64::try_from(QUICK.as_millis()).unwrap_or(u64::MAX);
    let resize = Resize { change: change.clone(), deadline_ms, allow_partial: false, dry_run: false };
    let answer = scene.lab.agents.ask(&scene.frame()?.console, scene.name(), Request::Resize(resize), QUICK * 2)?;
    match answer {
        Answer::Resize(outcome) => Ok(outcome),
        other => Err(scene.wrong("change its size", format!("it answered something else: {other:?}"))),
    }
}
