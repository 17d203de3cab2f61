//! Which call of dpkg runs which scriptlet with which `$1`: the one table that the generated scripts and the manual share.
//!
//! RPM's side: docs/man/rpm-scriptlets.7 and `rpmpsmNew` (lib/psm.cc) of rpm, checked by running rpm 4.18; dpkg's side:
//! Debian Policy 6.5 and 6.6.
//!
//! %preun and %postun of the old version run on `postrm upgrade`, not on `prerm upgrade`: only there are the new files
//! unpacked and those that only the old version has still present, as when rpm runs %preun; and an upgrade that its
//! %pre refuses has not run the old %preun, as with rpm. What differs from rpm: the new %post and %posttrans come after
//! the old %preun and %postun, because dpkg configures last, and %postun runs shortly before the old files go.

use crate::rpm::package::Slot;

/// The four maintainer scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // dpkg's names
pub enum Script {
    PreInst,
    PostInst,
    PreRm,
    PostRm,
}

impl Script {
    /// All four, in the order in which an installation and a removal call them.
    pub const ALL: [Script; 4] = [Script::PreInst, Script::PostInst, Script::PreRm, Script::PostRm];

    /// The name of the control file.
    pub fn name(self) -> &'static str {
        match self {
            Script::PreInst => "preinst",
            Script::PostInst => "postinst",
            Script::PreRm => "prerm",
            Script::PostRm => "postrm",
        }
    }
}

/// One way in which dpkg calls a maintainer script.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Which script.
    pub script: Script,
    /// Its `$1`.
    pub action: &'static str,
    /// Which of the calls with this `$1`.
    pub when: When,
    /// What is done, in order.
    pub steps: &'static [Step],
    /// For the manual: when dpkg does this, or why nothing is done.
    pub remark: &'static str,
}

/// `postinst configure` serves two cases that rpm tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whatever the other arguments are.
    Always,
    /// No version was configured before, or that version had been removed.
    First,
    /// A version is configured already.
    Upgrade,
}

/// One thing that a maintainer script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Runs a scriptlet.
    Run {
        /// Which.
        slot: Slot,
        /// Its `$1`: how many instances of the package rpm would count afterwards.
        count: u8,
        /// What a status other than 0 means.
        on_failure: OnFailure,
    },
    /// Creates users and groups that sysusers.d(5) lines declare.
    CreateAccounts,
    /// Sets owners, setuid bits and capabilities of files.
    SetOwners,
    /// Removes files that the RPM lists as `%ghost`.
    RemoveGhosts,
    /// Notes that a removed package is installed again: dpkg will call that an upgrade, rpm an installation.
    RememberReinstall,
    /// Forgets it.
    ForgetReinstall,
}

/// What rpm makes of a scriptlet that fails (`RPMSCRIPT_FLAG_CRITICAL` in lib/rpmscript.cc).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// A message, and dpkg's call fails: nothing is installed, or nothing removed.
    Stop,
    /// A message, nothing else.
    Warn,
    /// A message, and the steps that follow are left out. Where rpm keeps the old version beside the new one, which
    /// dpkg cannot.
    SkipRest,
}

const fn run(slot: Slot, count: u8, on_failure: OnFailure) -> Step {
    Step::Run { slot, count, on_failure }
}

const fn call(script: Script, action: &'static str, steps: &'static [Step], remark: &'static str) -> Call {
    Call { script, action, when: When::Always, steps, remark }
}

/// Every call that dpkg makes, with what answers it.
pub fn table() -> &'static [Call] {
    TABLE
}

