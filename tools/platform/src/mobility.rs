//! What the kernel says about a migration: the lines that it logs, and the hypervisor's states in them.
//!
//! Source of the lines: Linux 6.1 to 7.2, arch/powerpc/platforms/pseries/mobility.c. Older kernels (3.2 of the article) log the
//! first of them without the prefix `mobility:` and with a small `cpu`.

use std::fmt;

use serde::Serialize;

use crate::kernellog::message;
use crate::rtas::status::{Call, meaning};

/// A state of the stream through which the hypervisor moves the partition. (Linux, asm/hvcall.h, H_VASI_*)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VasiState {
    /// There is no such stream.
    Invalid,
    /// The memory is being copied while the partition runs.
    Enabled,
    /// The migration is given up.
    Aborted,
    /// The partition should suspend itself now.
    Suspending,
    /// It has.
    Suspended,
    /// It runs on the destination; some of its memory may still be on the way.
    Resumed,
    /// All of it is there.
    Completed,
    /// Not defined.
    Other(i64),
}

impl VasiState {
    /// From the hypervisor's number.
    pub fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Invalid,
            1 => Self::Enabled,
            2 => Self::Aborted,
            3 => Self::Suspending,
            4 => Self::Suspended,
            5 => Self::Resumed,
            6 => Self::Completed,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for VasiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("there is no such migration"),
            Self::Enabled => f.write_str("the memory is being copied"),
            Self::Aborted => f.write_str("the migration is given up"),
            Self::Suspending => f.write_str("the partition should suspend"),
            Self::Suspended => f.write_str("the partition is suspended"),
            Self::Resumed => f.write_str("the partition runs on the destination"),
            Self::Completed => f.write_str("the migration is completed"),
            Self::Other(number) => write!(f, "state {number}, which is not defined"),
        }
    }
}

/// What a line says. Numbers are the kernel's; errors are negative errno values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the kernel's numbers, the Display below says what they are
pub enum Event {
    /// The last processor asks the firmware to suspend the partition. The next line is logged after the resumption.
    SuspendCalled { cpu: i64 },
    /// The firmware refused; a status of `ibm,suspend-me`.
    SuspendRefused { status: i64 },
    /// The partition runs again, here or there.
    Woken { cpu: i64 },
    /// An attempt to suspend failed.
    AttemptFailed { attempt: i64, of: i64, error: i64 },
    /// It will be tried again.
    RetryLater { after_ms: i64 },
    /// The hypervisor was not in the state that allows another attempt.
    GivenUp { state: VasiState },
    /// The hypervisor could not be asked.
    PollFailed { error: i64 },
    /// The hypervisor was in a state that the kernel did not expect.
    Unexpected { state: VasiState },
    /// The partition runs on the destination and waits for the rest of its memory.
    WaitingForTransfer,
    /// All is done.
    TransferCompleted,
    /// The partition runs on the destination; whether all of its memory is there could not be asked.
    TransferUnconfirmed { error: i64 },
    /// The device tree could not be brought up to date.
    DeviceTreeFailed { error: i64 },
    /// A processor could not be stopped.
    JoinFailed { error: i64, cpu: i64 },
    /// The hypervisor could not be told that the kernel gave up.
    CancelFailed { error: i64 },
}

/// From a line's numbers to what it says.
type Make = fn(Numbers) -> Event;

/// A line has three numbers at most.
type Numbers = [i64; 3];

/// The kernel's formats, `{}` for a number, and what they make.
const FORMATS: [(&str, Make); 15] = [
    ("calling ibm,suspend-me on CPU {}", |[cpu, ..]| Event::SuspendCalled { cpu }),
    ("calling ibm,suspend-me on cpu {}", |[cpu, ..]| Event::SuspendCalled { cpu }),
    ("ibm,suspend-me error: {}", |[status, ..]| Event::SuspendRefused { status }),
    ("CPU {} waking all threads", |[cpu, ..]| Event::Woken { cpu }),
    ("Partition suspend attempt {} of {} error: {}", |[attempt, of, error]| Event::AttemptFailed {
        attempt,
        of,
        error,
    }),
    ("Will retry partition suspend after {} ms", |[after_ms, ..]| Event::RetryLater { after_ms }),
    ("VASI state {} after failed suspend", |[state, ..]| Event::GivenUp { state: VasiState::from_number(state) }),
    ("VASI state poll error: {}", |[error, ..]| Event::PollFailed { error }),
    ("unexpected H_VASI_STATE result {}", |[state, ..]| Event::Unexpected { state: VasiState::from_number(state) }),
    ("waiting for memory transfer to complete...", |_| Event::WaitingForTransfer),
    ("memory transfer completed.", |_| Event::TransferCompleted),
    ("H_VASI_STATE return error ({})", |[error, ..]| Event::TransferUnconfirmed { error }),
    ("device tree update failed: {}", |[error, ..]| Event::DeviceTreeFailed { error }),
    ("H_JOIN error {} on CPU {}", |[error, cpu, _]| Event::JoinFailed { error, cpu }),
    ("H_VASI_SIGNAL error: {}", |[error, ..]| Event::CancelFailed { error }),
];

