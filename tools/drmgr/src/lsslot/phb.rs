//! `-c phb`: PCI host bridges and the slots below them.

use std::fmt::Write;

use platform::slot;
use sysroot::Sysroot;

use super::options::Options;
use super::{STATUS_NO_LIST, Trouble};

pub(super) fn list(sysroot: &Sysroot, options: &Options, list: &mut String) -> Result<(), Trouble> {
    let bridges = slot::host_bridges(sysroot)?;
    if bridges.is_empty() {
        return Err(Trouble::Nothing("There are no PHBs that can be reconfigured on this system.\n", STATUS_NO_LIST));
    }
    let _ = writeln!(list, "{:<10}{:<20} Slot(s) Connected", "PHB name", "OFDT Name");
    let wanted = |name: &str| options.selector.as_deref().is_none_or(|selector| selector == name);
    for bridge in bridges.iter().filter(|bridge| wanted(&bridge.connector.name)) {
        let _ = write!(list, "{:<10}{:<20} ", bridge.connector.name, bridge.path);
        // The last connector comes first, as ever.
        let mut slots = bridge.slots.iter().rev().filter(|slot| slot.is_owned()).map(|slot| &slot.connector.name);
        list.push_str(slots.next().map_or("\n", String::as_str));
        list.push('\n');
        for name in slots {
            let _ = writeln!(list, "{:<30} {name}", "");
        }
        list.push('\n');
    }
    Ok(())
}