static TABLE: &[Call] = &[
    call(
        Script::PreInst,
        "install",
        &[
            run(Slot::PreTrans, 1, OnFailure::Stop),
            Step::CreateAccounts,
            run(Slot::Pre, 1, OnFailure::Stop),
            Step::RememberReinstall,
        ],
        "the package is not installed",
    ),
    call(
        Script::PreInst,
        "upgrade",
        &[run(Slot::PreTrans, 2, OnFailure::Stop), Step::CreateAccounts, run(Slot::Pre, 2, OnFailure::Stop)],
        "another version, or the same one again, is installed",
    ),
    call(Script::PreInst, "abort-upgrade", &[], "the upgrade failed; rpm has no counterpart"),
    call(Script::PostInst, "configure", &[Step::SetOwners], "the files are unpacked"),
    Call {
        script: Script::PostInst,
        action: "configure",
        when: When::First,
        steps: &[run(Slot::Post, 1, OnFailure::Warn), run(Slot::PostTrans, 1, OnFailure::Warn)],
        remark: "first installation, or the package had been removed",
    },
    Call {
        script: Script::PostInst,
        action: "configure",
        when: When::Upgrade,
        // %posttrans: rpm before 4.18 gave it 1 here
        steps: &[run(Slot::Post, 2, OnFailure::Warn), run(Slot::PostTrans, 2, OnFailure::Warn)],
        remark: "upgrade",
    },
    call(Script::PostInst, "configure", &[Step::ForgetReinstall], "the end of a configuration"),
    call(Script::PostInst, "abort-upgrade", &[], "the upgrade failed; rpm has no counterpart"),
    call(Script::PostInst, "abort-remove", &[], "the removal failed; rpm has no counterpart"),
    call(Script::PostInst, "abort-deconfigure", &[], "rpm has no counterpart"),
    call(Script::PostInst, "triggered", &[], "the package is not interested in any trigger"),
    call(
        Script::PreRm,
        "upgrade",
        &[run(Slot::PreUnTrans, 1, OnFailure::Warn)],
        "before the new version is unpacked; %preun follows in postrm",
    ),
    call(
        Script::PreRm,
        "remove",
        &[run(Slot::PreUnTrans, 0, OnFailure::Stop), run(Slot::PreUn, 0, OnFailure::Stop)],
        "removal, also in favour of another package",
    ),
    call(Script::PreRm, "failed-upgrade", &[], "the old version's prerm failed"),
    call(Script::PreRm, "deconfigure", &[], "the files stay; rpm has no counterpart"),
    call(
        Script::PostRm,
        "upgrade",
        &[
            run(Slot::PreUn, 1, OnFailure::SkipRest),
            run(Slot::PostUn, 1, OnFailure::Warn),
            run(Slot::PostUnTrans, 1, OnFailure::Warn),
        ],
        "of the old version, when the new one is unpacked and files that only the old one has are still there",
    ),
    call(
        Script::PostRm,
        "remove",
        &[run(Slot::PostUn, 0, OnFailure::Warn), run(Slot::PostUnTrans, 0, OnFailure::Warn), Step::ForgetReinstall],
        "the files are gone, conffiles are not",
    ),
    call(
        Script::PostRm,
        "disappear",
        &[
            run(Slot::PreUn, 0, OnFailure::SkipRest),
            run(Slot::PostUn, 0, OnFailure::Warn),
            run(Slot::PostUnTrans, 0, OnFailure::Warn),
            Step::ForgetReinstall,
        ],
        "other packages have taken over every file",
    ),
    call(Script::PostRm, "purge", &[Step::RemoveGhosts, Step::ForgetReinstall], "rpm has no counterpart"),
    call(Script::PostRm, "abort-install", &[Step::ForgetReinstall], "%pre refused, or unpacking failed"),
    call(Script::PostRm, "abort-upgrade", &[], "the upgrade failed; rpm has no counterpart"),
    call(Script::PostRm, "failed-upgrade", &[], "rpm has no counterpart"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_scriptlet_of_an_operation_is_in_the_table_once_for_install_upgrade_and_removal() {
        let counts = |slot: Slot| {
            let mut counts: Vec<u8> = TABLE
                .iter()
                .filter(|call| call.action != "disappear")
                .flat_map(|call| call.steps)
                .filter_map(|step| match step {
                    Step::Run { slot: other, count, .. } if *other == slot => Some(*count),
                    _ => None,
                })
                .collect();
            counts.sort_unstable();
            counts
        };
        for slot in [Slot::PreTrans, Slot::Pre, Slot::Post, Slot::PostTrans] {
            assert_eq!(counts(slot), [1, 2], "{}", slot.name());
        }
        for slot in [Slot::PreUnTrans, Slot::PreUn, Slot::PostUn, Slot::PostUnTrans] {
            assert_eq!(counts(slot), [0, 1], "{}", slot.name());
        }
        assert!(counts(Slot::Verify).is_empty());
    }

    #[test]
    fn every_call_of_debian_policy_is_answered() {
        let policy = [
            (Script::PreInst, "install upgrade abort-upgrade"),
            (Script::PostInst, "configure abort-upgrade abort-remove abort-deconfigure triggered"),
            (Script::PreRm, "upgrade remove failed-upgrade deconfigure"),
            (Script::PostRm, "upgrade remove disappear purge abort-install abort-upgrade failed-upgrade"),
        ];
        for (script, actions) in policy {
            for action in actions.split(' ') {
                assert!(TABLE.iter().any(|call| call.script == script && call.action == action), "{script:?} {action}");
            }
        }
    }
}
