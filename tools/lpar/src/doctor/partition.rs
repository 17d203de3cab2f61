//! Is this a partition, and does it know which one?

use platform::identity::{Hypervisor, Identity, Machine};

use super::{Finding, Subject, Told};

const HYPERVISOR: Subject = Subject::new("hypervisor", "/proc/device-tree");
const IDENTITY: Subject = Subject::new("identity", "/proc/device-tree, /proc/powerpc/lparcfg");
const AGREEMENT: Subject = Subject::new("identity is up to date", "/proc/device-tree/system-id, /proc/powerpc/lparcfg");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// From the device tree, and lparcfg where the device tree is silent.
    pub(crate) identity: Told<Identity>,
    /// The system, from the device tree alone.
    pub(crate) in_device_tree: Option<Machine>,
    /// The system, from lparcfg alone; it asks the hypervisor every time.
    pub(crate) in_lparcfg: Option<Machine>,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    vec![
        HYPERVISOR.judge(&seen.identity, |identity| hypervisor(identity.hypervisor)),
        IDENTITY.judge(&seen.identity, known),
        up_to_date(seen.in_device_tree.as_ref(), seen.in_lparcfg.as_ref()),
    ]
}

fn hypervisor(hypervisor: Option<Hypervisor>) -> Finding {
    let elsewhere = "run lparkit in a partition (LPAR) of a Power system";
    let Some(hypervisor) = hypervisor else { return HYPERVISOR.fail("nothing tells of one", elsewhere) };
    match hypervisor {
        Hypervisor::PowerVm => HYPERVISOR.ok("PowerVM"),
        Hypervisor::Kvm | Hypervisor::Qemu => HYPERVISOR.warn(
            format!("{hypervisor}: no HMC and no NovaLink manages such a guest, a console of lparkit does"),
            "nothing, in a lab",
        ),
        Hypervisor::BareMetal => HYPERVISOR.fail("none: this kernel runs on the bare metal", elsewhere),
    }
}

fn known(identity: &Identity) -> Finding {
    let missing: Vec<&str> = [
        (identity.machine.is_none(), "the system's type, model and serial number"),
        (identity.partition_id.is_none(), "the partition's number"),
        (identity.partition_name.is_none(), "the partition's name"),
    ]
    .into_iter()
    .filter_map(|(is_missing, what)| is_missing.then_some(what))
    .collect();
    if missing.is_empty() {
        let name = identity.partition_name.as_deref().unwrap_or_default();
        let number = identity.partition_id.unwrap_or_default();
        let machine = identity.machine.as_ref().map(ToString::to_string).unwrap_or_default();
        return IDENTITY.ok(format!("{name}, number {number}, on {machine}"));
    }
    let found = format!("the firmware does not tell {}", missing.join(", "));
    IDENTITY.warn(found, "the console tells partitions apart by these; the lab's guest image adds them at boot")
}

/// After a migration the kernel brings the device tree up to date, unless something went wrong.
fn up_to_date(in_device_tree: Option<&Machine>, in_lparcfg: Option<&Machine>) -> Finding {
    match (in_device_tree, in_lparcfg) {
        (Some(here), Some(there)) if here == there => AGREEMENT.ok(format!("both say {here}")),
        (Some(here), Some(there)) => AGREEMENT.fail(
            format!("the device tree says {here}, the hypervisor {there}: the kernel missed a migration"),
            "systemctl restart lpard; if it stays so, reboot",
        ),
        (None, _) => AGREEMENT.cannot_tell("the device tree does not name the system", None),
        (_, None) => {
            AGREEMENT.cannot_tell("the kernel has no lparcfg to compare with (Debian's have it since 6.15)", None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn machine(serial: &str) -> Option<Machine> {
        Machine::from_firmware("IBM,9009-42A", serial)
    }

    #[test]
    fn every_hypervisor_has_its_verdict() {
        let cases = [
            (Some(Hypervisor::PowerVm), Verdict::Ok),
            (Some(Hypervisor::Kvm), Verdict::Warn),
            (Some(Hypervisor::Qemu), Verdict::Warn),
            (Some(Hypervisor::BareMetal), Verdict::Fail),
            (None, Verdict::Fail),
        ];
        for (seen, verdict) in cases {
            assert_eq!(hypervisor(seen).verdict, verdict);
        }
    }

    #[test]
    fn what_the_firmware_does_not_tell_is_named() {
        let whole = Identity {
            machine: machine("7812345"),
            partition_id: Some(3),
            partition_name: Some("lpar1".into()),
            ..Identity::default()
        };
        assert_eq!(known(&whole), IDENTITY.ok("lpar1, number 3, on 9009-42A*7812345"));
        let nameless = Identity { partition_name: None, ..whole };
        assert_eq!(known(&nameless).verdict, Verdict::Warn);
        assert!(known(&nameless).found.ends_with("tell the partition's name"));
    }

    #[test]
    fn an_old_identity_is_a_failure() {
        let cases = [
            (machine("7812345"), machine("7812345"), Verdict::Ok),
            (machine("7812345"), machine("7812346"), Verdict::Fail),
            (machine("7812345"), None, Verdict::CannotTell),
            (None, machine("7812345"), Verdict::CannotTell),
        ];
        for (here, there, verdict) in cases {
            assert_eq!(up_to_date(here.as_ref(), there.as_ref()).verdict, verdict);
        }
    }
}
