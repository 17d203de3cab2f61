//! The command line, QMP, hotplug and the end of a machine with the real QEMU. The "kernel" is one instruction that
//! branches to itself, so nothing is downloaded; with LPARLAB_KERNEL=vmlinux a real one boots until it finds no root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod outcome;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use lab::machine::{Adapter, Machine, Sockets, SystemIdentity};
use lab::network::{self, Namespace, NamespaceId, Role};
use lab::qemu::hotplug::{self, HotplugError};
use lab::qemu::migration::{Progress, migration_progress};
use lab::qemu::{Qemu, QemuError, version};
use lab::qmp::{Qmp, QmpError};

fn main() -> ExitCode {
    if let Some(outer) = outcome::outer_namespace() {
        taps_are_opened_from_the_sandbox(&outer);
        return ExitCode::SUCCESS;
    }
    outcome::run(&[
        ("a_machine_starts_answers_and_ends", a_machine_starts_answers_and_ends),
        ("cores_and_memory_are_added", cores_and_memory_are_added),
        ("a_machine_with_additions_migrates", a_machine_with_additions_migrates),
        ("a_machine_opens_its_taps", outcome::again_in_a_namespace),
        ("a_machine_that_cannot_start_says_why", a_machine_that_cannot_start_says_why),
        ("debians_kernel_takes_up_and_gives_up", debians_kernel_takes_up_and_gives_up),
        ("debians_kernel_speaks_on_hvc0", debians_kernel_speaks_on_hvc0),
    ])
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A machine whose files are in a directory.
fn machine(directory: &Path, name: &str) -> Machine {
    let kernel = directory.join("kernel");
    fs::write(&kernel, branch_to_itself()).unwrap();
    let disk = directory.join("disk,1.img");
    fs::write(&disk, vec![0; 1 << 20]).unwrap();
    let file = |what: &str| directory.join(format!("{name}.{what}"));
    Machine {
        address_space_mib: None,
        name: name.into(),
        system: SystemIdentity { model: "8286-41A".into(), serial: "2166666".into() },
        cpus: 2,
        max_cpus: 4,
        memory_mib: 512,
        max_memory_mib: 2048,
        memory_slots: 4,
        kernel,
        initrd: None,
        append: "console=hvc0 panic=-1".into(),
        disk: Some(disk),
        adapters: vec![],
        pci_card: false,
        hotplug_events: true,
        sockets: Sockets { qmp: file("qmp"), console: file("console"), channel: file("channel") },
        plugged_cores: vec![],
        plugged_dimms: vec![],
        incoming: None,
        log: file("log"),
    }
}

/// An ELF program for ppc64el: its header, one segment at address 0, and `b .`. The firmware enters kernels in big endian.
fn branch_to_itself() -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    for half_word in [2_u16, 21] {
        elf.extend_from_slice(&half_word.to_le_bytes());
    }
    elf.extend_from_slice(&1_u32.to_le_bytes());
    for word in [0_u64, 64, 0] {
        elf.extend_from_slice(&word.to_le_bytes());
    }
    elf.extend_from_slice(&2_u32.to_le_bytes()); // flags: ELF v2
    for half_word in [64_u16, 56, 1, 64, 0, 0] {
        elf.extend_from_slice(&half_word.to_le_bytes());
    }
    for half in [1_u32, 5] {
        elf.extend_from_slice(&half.to_le_bytes());
    }
    for word in [120_u64, 0, 0, 4, 4, 4] {
        elf.extend_from_slice(&word.to_le_bytes());
    }
    elf.extend_from_slice(&0x4800_0000_u32.to_be_bytes());
    elf
}

fn qemu_is_there() -> Result<(), String> {
    version().map(drop).map_err(|error| error.to_string())
}

fn a_machine_starts_answers_and_ends() -> Result<(), String> {
    qemu_is_there()?;
    let directory = tempfile::tempdir().unwrap();
    let machine = machine(directory.path(), "lpar1");
    let mut qemu = Qemu::start(&machine).unwrap();
    let mut qmp = Qmp::connect(&machine.sockets.qmp, soon()).unwrap();
    assert_eq!(qmp.execute("query-status", Value::Null).unwrap()["status"], "running");
    assert_eq!(qmp.execute("query-name", Value::Null).unwrap()["name"], "lpar1");
    let model = qmp.execute("qom-get", json!({"path": "/machine", "property": "host-model"})).unwrap();
    assert_eq!(model, "IBM-8286-41A");
    assert_eq!(migration_progress(&mut qmp).unwrap(), Progress::None);
    let refusal = qmp.execute("device_del", json!({"id": "no-such"})).unwrap_err();
    assert!(matches!(refusal, QmpError::Refused { class, .. } if class == "DeviceNotFound"));
    qmp.execute("stop", Value::Null).unwrap();
    assert!(qmp.wait_event(&["STOP"], soon()).unwrap().at.is_some());

    let process = PathBuf::from(format!("/proc/{}", qemu.pid()));
    assert!(qemu.is_running() && process.exists());
    qemu.kill().unwrap();
    assert!(!qemu.is_running() && !process.exists());
    qemu.kill().unwrap();
    assert!(matches!(qmp.execute("query-status", Value::Null), Err(QmpError::Closed { .. })));

    let dropped = Qemu::start(&machine).unwrap();
    let process = PathBuf::from(format!("/proc/{}", dropped.pid()));
    drop(dropped);
    assert!(!process.exists());
    Ok(())
}

