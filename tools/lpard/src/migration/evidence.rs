//! Whether the partition has moved, for one who was not there: from its identity before and now, and from the kernel's log.

use platform::mobility::{self, Event, Progress};
use wire::message::inventory::Machine;

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    Yes,
    No,
    /// The identity is the same, as it is where firmware does not update the device tree, and the log says nothing.
    Unknown,
}

/// Judges. `log` is the kernel's log since the suspension began, the oldest line first; what counts in it is the last word on the
/// migration.
pub(crate) fn moved<'a>(
    before: Option<&Machine>,
    now: Option<&Machine>,
    log: impl IntoIterator<Item = &'a str>,
) -> Moved {
    if let (Some(before), Some(now)) = (before, now) {
        if before != now {
            return Moved::Yes;
        }
    }
    let events: Vec<Event> = log.into_iter().filter_map(mobility::parse).collect();
    match events.iter().rev().find_map(|event| event.progress()) {
        // The hypervisor called it off before the partition was to stop.
        None if events.iter().any(|event| matches!(event, Event::Unexpected { .. } | Event::PollFailed { .. })) => {
            Moved::No
        }
        Some(Progress::Resumed | Progress::Transferring | Progress::Completed) => Moved::Yes,
        Some(Progress::Failed) => Moved::No,
        Some(Progress::Suspending) | None => Moved::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(serial: &str) -> Machine {
        Machine { type_model: "9009-42A".into(), serial: serial.into() }
    }

    #[test]
    fn the_identity_is_believed_before_the_log_and_the_log_by_its_last_word() {
        let (here, there) = (machine("7800001"), machine("7800002"));
        let suspend = "mobility: calling ibm,suspend-me on CPU 0";
        let woken = "mobility: CPU 0 waking all threads";
        let failed = "mobility: Partition suspend attempt 5 of 5 error: -5";
        let called_off = "mobility: unexpected H_VASI_STATE result 2";
        let cases: [(_, _, &[&str], _); 10] = [
            (Some(&here), Some(&there), &[], Moved::Yes),
            (Some(&here), Some(&there), &[suspend, failed], Moved::Yes),
            (Some(&here), Some(&here), &[], Moved::Unknown),
            (Some(&here), Some(&here), &[suspend], Moved::Unknown),
            (Some(&here), Some(&here), &[suspend, woken], Moved::Yes),
            (Some(&here), Some(&here), &[suspend, woken, "usb 1-1: new device", suspend, failed], Moved::No),
            (None, Some(&here), &[suspend, failed, suspend, woken], Moved::Yes),
            (Some(&here), Some(&here), &[called_off], Moved::No),
            (Some(&here), Some(&here), &[suspend, woken, called_off], Moved::Yes),
            (None, None, &["unrelated"], Moved::Unknown),
        ];
        for (before, now, log, expected) in cases {
            assert_eq!(moved(before, now, log.iter().copied()), expected, "{before:?} {now:?} {log:?}");
        }
    }
}
