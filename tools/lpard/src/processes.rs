//! Which programs run, by the name that the kernel has for them.

use sysroot::Sysroot;

/// Whether a process of that name runs. A process that ends while it is looked at counts as not running.
pub(crate) fn is_running(sysroot: &Sysroot, name: &str) -> sysroot::Result<bool> {
    let processes = sysroot.list_if_present("proc")?;
    let numbers = processes.iter().filter(|entry| entry.bytes().all(|byte| byte.is_ascii_digit()));
    for number in numbers {
        let found = sysroot.read_text(format!("proc/{number}/comm")).unwrap_or_default();
        if found.trim_end() == name {
            return Ok(true);
        }
    }
    Ok(false)
}