fn cores_and_memory_are_added() -> Result<(), String> {
    qemu_is_there()?;
    let directory = tempfile::tempdir().unwrap();
    let (mut qemu, mut qmp) = Qemu::start_connected(&machine(directory.path(), "lpar1")).unwrap();
    // At a refusal QEMU waits until every CPU has left the guest for a moment, which this "kernel" without timer never does.
    qmp.execute("stop", Value::Null).unwrap();
    let present = |qmp: &mut Qmp| qmp.execute("query-cpus-fast", Value::Null).unwrap().as_array().unwrap().len();
    assert_eq!(present(&mut qmp), 2);
    assert_eq!((hotplug::plug_core(&mut qmp).unwrap().id, hotplug::plug_core(&mut qmp).unwrap().id), (2, 3));
    assert_eq!(present(&mut qmp), 4);
    assert!(matches!(hotplug::plug_core(&mut qmp), Err(HotplugError::Nothing(_))));

    assert_eq!(hotplug::plug_memory(&mut qmp, 256).unwrap().device, "dimm0");
    assert_eq!(hotplug::plug_memory(&mut qmp, 512).unwrap().device, "dimm1");
    // More than max_memory_mib: refused, and nothing of it stays behind.
    for _ in 0..2 {
        let refusal = hotplug::plug_memory(&mut qmp, 1024).unwrap_err();
        let expected =
            matches!(&refusal, HotplugError::Qmp { device, source, .. } if device == "dimm2" && source.is_refusal());
        assert!(expected, "{refusal:?}; QEMU: {:?} {}", qemu.exit_status(), qemu.log_tail());
    }
    let dimms = hotplug::query_dimms(&mut qmp).unwrap();
    assert_eq!(dimms.iter().map(|dimm| dimm.mib).collect::<Vec<_>>(), [256, 512]);
    // No kernel has taken them up, so QEMU gives them back without asking.
    hotplug::ask_memory_back(&mut qmp, &dimms[0]).unwrap();
    hotplug::await_memory_back(&mut qmp, &dimms[0], soon()).unwrap();
    assert_eq!(hotplug::query_dimms(&mut qmp).unwrap(), dimms[1..]);
    assert_eq!(hotplug::plug_memory(&mut qmp, 256).unwrap().device, "dimm0");
    assert_eq!((hotplug::unplug_core(&mut qmp, soon()).unwrap().id, present(&mut qmp)), (3, 3));
    Ok(())
}

