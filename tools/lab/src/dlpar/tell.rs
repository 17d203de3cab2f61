//! Telling the partition, through the console of the system it is on, which resource to take up or to release: its agent by
//! the session, or where there is none the kernel by the test channel. By DRC index in both cases: it is this one and no other.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::hex::DrcIndex;
use wire::message::dlpar::{self, Cause, CpuTarget, MemoryTarget, Resize, ResizeOutcome, Verdict};
use wire::message::{Answer, Request};

use super::TAKE_UP_DEADLINE;
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::partition::Partition;
use crate::scenario::step::{Direction, Resource};

/// DRC index of core n: PAPR's type CPU in the top nibble; QEMU numbers cores by their first thread.
const CPU_DRC: u32 = 0x1000_0000;
/// DRC index of memory block n: type LMB.
const LMB_DRC: u32 = 0x8000_0000;
/// A session that broke is there again by then, or never.
const SESSION_DEADLINE: Duration = Duration::from_secs(30);

/// What an agent said of a change: the sum of its answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReport {
    /// Cores, or blocks of memory, that it was asked to take up or to release.
    pub asked: u64,
    /// That it did.
    pub done: u64,
    /// By firmware's names.
    pub items: Vec<String>,
    /// Why it is not all that was asked.
    pub why: Vec<String>,
}

