//! Which machine and which partition this is.
//!
//! PowerVM: `model` is `IBM,9009-42A`, `system-id` is `IBM,0278ABCDE`: two digits of the place of manufacture, then the seven
//! of the serial number that IBM prints; lparcfg says the same two as `system_type` and `serial_number`. QEMU has no
//! `system-id` and a `model` in prose; it has `host-model` (`IBM-9009-42A`) and `host-serial` when told to.
//! After a migration all of this is another system's: nothing here may be kept.

use std::fmt;

use serde::{Serialize, Serializer};
use sysroot::Sysroot;

use crate::devicetree::{self, Node, Property};
use crate::error::Result;
use crate::lparcfg::Lparcfg;

/// Who this is, as far as the firmware tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The system.
    pub machine: Option<Machine>,
    /// What is between the system and this kernel; none when nothing tells.
    pub hypervisor: Option<Hypervisor>,
    /// The partition's number.
    pub partition_id: Option<u32>,
    /// The partition's name.
    pub partition_name: Option<String>,
    /// The partition's UUID.
    pub partition_uuid: Option<String>,
    /// Whether it may be moved to another system while it runs.
    pub migratable: bool,
}

/// What is between the system and this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hypervisor {
    /// IBM's.
    PowerVm,
    /// QEMU, with the processor's help.
    Kvm,
    /// QEMU, with its own emulation of the processor or without saying.
    Qemu,
    /// Nothing: this kernel runs on the bare metal.
    BareMetal,
}

impl fmt::Display for Hypervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerVm => "PowerVM",
            Self::Kvm => "KVM",
            Self::Qemu => "QEMU",
            Self::BareMetal => "none",
        })
    }
}

/// A system: machine type, model and serial number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Machine {
    kind: String,
    model: String,
    serial: String,
}

impl Machine {
    /// From a model (`IBM,9009-42A`, `IBM-9009-42A` or `9009-42A`) and a serial number (`IBM,0278ABCDE` or `78ABCDE`).
    /// None when either is not of that form.
    pub fn from_firmware(model: &str, serial: &str) -> Option<Self> {
        let (kind, model) = without_maker(model).split_once('-')?;
        let serial = without_maker(serial);
        // IBM prints the last seven; the digits before them are the place of manufacture.
        let serial = serial.get(serial.len().saturating_sub(7)..)?;
        let (kind_ok, model_ok) = (is_code(kind) && kind.len() == 4, is_code(model));
        (kind_ok && model_ok && is_code(serial)).then(|| Self {
            kind: kind.to_owned(),
            model: model.to_owned(),
            serial: serial.to_owned(),
        })
    }

    /// `9009-42A`.
    pub fn type_model(&self) -> String {
        format!("{}-{}", self.kind, self.model)
    }

    /// `78ABCDE`.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The beginning of its location codes: `U9009.42A.78ABCDE`.
    pub fn location_code(&self) -> String {
        format!("U{}.{}.{}", self.kind, self.model, self.serial)
    }
}

/// As consoles print it: `9009-42A*78ABCDE`.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}*{}", self.kind, self.model, self.serial)
    }
}

