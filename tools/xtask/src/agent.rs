//! lparkit's agent in a guest's image, with the command lines that belong to it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::cross;
use crate::tree::Tree;

/// The packages whose programs belong to it. A checkout may lack some: then the guest has none of theirs.
const PACKAGES: [&str; 3] = ["lpard", "drmgr", "lpar"];
const DAEMON: &str = "lpard";

/// Whom the daemon's part with the network becomes, as its sysusers file says.
pub(crate) const USER: &str = "lpard:x:990:990:agent:/:/bin/false\n";
/// Its group, and that of those who may change the partition.
pub(crate) const GROUPS: &str = "lpard:x:990:\nlpar:x:991:\n";

/// Where programs are that have the names of Debian's own, in an image that has those too.
const BESIDE_DEBIANS: &str = "usr/lib/lparkit";

/// Builds the programs and gives their paths.
pub(crate) fn build(checkout: &Checkout) -> Result<Vec<PathBuf>> {
    let has = |package: &&str| checkout.root.join("tools").join(package).join("Cargo.toml").exists();
    let packages: Vec<String> = PACKAGES.into_iter().filter(has).map(str::to_owned).collect();
    let programs = cross::build(checkout, &cross::guest_profile(), &packages)?;
    ensure!(programs.iter().any(|program| name(program) == DAEMON), "this checkout has no program {DAEMON}");
    Ok(programs)
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
