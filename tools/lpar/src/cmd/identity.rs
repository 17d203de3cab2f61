//! `lpar identity`: which partition of which system this is.

use platform::identity::{self, Identity};
use platform::lparcfg;
use serde::Serialize;

use super::Desk;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Sheet, Style};

#[derive(Debug, Serialize)]
struct IdentityReport {
    #[serde(flatten)]
    identity: Identity,
    /// The beginning of the location codes of all that is in the system.
    location_code: Option<String>,
}

pub(super) fn run(desk: &Desk) -> Result<Exit> {
    let lparcfg = lparcfg::read(&desk.sysroot)?;
    let identity = identity::read(&desk.sysroot, lparcfg.as_ref())?;
    let location_code = identity.machine.as_ref().map(platform::identity::Machine::location_code);
    desk.output.show(&IdentityReport { identity, location_code })?;
    Ok(Exit::Done)
}

impl Report for IdentityReport {
    fn write(&self, sheet: &mut Sheet) {
        let found = &self.identity;
        sheet.fields(vec![
            ("System", told(found.machine.as_ref())),
            ("Location code", told(self.location_code.as_ref())),
            ("Hypervisor", told(found.hypervisor)),
            ("Partition", told(found.partition_name.as_ref())),
            ("Number", told(found.partition_id)),
            ("UUID", told(found.partition_uuid.as_ref())),
            ("Migratable", Cell::new(if found.migratable { "yes" } else { "no" })),
        ]);
    }
}

/// What the firmware told, or that it did not.
fn told(value: Option<impl std::fmt::Display>) -> Cell {
    value.map_or_else(|| Cell::styled("not told by the firmware", Style::Unknown), Cell::new)
}