impl fmt::Display for AgentReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} done", self.done, self.asked)?;
        for (before, words, behind) in [(" (", &self.items, ")"), ("; ", &self.why, "")] {
            if !words.is_empty() {
                write!(formatter, "{before}{}{behind}", words.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Tells one partition.
pub(super) struct Messenger<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    frame: &'a Frame,
    report: Option<RefCell<AgentReport>>,
}

impl<'a> Messenger<'a> {
    /// A partition that is to have an agent must have a session: it is not changed behind its agent's back.
    pub(super) fn to(lab: &'a Lab, partition: &'a Partition, frame: &'a Frame) -> Result<Self, Error> {
        let spec = &partition.spec;
        if spec.agent {
            lab.agents.wait_active(&frame.spec.name, &spec.name, SESSION_DEADLINE)?;
        }
        Ok(Self { lab, partition, frame, report: spec.agent.then(RefCell::default) })
    }

    /// All that its agent said, where it has one.
    pub(super) fn report(&self) -> Option<AgentReport> {
        self.report.as_ref().map(|report| report.borrow().clone())
    }

    /// Tells it. Its refusal comes back as words; an error is a console or a partition that does not answer.
    pub(super) fn tell(&self, resource: Resource, direction: Direction, number: u32) -> Result<Option<String>, Error> {
        let (lab, console, name) = (self.lab, &self.frame.console, &self.partition.spec.name);
        let Some(report) = &self.report else {
            let line = dlpar_line(resource, direction, number);
            let deadline = TAKE_UP_DEADLINE + QUICK;
            return lab.guests.try_write(console, name, "/sys/kernel/dlpar", line.as_bytes(), deadline);
        };
        let resize = resize(resource, direction, number);
        let answer = lab.agents.ask(console, name, Request::Resize(resize), TAKE_UP_DEADLINE + QUICK)?;
        Ok(note(answer, &mut report.borrow_mut()))
    }
}

/// Adds an answer to the report; its refusal, if it is one. What is there already was taken up before it was asked for.
fn note(answer: Answer, report: &mut AgentReport) -> Option<String> {
    report.asked += 1;
    let refusal = match answer {
        Answer::Resize(ResizeOutcome { verdict: Verdict::Complete, done, items, .. }) => {
            report.done += done;
            report.items.extend(items);
            return None;
        }
        Answer::Resize(ResizeOutcome { shortfall: Some(shortfall), .. }) if shortfall.cause == Cause::AlreadyDone => {
            report.why.push(shortfall.text);
            return None;
        }
        Answer::Resize(ResizeOutcome { verdict, shortfall, .. }) => {
            shortfall.map_or_else(|| format!("it says {verdict:?} and not why"), |shortfall| shortfall.text)
        }
        Answer::Failed(failure) => failure.text,
        Answer::Refused(refusal) => refusal.text,
        other => format!("it answered something else: {other:?}"),
    };
    report.why.push(refusal.clone());
    Some(refusal)
}

fn resize(resource: Resource, direction: Direction, number: u32) -> Resize {
    let action = match direction {
        Direction::Add => dlpar::Direction::Add,
        Direction::Remove => dlpar::Direction::Remove,
    };
    let index = drc_index(resource, number);
    let change = match resource {
        Resource::Cpu => dlpar::Change::Cpu { action, target: CpuTarget::Index(index) },
        Resource::Mem => dlpar::Change::Memory { action, target: MemoryTarget::Index(index) },
    };
    let deadline_ms = u64::try_from(TAKE_UP_DEADLINE.as_millis()).unwrap_or(u64::MAX);
    Resize { change, deadline_ms, allow_partial: false, dry_run: false }
}

fn drc_index(resource: Resource, number: u32) -> DrcIndex {
    DrcIndex(number | if resource == Resource::Cpu { CPU_DRC } else { LMB_DRC })
}

/// The kernel's grammar (arch/powerpc/platforms/pseries/dlpar.c); `number` is a core's or a block's.
fn dlpar_line(resource: Resource, direction: Direction, number: u32) -> String {
    let action = match direction {
        Direction::Add => "add",
        Direction::Remove => "remove",
    };
    let kind = match resource {
        Resource::Cpu => "cpu",
        Resource::Mem => "memory",
    };
    format!("{kind} {action} index {}\n", drc_index(resource, number))
}

#[cfg(test)]
mod tests {
    use wire::message::answer::{Refusal, RefusalReason};
    use wire::message::dlpar::Shortfall;

    use super::*;

    #[test]
    fn a_partition_is_told_by_drc_index() {
        assert_eq!(dlpar_line(Resource::Mem, Direction::Remove, 4), "memory remove index 0x80000004\n");
        assert_eq!(dlpar_line(Resource::Cpu, Direction::Add, 3), "cpu add index 0x10000003\n");
        let index = DrcIndex(0x8000_0004);
        let expected = dlpar::Change::Memory { action: dlpar::Direction::Remove, target: MemoryTarget::Index(index) };
        assert_eq!(resize(Resource::Mem, Direction::Remove, 4).change, expected);
        let index = DrcIndex(0x1000_0003);
        let expected = dlpar::Change::Cpu { action: dlpar::Direction::Add, target: CpuTarget::Index(index) };
        assert_eq!(resize(Resource::Cpu, Direction::Add, 3).change, expected);
    }

    fn outcome(verdict: Verdict, done: u64, shortfall: Option<Cause>) -> Answer {
        let shortfall =
            shortfall.map(|cause| Shortfall { cause, text: "why".into(), errno: None, firmware: None, index: None });
        Answer::Resize(ResizeOutcome { verdict, asked: 1, done, items: vec!["CPU 3".into()], shortfall })
    }

    #[test]
    fn an_answer_is_done_there_already_or_a_refusal() {
        let refused = Answer::Refused(Refusal { reason: RefusalReason::Observer, text: "only watching".into() });
        for (answer, refusal, done) in [
            (outcome(Verdict::Complete, 1, None), None, 1),
            (outcome(Verdict::Unchanged, 0, Some(Cause::AlreadyDone)), None, 0),
            (outcome(Verdict::Unchanged, 0, Some(Cause::InUse)), Some("why"), 0),
            (outcome(Verdict::Stuck, 0, None), Some("it says Stuck and not why"), 0),
            (refused, Some("only watching"), 0),
            (Answer::Done {}, Some("it answered something else: Done"), 0),
        ] {
            let mut report = AgentReport::default();
            assert_eq!(note(answer.clone(), &mut report).as_deref(), refusal, "{answer:?}");
            assert_eq!((report.asked, report.done), (1, done), "{answer:?}");
            assert!(report.to_string().starts_with(&format!("{done} of 1 done")), "{report}");
            assert_eq!(report.why.is_empty(), done == 1, "{answer:?}");
        }
    }
}
