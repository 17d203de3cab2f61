//! Is the clock in step with the rest of the world?
//!
//! A session does not need it: keys have no date. People do, who compare the logs of partition and console.

use super::{Finding, Subject, Told};

const CLOCK: Subject = Subject::new("a time service", "/run/systemd/timesync/synchronized, /proc");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// systemd-timesyncd has set the clock since boot.
    pub(crate) is_synchronized: bool,
    /// The time services that run.
    pub(crate) services: Told<Vec<&'static str>>,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    vec![CLOCK.judge(&seen.services, |services| in_step(seen.is_synchronized, services))]
}

fn in_step(is_synchronized: bool, services: &[&str]) -> Finding {
    match (is_synchronized, services) {
        (true, _) => CLOCK.ok("systemd-timesyncd has set the clock"),
        (false, []) => CLOCK.warn(
            "none runs: the logs of partition and console will drift apart",
            "apt install systemd-timesyncd, or chrony",
        ),
        (false, ["systemd-timesyn"]) => {
            CLOCK.warn("systemd-timesyncd runs and has not set the clock yet", "timedatectl timesync-status")
        }
        (false, services) => CLOCK.ok(format!("{} runs", services.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn some_service_has_to_run() {
        let cases: [(bool, &[&str], Verdict); 4] = [
            (true, &[], Verdict::Ok),
            (false, &["chronyd"], Verdict::Ok),
            (false, &["systemd-timesyn"], Verdict::Warn),
            (false, &[], Verdict::Warn),
        ];
        for (is_synchronized, services, verdict) in cases {
            assert_eq!(in_step(is_synchronized, services).verdict, verdict);
        }
    }
}
