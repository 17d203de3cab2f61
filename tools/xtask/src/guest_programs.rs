//! lparkit's programs in a guest's image: its first process, the agent, and the command lines that belong to that.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::cross;
use crate::tree::Tree;

const FIRST_PROCESS: &str = "lab-guest";
/// The packages whose programs belong to the agent. A checkout may lack some: then the guest has none of theirs.
const PACKAGES: [&str; 3] = ["lpard", "drmgr", "lpar"];
const DAEMON: &str = "lpard";

/// Whom the daemon's part with the network becomes, as its sysusers file says.
pub(crate) const USER: &str = "lpard:x:990:990:agent:/:/bin/false\n";
/// Its group, and that of those who may change the partition.
pub(crate) const GROUPS: &str = "lpard:x:990:\nlpar:x:991:\n";

/// Where programs are that have the names of Debian's own, in an image that has those too.
const BESIDE_DEBIANS: &str = "usr/lib/lparkit";

/// What was built for guests.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The first process.
    pub(crate) lab_guest: PathBuf,
    /// The agent and its command lines.
    pub(crate) agent: Vec<PathBuf>,
}

/// Builds the programs for all images at once: what they depend on is then compiled once, with one set of features.
pub(crate) fn build(checkout: &Checkout) -> Result<Programs> {
    let has = |package: &&str| checkout.root.join("tools").join(package).join("Cargo.toml").exists();
    let packages = [FIRST_PROCESS].into_iter().chain(PACKAGES.into_iter().filter(has)).map(str::to_owned);
    let mut agent = cross::build(checkout, &cross::guest_profile(), &packages.collect::<Vec<_>>())?;
    let first = agent.iter().position(|program| name(program) == FIRST_PROCESS);
    let lab_guest = agent.remove(first.with_context(|| format!("this checkout has no program {FIRST_PROCESS}"))?);
    ensure!(agent.iter().any(|program| name(program) == DAEMON), "this checkout has no program {DAEMON}");
    Ok(Programs { lab_guest, agent })
}

/// A program's name.
pub(crate) fn name(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Adds the programs. `has_debians`: the image has Debian's drmgr and lsslot.
pub(crate) fn add(tree: &mut Tree, programs: &[PathBuf], has_debians: bool) -> Result<()> {
    for program in programs {
        let content = fs::read(program).with_context(|| format!("read {}", program.display()))?;
        tree.file(&place(&name(program), has_debians), 0o755, content);
    }
    Ok(())
}

fn place(name: &str, has_debians: bool) -> String {
    let is_debians = matches!(name, "drmgr" | "lsslot");
    format!("{}/{name}", if is_debians && has_debians { BESIDE_DEBIANS } else { "usr/bin" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debian_has_too_is_beside_it() {
        assert_eq!(place("lpard", true), "usr/bin/lpard");
        assert_eq!(place("drmgr", false), "usr/bin/drmgr");
        assert_eq!(place("drmgr", true), "usr/lib/lparkit/drmgr");
    }
}
