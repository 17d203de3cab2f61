//! The hooks and the trusted consoles in the words of the control socket: for the agent, and for who reads the files where it does
//! not run.

use serde_json::{Value, json};
use sysroot::Sysroot;
use wire::key::PublicKey;

use crate::hooks::{Found, Point, find};
use crate::log::Log;
use crate::trust::{self, TrustError, Trusted};

/// All hooks, in the order in which they run.
pub(crate) fn hooks(sysroot: &Sysroot, with_drmgr: bool, log: &Log) -> Value {
    let at = |point: Point| {
        let found = find(sysroot, point, with_drmgr, log);
        found.iter().map(|found| hook(point, found)).collect::<Vec<_>>()
    };
    json!({ "hooks": Point::ALL.into_iter().flat_map(at).collect::<Vec<_>>() })
}

fn hook(point: Point, found: &Found) -> Value {
    json!({ "point": point.name(), "name": found.name, "path": format!("/{}", found.path.display()) })
}

/// The trusted consoles, and the partition's own key, which it has not before the agent ran once.
pub(crate) fn trust(sysroot: &Sysroot, own: Option<PublicKey>, log: &Log) -> Result<Value, TrustError> {
    let consoles: Vec<Value> = trust::list(sysroot, log)?.iter().map(console).collect();
    Ok(json!({ "own_key": own, "own_fingerprint": own.map(|key| key.fingerprint()), "consoles": consoles }))
}

/// A trusted console.
pub(crate) fn console(console: &Trusted) -> Value {
    let Trusted { name, key, addresses, port, because } = console;
    let fingerprint = key.fingerprint();
    json!({
        "name": name, "key": key, "fingerprint": fingerprint,
        "addresses": addresses, "port": port, "because": because,
    })
}
