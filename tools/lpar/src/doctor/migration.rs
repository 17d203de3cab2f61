//! Can the partition migrate while it runs, and how did the last migration go?

use std::time::Duration;

use platform::capability::Answer;
use platform::mobility::{Event, Progress, Watch};

use super::{Finding, Subject, Told};

const ABLE: Subject = Subject::new("can migrate", "/proc/device-tree/ibm,migratable-partition, /sys/kernel/mobility");
const LAST: Subject = Subject::new("last migration", "/dev/kmsg");
const SINCE: Subject = Subject::new("a console has it since", "/dev/kmsg, the agent, RSCT");
const HOOKS: Subject = Subject::new("hooks", "/etc/lparkit/hooks.d, /etc/drmgr.d");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) able: Answer,
    /// What the kernel's log says about migrations, the oldest first.
    pub(crate) log: Told<Vec<Event>>,
    /// How long ago the partition moved, as far as the kernel's log goes back.
    pub(crate) moved_ago: Told<Option<Duration>>,
    /// Whether a console has a session with it now; none when nobody can say.
    pub(crate) is_connected: Option<bool>,
    /// RSCT is there: the console talks to it.
    pub(crate) has_rsct: bool,
    pub(crate) hooks: Told<Vec<Hook>>,
}

/// A console that has not found the partition by then needs help.
const LATELY: Duration = Duration::from_secs(10 * 60);

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
    vec![
        able(&seen.able),
        LAST.judge(&seen.log, |log| last(log)),
        SINCE.judge(&seen.moved_ago, |ago| since(*ago, seen.is_connected, seen.has_rsct)),
        HOOKS.judge(&seen.hooks, |found| hooks(found)),
    ]
}

/// Where it arrives another console manages it, which has to be met first.
fn since(moved_ago: Option<Duration>, is_connected: Option<bool>, has_rsct: bool) -> Finding {
    let Some(ago) = moved_ago.filter(|ago| *ago <= LATELY) else {
        return SINCE.ok("it has not moved in the last ten minutes");
    };
    let moved = format!("it moved {} s ago", ago.as_secs());
    match is_connected {
        Some(true) => SINCE.ok(format!("{moved}, and a console has it")),
        None => SINCE.cannot_tell(format!("{moved}; nobody tells of a console"), None),
        Some(false) if has_rsct => SINCE.warn(
            format!("{moved}, and no console has it since"),
            "wait five minutes; then /opt/rsct/bin/rmcctrl -z && /opt/rsct/bin/rmcctrl -A && /opt/rsct/bin/rmcctrl -p",
        ),
        Some(false) => SINCE.warn(
            format!("{moved}, and no console has it since"),
            "the console there has to be trusted (lpar trust list); systemctl reload lpard looks for it at once",
        ),
    }
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
    let mut watch = Watch::default();
    let progress = |event: &Event| if watch.is_over(event) { Some(Progress::Completed) } else { event.progress() };
    let Some(progress) = log.iter().filter_map(progress).last() else {
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
    use platform::mobility::VasiState;

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
        let unexpected = Event::Unexpected { state: VasiState::Aborted };
        let cases: [(&[Event], Verdict); 9] = [
            (&[], Verdict::Ok),
            (&[called, woken, WaitingForTransfer, done], Verdict::Ok),
            (&[called, woken, WaitingForTransfer], Verdict::Warn),
            (&[called, woken, WaitingForTransfer, unexpected], Verdict::Ok),
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
    fn after_a_migration_a_console_has_to_find_it() {
        let at = |seconds| Some(Duration::from_secs(seconds));
        let cases = [
            (None, Some(false), Verdict::Ok),
            (at(700), Some(false), Verdict::Ok),
            (at(60), Some(true), Verdict::Ok),
            (at(60), Some(false), Verdict::Warn),
            (at(60), None, Verdict::CannotTell),
        ];
        for (ago, is_connected, verdict) in cases {
            assert_eq!(since(ago, is_connected, false).verdict, verdict, "{ago:?} {is_connected:?}");
        }
        let advice = |has_rsct| since(at(60), Some(false), has_rsct).mend.unwrap();
        assert!(advice(true).contains("rmcctrl -z") && advice(false).contains("reload lpard"));
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
