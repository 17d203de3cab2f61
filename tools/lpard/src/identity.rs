//! Who the partition is, in the session's words; and taking a new identity where firmware does not update the device tree.
//!
//! On PowerVM the kernel asks firmware for what has changed (`ibm,update-nodes`). QEMU has nothing of the kind: after a
//! migration the device tree still shows the old system, until somebody who knows writes the new one through
//! `/proc/ppc64/ofdt`. The console knows.

use platform::devicetree;
use platform::identity::{Identity, Machine};
use sysroot::Sysroot;
use wire::message::inventory;
use wire::message::migration::NewIdentity;

const OFDT: &str = "proc/ppc64/ofdt";
const PHANDLE: &str = "phandle";
const PARTITION_NUMBER: &str = "ibm,partition-no";
const LOCATION_CODE: &str = "ibm,loc-code";
/// Where adapters have location codes with the system's serial number in them.
const ADAPTERS: &str = "vdevice";

/// Properties of the root with the system in them.
const OF_THE_SYSTEM: [&str; 4] = ["model", "system-id", "host-model", "host-serial"];

/// Why the new identity could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("{0} is no machine type, model and serial number")]
    NoMachine(inventory::Machine),
    #[error("read the device tree")]
    Read(#[from] platform::Error),
    #[error("write the device tree")]
    Write(#[from] sysroot::Error),
    #[error("the device tree still shows {0} after everything was written")]
    Unchanged(String),
}

/// The system that the partition is on, as the device tree says.
pub(crate) fn current_machine(sysroot: &Sysroot) -> Option<inventory::Machine> {
    machine(&read(sysroot).ok()?)
}

/// The system in the session's words.
fn machine(identity: &Identity) -> Option<inventory::Machine> {
    identity.machine.as_ref().map(in_words)
}

fn in_words(machine: &Machine) -> inventory::Machine {
    inventory::Machine { type_model: machine.type_model(), serial: machine.serial().to_owned() }
}

/// The partition in the session's words. What firmware does not tell is 0 or empty, where the session has to have something.
pub(crate) fn of(identity: &Identity) -> inventory::Identity {
    let nowhere = || inventory::Machine { type_model: String::new(), serial: String::new() };
    inventory::Identity {
        id: identity.partition_id.unwrap_or_default(),
        name: identity.partition_name.clone(),
        uuid: identity.partition_uuid.clone(),
        machine: machine(identity).unwrap_or_else(nowhere),
    }
}

/// Reads it.
pub(crate) fn read(sysroot: &Sysroot) -> Result<Identity, platform::Error> {
    let lparcfg = platform::lparcfg::read(sysroot)?;
    platform::identity::read(sysroot, lparcfg.as_ref())
}

/// A property and what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Update {
    phandle: u32,
    property: &'static str,
    value: Vec<u8>,
}

impl Update {
    /// The request of ofdt.
    fn request(&self) -> Vec<u8> {
        let Self { phandle, property, value } = self;
        [format!("update_property {phandle} {property} {} ", value.len()).as_bytes(), value].concat()
    }
}

/// Takes the identity that the console tells. Where the device tree shows it already, nothing is written.
pub(crate) fn take(sysroot: &Sysroot, new: &NewIdentity) -> Result<(), IdentityError> {
    let wanted = Machine::from_firmware(&new.machine.type_model, &new.machine.serial)
        .filter(|machine| in_words(machine) == new.machine)
        .ok_or_else(|| IdentityError::NoMachine(new.machine.clone()))?;
    let shown = read(sysroot)?;
    for update in updates(sysroot, &shown, &wanted, new.id)? {
        sysroot.write_attribute(OFDT, &update.request())?;
    }
    let shown = read(sysroot)?.machine;
    if sysroot.is_live() && shown.as_ref() != Some(&wanted) {
        return Err(IdentityError::Unchanged(shown.map_or_else(|| "nothing".to_owned(), |shown| shown.to_string())));
    }
    Ok(())
}

fn updates(sysroot: &Sysroot, now: &Identity, wanted: &Machine, id: u32) -> Result<Vec<Update>, platform::Error> {
    let root = devicetree::root(sysroot);
    let mut updates = Vec::new();
    if let Some(phandle) = root.cell(PHANDLE)? {
        let of_the_root = |property, value| Update { phandle, property, value };
        for property in OF_THE_SYSTEM {
            let shown = root.text(property)?;
            let value = shown.as_deref().and_then(|shown| rewritten(property, shown, wanted));
            updates.extend(value.map(|value| of_the_root(property, terminated(&value))));
        }
        if root.cell(PARTITION_NUMBER)?.is_some_and(|shown| shown != id) {
            updates.push(of_the_root(PARTITION_NUMBER, id.to_be_bytes().to_vec()));
        }
    }
    let adapters = root.at(ADAPTERS);
    let nodes = if adapters.exists() { adapters.children()? } else { Vec::new() };
    for node in nodes {
        let (Some(phandle), Some(shown)) = (node.cell(PHANDLE)?, node.text(LOCATION_CODE)?) else { continue };
        let moved = moved_location(&shown, now, wanted, id).filter(|moved| *moved != shown);
        updates.extend(moved.map(|code| Update { phandle, property: LOCATION_CODE, value: terminated(&code) }));
    }
    Ok(updates)
}

