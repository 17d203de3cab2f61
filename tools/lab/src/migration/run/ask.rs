//! What a migration asks of QEMU's monitor.

use serde_json::json;

use crate::error::Error;
use crate::qmp::Qmp;

/// QEMU's run state: `running`, `suspended`, `inmigrate`, `postmigrate`, …
pub fn run_state(qmp: &mut Qmp) -> Result<String, Error> {
    let state = command(qmp, "query-status", json!({}))?;
    Ok(state["status"].as_str().unwrap_or_default().to_owned())
}

/// Whether its guest sleeps: after `ibm,suspend-me`, or with all of it arrived.
pub(super) fn is_suspended(qmp: &mut Qmp) -> Result<bool, Error> {
    Ok(run_state(qmp)? == "suspended")
}

/// Performs a command; its failure names it.
pub(super) fn command(qmp: &mut Qmp, name: &str, arguments: serde_json::Value) -> Result<serde_json::Value, Error> {
    qmp.execute(name, arguments).map_err(|error| Error::failed("QMP", name, error))
}

/// Wakes a guest that sleeps, and its network with it: frames that came while it slept have made QEMU stop to read its taps, and a
/// wake-up, other than `cont`, does not make it look at them again (net/net.c, net_vm_change_state_handler; seen with 10.0.2: an
/// adapter that one frame had reached in its sleep was deaf for ever).
pub(super) fn wake_up(qmp: &mut Qmp) -> Result<(), Error> {
    for name in ["system_wakeup", "stop", "cont"] {
        command(qmp, name, json!({}))?;
    }
    Ok(())
}