fn a_machine_with_additions_migrates() -> Result<(), String> {
    qemu_is_there()?;
    let directory = tempfile::tempdir().unwrap();
    let source = machine(directory.path(), "source");
    let (_source, mut from) = Qemu::start_connected(&source).unwrap();
    hotplug::plug_core(&mut from).unwrap();
    hotplug::plug_memory(&mut from, 256).unwrap();

    let (boot_cpus, plugged_cores) = hotplug::core_layout(&hotplug::query_cores(&mut from).unwrap());
    let plugged_dimms = hotplug::query_dimms(&mut from).unwrap();
    let incoming = directory.path().join("state");
    let system = SystemIdentity { model: "9009-22A".into(), serial: "7800001".into() };
    let destination = Machine {
        system,
        cpus: u32::try_from(boot_cpus).unwrap(),
        plugged_cores,
        plugged_dimms,
        incoming: Some(incoming.clone()),
        ..machine(directory.path(), "destination")
    };
    let (destination_qemu, mut to) = Qemu::start_connected(&destination).unwrap();
    let uri = format!("unix:{}", incoming.display());
    from.execute("migrate", json!({ "uri": uri })).unwrap();
    let arrived = to.wait_event(&["RESUME"], soon());
    let progress = loop {
        let progress = migration_progress(&mut from).unwrap();
        if progress.is_final() {
            break progress;
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(matches!(progress, Progress::Completed { .. }), "{progress:?}: {}", destination_qemu.log_tail());
    arrived.unwrap();
    assert_eq!(to.execute("query-status", Value::Null).unwrap()["status"], "running");
    assert_eq!(hotplug::query_dimms(&mut to).unwrap(), destination.plugged_dimms);
    Ok(())
}

/// In a namespace: both adapters of a partition, on taps that the plan has made.
fn taps_are_opened_from_the_sandbox(outer: &NamespaceId) {
    let namespace = Namespace::claim(outer).unwrap();
    namespace.apply(&network::base(&[0])).unwrap();
    let adapters = [(Role::Management, 0x3000_0004), (Role::Lan, 0x3000_1005)].map(|(role, unit_address)| {
        namespace.apply(&network::plug(0, 1, role)).unwrap();
        Adapter { tap: network::tap_name(0, 1, role), mac: network::partition_mac(1, role), unit_address }
    });
    let directory = tempfile::tempdir().unwrap();
    let machine = Machine { adapters: adapters.to_vec(), ..machine(directory.path(), "lpar1") };
    let qemu = Qemu::start(&machine).unwrap();
    // A tap has one owner at a time.
    let second = Machine { sockets: self::machine(directory.path(), "lpar2").sockets, disk: None, ..machine.clone() };
    let error = Qemu::start(&second).unwrap_err().to_string();
    assert!(error.contains("t0p1m") && error.contains("busy"), "{error}");
    drop(qemu);
}

fn a_machine_that_cannot_start_says_why() -> Result<(), String> {
    qemu_is_there()?;
    let directory = tempfile::tempdir().unwrap();
    let good = machine(directory.path(), "lpar1");
    let ended = |machine: &Machine| match Qemu::start(machine).unwrap_err() {
        QemuError::Ended { tail, .. } => tail,
        other => panic!("{other}"),
    };
    let tail = ended(&Machine { kernel: directory.path().join("no-such"), ..good.clone() });
    assert!(tail.contains("no-such"), "{tail}");
    let tail = ended(&Machine { disk: Some(directory.path().join("no-disk")), ..good.clone() });
    assert!(tail.contains("no-disk"), "{tail}");
    let refused = Qemu::start(&Machine { cpus: 0, ..good }).unwrap_err();
    assert!(matches!(refused, QemuError::Machine(_)));
    Ok(())
}

fn debians_kernel_speaks_on_hvc0() -> Result<(), String> {
    qemu_is_there()?;
    let kernel = std::env::var_os("LPARLAB_KERNEL").ok_or("LPARLAB_KERNEL names no kernel (a vmlinux for ppc64el)")?;
    let directory = tempfile::tempdir().unwrap();
    let machine = Machine { kernel: kernel.into(), memory_mib: 1024, ..machine(directory.path(), "lpar1") };
    let (mut qemu, mut qmp) = Qemu::start_connected(&machine).unwrap();
    let said = heard(&machine, "Unable to mount root fs");
    assert!(said.contains("Linux version"), "{said}");
    // panic=-1: the kernel restarts the machine.
    qmp.wait_event(&["RESET", "GUEST_PANICKED", "SHUTDOWN"], soon()).unwrap();
    qemu.kill().unwrap();
    Ok(())
}

/// What hvc0 has said, once it has said these words.
fn heard(machine: &Machine, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let said = fs::read(machine.console_log()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if said.contains(words) {
            return said.into_owned();
        }
        assert!(Instant::now() < deadline, "hvc0 did not say {words:?}:\n{said}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// LPARLAB_INITRD: its /init says "ready" on the console and stays.
fn debians_kernel_takes_up_and_gives_up() -> Result<(), String> {
    qemu_is_there()?;
    let from = |name: &str| std::env::var_os(name).ok_or(format!("{name} names no file"));
    let (kernel, initrd) = (from("LPARLAB_KERNEL")?, from("LPARLAB_INITRD")?);
    let directory = tempfile::tempdir().unwrap();
    let small = machine(directory.path(), "lpar1");
    let machine = Machine { kernel: kernel.into(), initrd: Some(initrd.into()), memory_mib: 1024, ..small };
    let (mut qemu, mut qmp) = Qemu::start_connected(&machine).unwrap();
    heard(&machine, "ready");
    let lengthy = || Instant::now() + Duration::from_secs(60);
    let added = hotplug::plug_memory(&mut qmp, 512);
    assert!(added.is_ok(), "{added:?}; QEMU: {:?} {}", qemu.exit_status(), qemu.log_tail());
    heard(&machine, "memory grew");
    let dimms = hotplug::query_dimms(&mut qmp).unwrap();
    hotplug::ask_memory_back(&mut qmp, &dimms[0]).unwrap();
    match hotplug::await_memory_back(&mut qmp, &dimms[0], lengthy()) {
        Ok(()) => assert!(hotplug::query_dimms(&mut qmp).unwrap().is_empty()),
        // Pages that cannot be moved: a true answer, and the DIMM is still there.
        Err(HotplugError::Kept { .. }) => assert_eq!(hotplug::query_dimms(&mut qmp).unwrap(), dimms),
        Err(other) => panic!("{other:?}"),
    }
    // The core last: see unplug_core.
    assert_eq!(hotplug::plug_core(&mut qmp).unwrap().id, 2);
    heard(&machine, "cpus 0-2");
    assert_eq!(hotplug::unplug_core(&mut qmp, lengthy()).unwrap().id, 2);
    heard(&machine, "after 0-1");
    Ok(())
}
