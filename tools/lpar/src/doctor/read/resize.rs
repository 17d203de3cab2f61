//! What the kernel can resize, and who does it now.

use platform::capability;
use sysroot::Sysroot;

use crate::doctor::resize::Seen;

const LOCK: &str = "var/lock/dr_config_lock";

pub(super) fn read(sysroot: &Sysroot) -> Seen {
    Seen { capabilities: capability::read(sysroot), holder: holder(sysroot) }
}

/// `812 drmgr -c cpu …`. A process that was killed could not take its name away: only one that lives counts.
fn holder(sysroot: &Sysroot) -> Option<String> {
    let text = sysroot.read_text_if_present(LOCK).ok()??;
    let text = text.trim();
    let pid: u32 = text.split(' ').next()?.parse().ok()?;
    sysroot.exists(format!("proc/{pid}")).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_living_process_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(dir.path()).unwrap();
        assert_eq!(holder(&sysroot), None);
        std::fs::create_dir_all(dir.path().join("var/lock")).unwrap();
        std::fs::write(dir.path().join(LOCK), "812 drmgr -c cpu\n").unwrap();
        assert_eq!(holder(&sysroot), None);
        std::fs::create_dir_all(dir.path().join("proc/812")).unwrap();
        assert_eq!(holder(&sysroot).as_deref(), Some("812 drmgr -c cpu"));
        std::fs::write(dir.path().join(LOCK), "").unwrap();
        assert_eq!(holder(&sysroot), None);
    }
}