impl Serialize for Machine {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn without_maker(text: &str) -> &str {
    text.strip_prefix("IBM,").or_else(|| text.strip_prefix("IBM-")).unwrap_or(text)
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Reads the device tree; what it lacks is taken from lparcfg.
pub fn read(sysroot: &Sysroot, lparcfg: Option<&Lparcfg>) -> Result<Identity> {
    let root = devicetree::root(sysroot);
    let name = root.text("ibm,partition-name")?.filter(|name| !name.is_empty());
    Ok(Identity {
        machine: machine(&root, lparcfg)?,
        hypervisor: hypervisor(&root)?,
        partition_id: root.cell("ibm,partition-no")?.or_else(|| lparcfg?.partition_id),
        // The console may rename a partition while it runs: lparcfg asks the hypervisor, the device tree is from the boot.
        partition_name: lparcfg.and_then(|lparcfg| lparcfg.partition_name.clone()).or(name),
        partition_uuid: root.text("ibm,partition-uuid")?.filter(|uuid| !uuid.is_empty()),
        migratable: root.has("ibm,migratable-partition"),
    })
}

/// The pair that belongs together and makes sense. PowerVM's own comes first, then what QEMU was told about its host.
fn machine(root: &Node<'_>, lparcfg: Option<&Lparcfg>) -> Result<Option<Machine>> {
    let pair = |model: Option<&str>, serial: Option<&str>| Machine::from_firmware(model?, serial?);
    let (model, system) = (root.text("model")?, root.text("system-id")?);
    let (host_model, host_serial) = (root.text("host-model")?, root.text("host-serial")?);
    let from_lparcfg = || pair(lparcfg?.system_type.as_deref(), lparcfg?.serial_number.as_deref());
    Ok(pair(model.as_deref(), system.as_deref())
        .or_else(from_lparcfg)
        .or_else(|| pair(host_model.as_deref(), host_serial.as_deref())))
}

/// QEMU's signs come first: a lab adds PowerVM's to a guest.
fn hypervisor(root: &Node<'_>) -> Result<Option<Hypervisor>> {
    let lists = |node: &Node<'_>, wanted: &str| -> Result<bool> {
        let compatible = node.property("compatible")?;
        let names = compatible.as_ref().and_then(Property::texts).unwrap_or_default();
        Ok(names.contains(&wanted))
    };
    if lists(&root.at("hypervisor"), "linux,kvm")? {
        return Ok(Some(Hypervisor::Kvm));
    }
    if lists(root, "qemu,pseries")? {
        return Ok(Some(Hypervisor::Qemu));
    }
    // A pSeries machine has these calls exactly when there is a hypervisor (PAPR, "ibm,hypertas-functions").
    if root.at("rtas").has("ibm,hypertas-functions") || root.has("ibm,partition-no") {
        return Ok(Some(Hypervisor::PowerVm));
    }
    Ok(root.has("compatible").then_some(Hypervisor::BareMetal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::machine;

    #[test]
    fn machines_are_read_in_every_form_and_printed_as_ibm_does() {
        let forms = [
            ("IBM,9009-42A", "IBM,027812345"),
            ("IBM-9009-42A", "7812345"),
            ("9009-42A", "7812345"),
            ("IBM,9009-42A", "IBM,7812345"),
        ];
        for (model, serial) in forms {
            let machine = Machine::from_firmware(model, serial).unwrap();
            assert_eq!(machine.to_string(), "9009-42A*7812345");
            assert_eq!(machine.location_code(), "U9009.42A.7812345");
            assert_eq!((machine.type_model().as_str(), machine.serial()), ("9009-42A", "7812345"));
        }
    }

    #[test]
    fn what_is_no_machine_is_none() {
        let wrong = [
            ("IBM pSeries (emulated by qemu)", "7812345"),
            ("IBM,9009", "7812345"),
            ("IBM,9009-42A", ""),
            ("IBM,9009-42A", "IBM,"),
            ("IBM,9009-", "7812345"),
            ("IBM,9009-42A", "00 00"),
            ("", ""),
            ("IBM,9009-42A", "78é2345"),
        ];
        for (model, serial) in wrong {
            assert_eq!(Machine::from_firmware(model, serial), None, "{model:?} {serial:?}");
        }
    }

    /// The identity of a device tree with these properties.
    fn identity(properties: &[(&str, &[u8])], lparcfg: Option<&Lparcfg>) -> Identity {
        let files: Vec<_> =
            properties.iter().map(|(path, bytes)| (format!("{}/{path}", devicetree::ROOT), *bytes)).collect();
        let (_dir, sysroot) = machine(files.iter().map(|(path, bytes)| (path.as_str(), *bytes)));
        read(&sysroot, lparcfg).unwrap()
    }

    #[test]
    fn a_powervm_partition_knows_itself() {
        let found = identity(
            &[
                ("model", b"IBM,8286-41A\0"),
                ("system-id", b"IBM,022166666\0"),
                ("compatible", b"IBM,8286-41A\0"),
                ("ibm,partition-no", &[0, 0, 0, 3]),
                ("ibm,partition-name", b"lpar1\0"),
                ("ibm,partition-uuid", b"2a5c7f8e-0000-4000-8000-000000000001\0"),
                ("ibm,migratable-partition", b""),
                ("rtas/ibm,hypertas-functions", b"hcall-pft\0"),
            ],
            None,
        );
        assert_eq!(found.machine.map(|machine| machine.to_string()).as_deref(), Some("8286-41A*2166666"));
        assert_eq!(found.hypervisor, Some(Hypervisor::PowerVm));
        assert_eq!((found.partition_id, found.partition_name.as_deref()), (Some(3), Some("lpar1")));
        assert!(found.migratable && found.partition_uuid.is_some());
    }

    #[test]
    fn a_lab_guest_is_qemu_although_it_has_powervms_properties() {
        let qemu: &[(&str, &[u8])] = &[
            ("model", b"IBM,9009-22A\0"),
            ("system-id", b"IBM,027800001\0"),
            ("host-model", b"IBM-8286-41A\0"),
            ("host-serial", b"2166666\0"),
            ("compatible", b"qemu,pseries\0"),
            ("ibm,partition-no", &[0, 0, 0, 3]),
            ("rtas/ibm,hypertas-functions", b"hcall-pft\0"),
        ];
        let found = identity(qemu, None);
        assert_eq!(found.hypervisor, Some(Hypervisor::Qemu));
        assert_eq!(found.machine.map(|machine| machine.to_string()).as_deref(), Some("9009-22A*7800001"));
        let bare = identity(&[&[("model", b"IBM pSeries (emulated by qemu)\0" as &[u8])], &qemu[2..5]].concat(), None);
        assert_eq!(bare.machine.map(|machine| machine.to_string()).as_deref(), Some("8286-41A*2166666"));
        assert_eq!(identity(&[("hypervisor/compatible", b"linux,kvm\0")], None).hypervisor, Some(Hypervisor::Kvm));
        assert_eq!(identity(&[("compatible", b"ibm,powernv\0")], None).hypervisor, Some(Hypervisor::BareMetal));
    }

    #[test]
    fn lparcfg_fills_the_gaps_and_knows_the_present_name() {
        let lparcfg = Lparcfg {
            serial_number: Some("IBM,0212345AB".into()),
            system_type: Some("IBM,9105-22A".into()),
            partition_id: Some(7),
            partition_name: Some("renamed".into()),
            ..Lparcfg::default()
        };
        let found =
            identity(&[("ibm,partition-name", b"at boot\0"), ("ibm,partition-no", &[0, 0, 0, 7])], Some(&lparcfg));
        assert_eq!(found.machine.map(|machine| machine.to_string()).as_deref(), Some("9105-22A*12345AB"));
        assert_eq!((found.partition_id, found.partition_name.as_deref()), (Some(7), Some("renamed")));
        assert_eq!(identity(&[], None), Identity::default());
    }
}