/// Sees when migrations are over, from one event to the next.
#[derive(Debug, Default, Clone, Copy)]
pub struct Watch {
    is_transferring: bool,
}

impl Watch {
    /// Whether this event, the next one, ends a migration that came about. A state that the kernel did not expect ends it too where
    /// it waited for the transfer; before the suspension the kernel says the same in the same words, and gives up.
    pub fn is_over(&mut self, event: &Event) -> bool {
        let ends_transfer = self.is_transferring && matches!(event, Event::Unexpected { .. });
        self.is_transferring = *event == Event::WaitingForTransfer;
        ends_transfer || event.progress() == Some(Progress::Completed)
    }
}

/// Reads a line of the kernel's log. None when it is about something else.
pub fn parse(line: &str) -> Option<Event> {
    let message = message(line);
    let message = message.strip_prefix("mobility: ").unwrap_or(message);
    FORMATS.iter().find_map(|(format, event)| numbers(message, format).map(event))
}

/// The numbers of a message that has this format. Those that the format has not are 0.
fn numbers(message: &str, format: &str) -> Option<Numbers> {
    let mut found = [0; 3];
    let mut pieces = format.split("{}");
    let mut rest = message.strip_prefix(pieces.next()?)?;
    for (slot, piece) in found.iter_mut().zip(pieces) {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '-').unwrap_or(rest.len());
        *slot = rest[..end].parse().ok()?;
        rest = rest[end..].strip_prefix(piece)?;
    }
    rest.is_empty().then_some(found)
}

/// How far a migration is, for who only watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The partition is about to stop, or tries to.
    Suspending,
    /// It runs again; where, its identity tells.
    Resumed,
    /// It runs on the destination, which fetches the rest of its memory.
    Transferring,
    /// The migration is over.
    Completed,
    /// The migration did not happen.
    Failed,
}

impl Event {
    /// What the line means for the migration; none when it changes nothing.
    pub fn progress(self) -> Option<Progress> {
        match self {
            Self::SuspendCalled { .. } | Self::RetryLater { .. } => Some(Progress::Suspending),
            Self::Woken { .. } => Some(Progress::Resumed),
            Self::WaitingForTransfer => Some(Progress::Transferring),
            Self::TransferCompleted | Self::TransferUnconfirmed { .. } => Some(Progress::Completed),
            Self::GivenUp { .. } => Some(Progress::Failed),
            Self::AttemptFailed { attempt, of, .. } if attempt == of => Some(Progress::Failed),
            _ => None,
        }
    }
}