/// What a property should be; none when it is that already, or has a form that is not known.
fn rewritten(property: &str, shown: &str, wanted: &Machine) -> Option<String> {
    let value = match property {
        "model" => format!("IBM,{}", wanted.type_model()),
        "host-model" => format!("IBM-{}", wanted.type_model()),
        "host-serial" => wanted.serial().to_owned(),
        // The place of manufacture before the serial number stays what it is.
        _ => format!("{}{}", shown.get(..shown.len().checked_sub(wanted.serial().len())?)?, wanted.serial()),
    };
    (value != shown).then_some(value)
}

/// A virtual adapter's location code: the system, `-V` and the partition's number, the place. None when it is another one's.
fn moved_location(shown: &str, now: &Identity, wanted: &Machine, id: u32) -> Option<String> {
    let place = shown.strip_prefix(&now.machine.as_ref()?.location_code())?;
    let number = |id| format!("-V{id}-");
    let after_number = now.partition_id.and_then(|before| place.strip_prefix(&number(before)));
    let place = after_number.map_or_else(|| place.to_owned(), |rest| format!("{}{rest}", number(id)));
    Some(format!("{}{place}", wanted.location_code()))
}

/// A string of the device tree ends with a NUL.
fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use super::*;

    fn property(root: &Path, path: &str, value: &[u8]) {
        let file = root.join("proc/device-tree").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, value).unwrap();
    }

    /// A partition of the lab on its first system.
    fn lab() -> (tempfile::TempDir, Sysroot) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        property(root, "phandle", &77_u32.to_be_bytes());
        property(root, "model", b"IBM,8286-41A\0");
        property(root, "system-id", b"IBM,022166666\0");
        property(root, "host-model", b"IBM-8286-41A\0");
        property(root, "host-serial", b"2166666\0");
        property(root, "ibm,partition-no", &3_u32.to_be_bytes());
        property(root, "vdevice/l-lan@30000004/phandle", &78_u32.to_be_bytes());
        property(root, "vdevice/l-lan@30000004/ibm,loc-code", b"U8286.41A.2166666-V3-C4-T1\0");
        property(root, "vdevice/vty@30000000/phandle", &79_u32.to_be_bytes());
        fs::create_dir_all(root.join("proc/ppc64")).unwrap();
        let sysroot = Sysroot::at(root).unwrap();
        (directory, sysroot)
    }

    fn shown(type_model: &str, serial: &str, id: u32) -> Vec<String> {
        let (_directory, sysroot) = lab();
        let wanted = Machine::from_firmware(type_model, serial).unwrap();
        let updates = updates(&sysroot, &read(&sysroot).unwrap(), &wanted, id).unwrap();
        updates.iter().map(|update| String::from_utf8_lossy(&update.request()).escape_debug().to_string()).collect()
    }

    #[test]
    fn on_another_system_everything_that_shows_the_system_is_written() {
        assert_eq!(
            shown("9009-22A", "7800001", 5),
            [
                "update_property 77 model 13 IBM,9009-22A\\0",
                "update_property 77 system-id 14 IBM,027800001\\0",
                "update_property 77 host-model 13 IBM-9009-22A\\0",
                "update_property 77 host-serial 8 7800001\\0",
                "update_property 77 ibm,partition-no 4 \\0\\0\\0\\u{5}",
                "update_property 78 ibm,loc-code 27 U9009.22A.7800001-V5-C4-T1\\0",
            ]
        );
    }

    #[test]
    fn another_number_on_the_same_system_is_in_location_codes_too() {
        assert_eq!(
            shown("8286-41A", "2166666", 12),
            [
                "update_property 77 ibm,partition-no 4 \\0\\0\\0\\u{c}",
                "update_property 78 ibm,loc-code 28 U8286.41A.2166666-V12-C4-T1\\0",
            ]
        );
    }

    #[test]
    fn what_is_right_already_is_left_alone() {
        assert_eq!(shown("8286-41A", "2166666", 3), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_machine_is_refused_before_anything_is_written() {
        let (directory, sysroot) = lab();
        for (type_model, serial) in
            [("", ""), ("9009", "7800001"), ("IBM,9009-22A", "7800001"), ("9009-22A", "78\n0001")]
        {
            let machine = inventory::Machine { type_model: type_model.into(), serial: serial.into() };
            let refused = take(&sysroot, &NewIdentity { machine, id: 3 });
            assert!(matches!(refused, Err(IdentityError::NoMachine(_))), "{type_model:?} {serial:?}");
        }
        assert!(!directory.path().join(OFDT).exists());
    }
}
