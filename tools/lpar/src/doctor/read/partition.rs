//! Who this is, from each source for itself.

use platform::identity::{self, Machine};
use platform::lparcfg;
use sysroot::Sysroot;

use super::told;
use crate::doctor::partition::Seen;

pub(super) fn read(sysroot: &Sysroot) -> Seen {
    let lparcfg = lparcfg::read(sysroot).ok().flatten();
    let in_lparcfg = lparcfg
        .as_ref()
        .and_then(|lparcfg| Machine::from_firmware(lparcfg.system_type.as_deref()?, lparcfg.serial_number.as_deref()?));
    Seen {
        identity: told(identity::read(sysroot, lparcfg.as_ref())),
        in_device_tree: identity::read(sysroot, None).ok().and_then(|identity| identity.machine),
        in_lparcfg,
    }
}