/// One sentence, without a full stop.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SuspendCalled { cpu } => write!(f, "processor {cpu} asks the firmware to suspend the partition"),
            Self::SuspendRefused { status } => {
                let words = i32::try_from(*status)
                    .map_or_else(|_| "no status".into(), |status| meaning(Call::SuspendMe, status));
                write!(f, "the firmware did not suspend the partition: {words} ({status})")
            }
            Self::Woken { cpu } => write!(f, "the partition runs again; processor {cpu} wakes the others"),
            Self::AttemptFailed { attempt, of, error } => {
                write!(f, "attempt {attempt} of {of} to suspend the partition failed (error {error})")
            }
            Self::RetryLater { after_ms } => write!(f, "the kernel tries again after {after_ms} ms"),
            Self::GivenUp { state } => write!(f, "the kernel gives up, the hypervisor says: {state}"),
            Self::PollFailed { error } => write!(f, "the hypervisor could not be asked for its state (error {error})"),
            Self::Unexpected { state } => write!(f, "the kernel did not expect what the hypervisor says: {state}"),
            Self::WaitingForTransfer => {
                f.write_str("the partition runs on the destination and waits for the rest of its memory")
            }
            Self::TransferCompleted => f.write_str("all memory has arrived"),
            Self::TransferUnconfirmed { error } => {
                write!(f, "whether all memory has arrived the hypervisor does not tell (error {error})")
            }
            Self::DeviceTreeFailed { error } => {
                write!(f, "the device tree could not be brought up to date (error {error})")
            }
            Self::JoinFailed { error, cpu } => write!(f, "processor {cpu} could not be stopped (error {error})"),
            Self::CancelFailed { error } => {
                write!(f, "the hypervisor could not be told that the kernel gave up (error {error})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_a_migration_are_typed() {
        let cases = [
            ("mobility: calling ibm,suspend-me on CPU 0", Event::SuspendCalled { cpu: 0 }, Some(Progress::Suspending)),
            (
                "[539043.613297] calling ibm,suspend-me on cpu 4",
                Event::SuspendCalled { cpu: 4 },
                Some(Progress::Suspending),
            ),
            ("mobility: ibm,suspend-me error: -9005", Event::SuspendRefused { status: -9005 }, None),
            (
                "mobility: Partition suspend attempt 1 of 5 error: -11",
                Event::AttemptFailed { attempt: 1, of: 5, error: -11 },
                None,
            ),
            (
                "mobility: Partition suspend attempt 5 of 5 error: -5",
                Event::AttemptFailed { attempt: 5, of: 5, error: -5 },
                Some(Progress::Failed),
            ),
            (
                "mobility: Will retry partition suspend after 1000 ms",
                Event::RetryLater { after_ms: 1000 },
                Some(Progress::Suspending),
            ),
            (
                "mobility: VASI state 2 after failed suspend",
                Event::GivenUp { state: VasiState::Aborted },
                Some(Progress::Failed),
            ),
            ("mobility: VASI state poll error: -22", Event::PollFailed { error: -22 }, None),
            ("mobility: CPU 0 waking all threads", Event::Woken { cpu: 0 }, Some(Progress::Resumed)),
            (
                "mobility: waiting for memory transfer to complete...",
                Event::WaitingForTransfer,
                Some(Progress::Transferring),
            ),
            ("mobility: memory transfer completed.", Event::TransferCompleted, Some(Progress::Completed)),
            (
                "mobility: H_VASI_STATE return error (-95)",
                Event::TransferUnconfirmed { error: -95 },
                Some(Progress::Completed),
            ),
            ("mobility: unexpected H_VASI_STATE result 7", Event::Unexpected { state: VasiState::Other(7) }, None),
            ("mobility: device tree update failed: -19", Event::DeviceTreeFailed { error: -19 }, None),
            ("mobility: H_JOIN error -1 on CPU 3", Event::JoinFailed { error: -1, cpu: 3 }, None),
            ("mobility: H_VASI_SIGNAL error: -4", Event::CancelFailed { error: -4 }, None),
        ];
        for (line, event, progress) in cases {
            assert_eq!(parse(line), Some(event), "{line}");
            assert_eq!(event.progress(), progress, "{line}");
            assert!(!event.to_string().is_empty());
        }
    }

    #[test]
    fn lines_that_are_nearly_the_kernels_are_none() {
        for line in
            ["", "mobility: CPU waking all threads", "CPU 0 waking all threads?", "mobility: CPU x waking all threads"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_refusal_of_the_firmware_is_explained() {
        let told = Event::SuspendRefused { status: -9005 }.to_string();
        assert_eq!(
            told,
            "the firmware did not suspend the partition: another processor thread of the partition is still active (-9005)"
        );
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_not(line in "(mobility: )?(VASI state |CPU |Partition suspend attempt )[0-9\\- a-z:]{0,40}") {
            let _ = parse(&line).map(|event| event.to_string());
        }
    }

    #[test]
    fn a_transfer_ends_in_one_of_four_ways_and_a_suspension_that_does_not_begin_is_none() {
        use Event::{SuspendCalled, TransferCompleted, TransferUnconfirmed, Unexpected, WaitingForTransfer};
        let unexpected = Unexpected { state: VasiState::Aborted };
        let cases: [(&[Event], bool); 5] = [
            (&[WaitingForTransfer, TransferCompleted], true),
            (&[WaitingForTransfer, TransferUnconfirmed { error: -5 }], true),
            (&[WaitingForTransfer, unexpected], true),
            (&[WaitingForTransfer, TransferCompleted, unexpected], false),
            (&[SuspendCalled { cpu: 0 }, unexpected], false),
        ];
        for (events, expected) in cases {
            let mut watch = Watch::default();
            let over: Vec<bool> = events.iter().map(|event| watch.is_over(event)).collect();
            assert_eq!(over.last(), Some(&expected), "{events:?}");
        }
    }
}
