//! Can the partition be resized while it runs?

use platform::capability::{Answer, Capabilities, Fact};

use super::{Finding, Subject};

const DLPAR: Subject = Subject::new("kernel takes requests", "/sys/kernel/dlpar");
const CPU: Subject = Subject::new("processors", "/sys/kernel/dlpar, /sys/devices/system/cpu");
const MEMORY: Subject = Subject::new("memory", "/sys/kernel/dlpar, /sys/devices/system/memory");
const SLOT: Subject =
    Subject::new("slots and host bridges", "/sys/bus/pci/slots/control, /sys/kernel/security/lockdown");
const OTHERS: Subject = Subject::new("nobody else resizes", "/var/lock/dr_config_lock");

const RESIZABLE: &str = "can be added and removed";
const KERNEL: &str = "lpar-kconfig check names the kernel options; Debian's own kernels have them";

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) capabilities: Capabilities,
    /// Who says in the lock's file that it resizes the partition.
    pub(crate) holder: Option<String>,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let answer = |fact| seen.capabilities.answer(fact);
    vec![
        needed(DLPAR, answer(Fact::Dlpar), "yes"),
        needed(CPU, answer(Fact::Cpu), RESIZABLE),
        needed(MEMORY, answer(Fact::Memory), RESIZABLE),
        useful(SLOT, answer(Fact::Slot)),
        undisturbed(seen.holder.as_deref()),
    ]
}

/// A console refuses to resize or to migrate a partition that cannot do this.
fn needed(subject: Subject, answer: &Answer, yes: &str) -> Finding {
    match answer {
        Answer::Yes => subject.ok(yes),
        Answer::No(why) => subject.fail(why.clone(), KERNEL),
    }
}

fn useful(subject: Subject, answer: &Answer) -> Finding {
    match answer {
        Answer::Yes => subject.ok(RESIZABLE),
        Answer::No(why) => subject.warn(why.clone(), KERNEL),
    }
}

fn undisturbed(holder: Option<&str>) -> Finding {
    match holder {
        None => OTHERS.ok("the lock is free"),
        Some(holder) => OTHERS.warn(
            format!("a change is under way: process {holder}"),
            "wait for it; lpar dlpar and drmgr wait by themselves",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_a_console_insists_on_fails_and_the_rest_warns() {
        let no = Answer::No("because".into());
        let cases = [
            (needed(CPU, &Answer::Yes, RESIZABLE), Verdict::Ok),
            (needed(CPU, &no, RESIZABLE), Verdict::Fail),
            (useful(SLOT, &Answer::Yes), Verdict::Ok),
            (useful(SLOT, &no), Verdict::Warn),
            (undisturbed(None), Verdict::Ok),
            (undisturbed(Some("812 drmgr -c cpu")), Verdict::Warn),
        ];
        for (finding, verdict) in cases {
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
        assert_eq!(needed(CPU, &no, RESIZABLE).found, "because");
    }

    #[test]
    fn a_capable_guest_is_all_ok() {
        let findings = judge(&Seen { capabilities: Capabilities::all(), holder: None });
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:?}");
    }
}
