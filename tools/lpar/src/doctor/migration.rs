//! Can the partition migrate while it runs, and how did the last migration go?

use platform::capability::Answer;
use platform::mobility::{Event, Progress};

use super::{Finding, Subject, Told};

const ABLE: Subject = Subject::new("can migrate", "/proc/device-tree/ibm,migratable-partition, /sys/kernel/mobility");
const LAST: Subject = Subject::new("last migration", "/dev/kmsg");
const HOOKS: Subject = Subject::new("hooks", "/etc/lparkit/hooks.d, /etc/drmgr.d");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) able: Answer,
    /// What the kernel's log says about migrations, the oldest first.
    pub(crate) log: Told<Vec<Event>>,
    pub(crate) hooks: Told<Vec<Hook>>,
}

/// A file where hooks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// `etc/lparkit/hooks.d/check/10-database`.
    pub(crate) path: String,
    /// Why it never runs.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Why the agent does not run a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Its owner may not execute it.
    NotExecutable,
    /// Everybody may write to it.
    Writable,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    vec![able(&seen.able), LAST.judge(&seen.log, |log| last(log)), HOOKS.judge(&seen.hooks, |found| hooks(found))]
}

fn able(answer: &Answer) -> Finding {
    match answer {
        Answer::Yes => ABLE.ok("the firmware marks it as migratable, and the kernel can"),
        Answer::No(why) => ABLE.warn(
            why.clone(),
            "the mark comes from the partition's profile on the console; without physical I/O it is set by default",
        ),
    }
}

fn last(log: &[Event]) -> Finding {
    let Some(progress) = log.iter().rev().find_map(|event| event.progress()) else {
        return LAST.ok("none since the kernel started, as far as its log goes back");
    };
    let stale = of_the_last(log).iter().rev().find(|event| matches!(event, Event::DeviceTreeFailed { .. }));
    match (progress, stale) {
        (_, Some(event)) => LAST.fail(event.to_string(), "systemctl restart lpard; if it stays so, reboot"),
        (Progress::Failed, _) => {
            let why = log.iter().rev().find(|event| !matches!(event, Event::Woken { .. }));
            let why = why.map(ToString::to_string).unwrap_or_default();
            LAST.warn(
                format!("it did not happen: {why}"),
                "the partition goes on where it was; try again, the console says why",
            )
        }
        (Progress::Completed, _) => LAST.ok("completed"),
        (Progress::Suspending | Progress::Resumed | Progress::Transferring, _) => {
            LAST.warn("under way", "wait until it is over")
        }
    }
}

/// A later migration brings the device tree up to date again: what the kernel says before it asks firmware to suspend is of
/// the ones before. A log that does not go back so far is all of the last one.
fn of_the_last(log: &[Event]) -> &[Event] {
    let begins = log.iter().rposition(|event| matches!(event, Event::SuspendCalled { .. }));
    &log[begins.unwrap_or(0)..]
}

/// A hook without permission to run is most probably not what its author wanted.
fn hooks(found: &[Hook]) -> Finding {
    let with = |obstacle| -> Vec<String> {
        let those = found.iter().filter(|hook| hook.obstacle == Some(obstacle));
        those.map(|hook| format!("/{}", hook.path)).collect()
    };
    let (not_executable, writable) = (with(Obstacle::NotExecutable).join(" "), with(Obstacle::Writable).join(" "));
    match (found.len(), not_executable.as_str(), writable.as_str()) {
        (0, ..) => HOOKS.ok("none"),
        (count, "", "") => HOOKS.ok(format!("{count}, all can run")),
        (_, "", writable) => HOOKS.warn(
            format!("everybody may write to them, and so they never run: {writable}"),
            format!("chmod o-w {writable}"),
        ),
        (_, names, _) => HOOKS
            .warn(format!("not executable, and so never run: {names}"), format!("chmod +x {names}, or remove them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_last_migration_counts() {
        use Event::{AttemptFailed, DeviceTreeFailed, SuspendCalled, TransferUnconfirmed, WaitingForTransfer, Woken};
        let called = SuspendCalled { cpu: 0 };
        let woken = Woken { cpu: 0 };
        let done = TransferUnconfirmed { error: -95 };
        let gave_up = AttemptFailed { attempt: 5, of: 5, error: -5 };
        let stale = DeviceTreeFailed { error: -19 };
        let cases: [(&[Event], Verdict); 8] = [
            (&[], Verdict::Ok),
            (&[called, woken, WaitingForTransfer, done], Verdict::Ok),
            (&[called, woken, WaitingForTransfer], Verdict::Warn),
            (&[called, gave_up], Verdict::Warn),
            (&[called, gave_up, called, woken, WaitingForTransfer, done], Verdict::Ok),
            (&[called, woken, stale, WaitingForTransfer, done], Verdict::Fail),
            (&[woken, stale, WaitingForTransfer, done], Verdict::Fail),
            (&[called, woken, stale, WaitingForTransfer, done, called, woken, WaitingForTransfer, done], Verdict::Ok),
        ];
        for (log, verdict) in cases {
            assert_eq!(last(log).verdict, verdict, "{log:?}");
        }
        assert!(last(&[called, gave_up]).found.contains("attempt 5 of 5"));
    }

    #[test]
    fn a_hook_that_cannot_run_is_named() {
        let hook = |path: &str, obstacle| Hook { path: path.into(), obstacle };
        assert_eq!(hooks(&[]).verdict, Verdict::Ok);
        assert_eq!(hooks(&[hook("etc/a", None)]).verdict, Verdict::Ok);
        let found = hooks(&[hook("etc/a", None), hook("etc/b", Some(Obstacle::NotExecutable))]);
        assert_eq!((found.verdict, found.mend.as_deref()), (Verdict::Warn, Some("chmod +x /etc/b, or remove them")));
        let found = hooks(&[hook("etc/c", Some(Obstacle::Writable))]);
        assert_eq!((found.verdict, found.mend.as_deref()), (Verdict::Warn, Some("chmod o-w /etc/c")));
    }

    #[test]
    fn a_partition_that_cannot_migrate_says_why() {
        assert_eq!(able(&Answer::Yes).verdict, Verdict::Ok);
        assert_eq!(able(&Answer::No("no flag".into())).found, "no flag");
    }
}
