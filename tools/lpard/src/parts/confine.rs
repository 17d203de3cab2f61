//! Giving up all rights that the network part does not need. Nothing gives them back.

use std::os::unix::process::parent_id;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetStatus,
    Scope,
};
use nix::sys::prctl::{set_dumpable, set_no_new_privs, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use super::message::{Confinement, Landlock, UserNumbers};

/// The newest version of Landlock whose rules are known here; older kernels do what they can.
const LANDLOCK: ABI = ABI::V6;

/// Why the part must not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfineError {
    /// A right could not be given up.
    #[error("{what}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: nix::Error,
    },
    /// The kernel has Landlock and does not take the rules.
    #[error("give up the file system (Landlock)")]
    Landlock(#[from] landlock::RulesetError),
    /// The root part ended before this one knew that it belongs to it.
    #[error("the root part has ended")]
    Orphan,
}

/// Ends with the root part, even when that is killed. Where systemd starts the parts it is not the parent, and ends both.
pub(crate) fn end_with(parent: i32) -> Result<(), ConfineError> {
    if u32::try_from(parent) != Ok(parent_id()) {
        // Either systemd is the parent, or the root part has ended already: then the end of the socket tells.
        return Ok(());
    }
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|source| ConfineError::Refused { what: "end with the root part", source })?;
    if u32::try_from(parent) == Ok(parent_id()) { Ok(()) } else { Err(ConfineError::Orphan) }
}

/// Becomes a user without rights, on whose behalf nothing can be opened. Files and sockets that are open stay open.
pub(crate) fn confine(user: Option<UserNumbers>) -> Result<Confinement, ConfineError> {
    if let Some(user) = user {
        become_user(user)?;
    }
    let refused = |what| move |source| ConfineError::Refused { what, source };
    set_no_new_privs().map_err(refused("give up new privileges"))?;
    set_dumpable(false).map_err(refused("hide the memory from others"))?;
    let landlock = give_up_files()?;
    Ok(Confinement { unprivileged: !geteuid().is_root(), no_new_privileges: true, landlock })
}

/// With the user go the capabilities: they are root's.
fn become_user(UserNumbers { uid, gid }: UserNumbers) -> Result<(), ConfineError> {
    let refused = |what| move |source| ConfineError::Refused { what, source };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setgroups(&[]).map_err(refused("give up groups"))?;
    setresgid(gid, gid, gid).map_err(refused("become the group of the network part"))?;
    setresuid(uid, uid, uid).map_err(refused("become the user of the network part"))
}

/// No file at all, no port to listen on, no signal and no abstract socket beyond this process. Which ports it will call
/// nobody knows yet: consoles tell theirs when they are discovered, or when a partition is handed over to them.
fn give_up_files() -> Result<Landlock, ConfineError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::None,
    })
}
