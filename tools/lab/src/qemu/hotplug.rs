//! Processors and memory for a running machine: which QMP commands to send (pure), and sending them.
//!
//! Adding is done when QEMU has accepted it; it then tells the guest's kernel by a hotplug event. Removing is a request to
//! the guest: it is done when QEMU reports `DEVICE_DELETED`, and refused when it reports an unplug error.

use std::time::Instant;

use serde_json::{Value, json};

use crate::machine::{MEMORY_BLOCK_MIB, PluggedCore, PluggedDimm};
use crate::qmp::{Event, Qmp, QmpError};

/// A device or its memory could not be added or removed.
#[derive(Debug, thiserror::Error)]
pub enum HotplugError {
    /// The connection failed or QEMU said no.
    #[error("cannot {operation} {device}")]
    Qmp {
        /// Verb.
        operation: &'static str,
        /// `core 2`, `dimm3`.
        device: String,
        /// Why.
        source: QmpError,
    },
    /// There is nothing left to add or to remove.
    #[error("{0}")]
    Nothing(String),
    /// A size that makes no DIMM.
    #[error("{mib} MiB make no DIMM: memory comes in multiples of {MEMORY_BLOCK_MIB} MiB")]
    Size {
        /// What was asked.
        mib: u32,
    },
    /// The guest keeps what was to be removed.
    #[error(
        "the partition keeps {device}: it is in use, or its kernel cannot give it up (dmesg in the partition says why)"
    )]
    Kept {
        /// The device.
        device: String,
    },
    /// QEMU's answer is not what its schema says.
    #[error("QEMU's answer to {command} is not understood: {answer}")]
    Answer {
        /// The query.
        command: &'static str,
        /// The beginning of the answer.
        answer: String,
    },
}

/// One QMP command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// `device_add`, …
    pub name: &'static str,
    /// Its arguments.
    pub arguments: Value,
}

/// A core that the machine has or can have.
#[derive(Debug, Clone, PartialEq)]
pub struct Core {
    /// Its number; the DRC index of its first thread is `0x10000000` plus it (with one thread a core).
    pub id: u64,
    /// CPUs (threads) of it.
    pub cpus: u64,
    /// QEMU's driver: `power9_v2.2-spapr-cpu-core`.
    pub driver: String,
    /// Where it is, when it is there.
    pub qom_path: Option<String>,
    /// All that `device_add` wants to know.
    properties: Value,
}

impl Core {
    /// The id under which this module adds it.
    pub fn device(&self) -> String {
        format!("core{}", self.id)
    }
}

/// Reads the answer to query-hotpluggable-cpus; the cores by rising number.
pub fn cores(answer: &Value) -> Result<Vec<Core>, HotplugError> {
    let one = |entry: &Value| {
        Some(Core {
            id: entry["props"]["core-id"].as_u64()?,
            cpus: entry["vcpus-count"].as_u64()?,
            driver: entry["type"].as_str()?.to_owned(),
            qom_path: entry["qom-path"].as_str().map(str::to_owned),
            properties: entry["props"].clone(),
        })
    };
    let cores: Option<Vec<Core>> = answer.as_array().and_then(|entries| entries.iter().map(one).collect());
    let mut cores = cores.ok_or_else(|| not_understood("query-hotpluggable-cpus", answer))?;
    cores.sort_by_key(|core| core.id);
    Ok(cores)
}

/// Adds a core that is not there.
pub fn add_core(core: &Core) -> Command {
    let mut arguments = core.properties.clone();
    arguments["driver"] = json!(core.driver);
    arguments["id"] = json!(core.device());
    Command { name: "device_add", arguments }
}

/// Asks the guest to give up a core. QEMU knows those that were there at boot by their place only.
pub fn remove_core(core: &Core) -> Command {
    let place = core.qom_path.clone().unwrap_or_else(|| core.device());
    Command { name: "device_del", arguments: json!({ "id": place }) }
}

/// What a migration's destination is to be started with: how many CPUs at boot, and the cores that were added.
pub fn core_layout(cores: &[Core]) -> (u64, Vec<PluggedCore>) {
    let (mut boot_cpus, mut plugged) = (0, Vec::new());
    for core in cores {
        // Devices with an id live here; those of the boot have none.
        match core.qom_path.as_deref().map(|place| place.strip_prefix("/machine/peripheral/")) {
            Some(Some(device)) => {
                plugged.push(PluggedCore { device: device.to_owned(), number: core.id, driver: core.driver.clone() });
            }
            Some(None) => boot_cpus += core.cpus,
            None => {}
        }
    }
    (boot_cpus, plugged)
}

/// Reads the answer to query-memory-devices; the DIMMs by rising address.
pub fn dimms(answer: &Value) -> Result<Vec<PluggedDimm>, HotplugError> {
    let one = |entry: &Value| {
        let data = &entry["data"];
        Some(PluggedDimm {
            memory: data["memdev"].as_str()?.trim_start_matches("/objects/").to_owned(),
            device: data["id"].as_str()?.to_owned(),
            mib: data["size"].as_u64()? >> 20,
            address: data["addr"].as_u64()?,
            slot: data["slot"].as_u64()?,
        })
    };
    let entries = answer.as_array().ok_or_else(|| not_understood("query-memory-devices", answer))?;
    let is_dimm = |entry: &&Value| entry["type"] == "dimm";
    let dimms: Option<Vec<PluggedDimm>> = entries.iter().filter(is_dimm).map(one).collect();
    let mut dimms = dimms.ok_or_else(|| not_understood("query-memory-devices", answer))?;
    dimms.sort_by_key(|dimm| dimm.address);
    Ok(dimms)
}

/// The lowest number that no DIMM has.
pub fn free_dimm_number(dimms: &[PluggedDimm]) -> u32 {
    // Among one more number than there are DIMMs one is free; a machine has 256 slots at most.
    let one_more = u32::try_from(dimms.len()).unwrap_or(u32::MAX);
    (0..=one_more).find(|number| dimms.iter().all(|dimm| dimm.device != dimm_device(*number))).unwrap_or(one_more)
}

fn dimm_device(number: u32) -> String {
    format!("dimm{number}")
}

/// The memory behind a DIMM, and the DIMM. The destination of a later migration needs the same two, with these ids.
pub fn add_memory(number: u32, mib: u32) -> Result<[Command; 2], HotplugError> {
    if mib == 0 || mib % MEMORY_BLOCK_MIB != 0 {
        return Err(HotplugError::Size { mib });
    }
    let (device, memory) = (dimm_device(number), format!("memory{number}"));
    let bytes = u64::from(mib) << 20;
    Ok([
        Command {
            name: "object-add",
            arguments: json!({ "qom-type": "memory-backend-ram", "id": memory, "size": bytes }),
        },
        Command { name: "device_add", arguments: json!({ "driver": "pc-dimm", "id": device, "memdev": memory }) },
    ])
}

/// Asks the guest to give up a DIMM; when it has gone, the second command frees its memory.
pub fn remove_memory(dimm: &PluggedDimm) -> [Command; 2] {
    [
        Command { name: "device_del", arguments: json!({ "id": dimm.device }) },
        Command { name: "object-del", arguments: json!({ "id": dimm.memory }) },
    ]
}

/// What an event says of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Done.
    Gone,
    /// The guest refused.
    Kept,
}

/// Whether an event is about the removal of this device (an id or a place), and how it went.
pub fn removal(event: &Event, device: &str) -> Option<Removal> {
    let place = event.data["path"].as_str().unwrap_or_default();
    let about = event.data["device"] == device || place == device || place.rsplit('/').next() == Some(device);
    match event.name.as_str() {
        "DEVICE_DELETED" if about => Some(Removal::Gone),
        "DEVICE_UNPLUG_GUEST_ERROR" | "MEM_UNPLUG_ERROR" if about => Some(Removal::Kept),
        _ => None,
    }
}

const REMOVAL_EVENTS: [&str; 3] = ["DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR", "MEM_UNPLUG_ERROR"];

/// Asks for the cores.
pub fn query_cores(qmp: &mut Qmp) -> Result<Vec<Core>, HotplugError> {
    let answer = qmp.execute("query-hotpluggable-cpus", Value::Null).map_err(failed("list", "the cores"))?;
    cores(&answer)
}

/// Adds the lowest core that is not there.
pub fn plug_core(qmp: &mut Qmp) -> Result<Core, HotplugError> {
    let cores = query_cores(qmp)?;
    let total = cores.len();
    let absent = cores.into_iter().find(|core| core.qom_path.is_none());
    let core = absent.ok_or_else(|| {
        HotplugError::Nothing(format!(
            "all {total} cores that the machine can have are there; its max_cpus is the limit"
        ))
    })?;
    run(qmp, &add_core(&core), "add", &core.device())?;
    Ok(core)
}

/// Asks the guest to give up the highest core and waits until it has. Core 0 stays: pseries cannot do without it.
///
/// **QEMU 10.0.2 under TCG dies after this**, at the next change of its memory's layout: the next DIMM, or the next
/// migration (seen 3 of 3 times each; it uses the freed CPU: "mutex->initialized", "__pthread_tpp_change_priority"). While
/// that is so, a partition that must live on gives its core up by itself only (`cpu remove index …` in
/// /sys/kernel/dlpar); QEMU keeps the core, and `cpu add index …` takes it back.
pub fn unplug_core(qmp: &mut Qmp, deadline: Instant) -> Result<Core, HotplugError> {
    let mut present = query_cores(qmp)?.into_iter().filter(|core| core.qom_path.is_some() && core.id != 0);
    let core = present.next_back().ok_or_else(|| HotplugError::Nothing("only the first core is left".to_owned()))?;
    let command = remove_core(&core);
    run(qmp, &command, "remove", &core.device())?;
    await_removal(qmp, command.arguments["id"].as_str().unwrap_or_default(), deadline)?;
    Ok(core)
}

/// Asks for the DIMMs.
pub fn query_dimms(qmp: &mut Qmp) -> Result<Vec<PluggedDimm>, HotplugError> {
    let answer = qmp.execute("query-memory-devices", Value::Null).map_err(failed("list", "the DIMMs"))?;
    dimms(&answer)
}

/// Adds a DIMM of this size.
pub fn plug_memory(qmp: &mut Qmp, mib: u32) -> Result<PluggedDimm, HotplugError> {
    let number = free_dimm_number(&query_dimms(qmp)?);
    let device = dimm_device(number);
    let [object, dimm] = add_memory(number, mib)?;
    run(qmp, &object, "add the memory of", &device)?;
    run(qmp, &dimm, "add", &device).inspect_err(|error| {
        // A refusal is undone, so that the number is free again; the error that counts is the first. After a timeout
        // nobody knows whether the DIMM is there, and QEMU does not answer anyway.
        if matches!(error, HotplugError::Qmp { source, .. } if source.is_refusal()) {
            let memory = object.arguments["id"].clone();
            drop(qmp.execute("object-del", json!({ "id": memory })));
        }
    })?;
    let added = query_dimms(qmp)?.into_iter().find(|dimm| dimm.device == device);
    added.ok_or_else(|| HotplugError::Nothing(format!("QEMU has accepted {device} and does not list it")))
}

/// Asks for a DIMM back. Before this QEMU lets the guest release none of its blocks (hw/ppc/spapr_drc.c,
/// `drc_isolate_logical`: `RTAS_OUT_HW_ERROR`; the kernel's view and QEMU's then differ for good).
pub fn ask_memory_back(qmp: &mut Qmp, dimm: &PluggedDimm) -> Result<(), HotplugError> {
    let [device, _] = remove_memory(dimm);
    run(qmp, &device, "remove", &dimm.device)
}

/// Waits until the guest has given up the DIMM that it was asked for.
pub fn await_memory_back(qmp: &mut Qmp, dimm: &PluggedDimm, deadline: Instant) -> Result<(), HotplugError> {
    let [_, object] = remove_memory(dimm);
    await_removal(qmp, &dimm.device, deadline)?;
    run(qmp, &object, "free the memory of", &dimm.device)
}

fn run(qmp: &mut Qmp, command: &Command, operation: &'static str, device: &str) -> Result<(), HotplugError> {
    qmp.execute(command.name, command.arguments.clone()).map(drop).map_err(failed(operation, device))
}

fn await_removal(qmp: &mut Qmp, device: &str, deadline: Instant) -> Result<(), HotplugError> {
    loop {
        let event = qmp.wait_event(&REMOVAL_EVENTS, deadline).map_err(failed("remove", device))?;
        match removal(&event, device) {
            Some(Removal::Gone) => return Ok(()),
            Some(Removal::Kept) => return Err(HotplugError::Kept { device: device.to_owned() }),
            None => {}
        }
    }
}

fn failed(operation: &'static str, device: &str) -> impl FnOnce(QmpError) -> HotplugError {
    let device = device.to_owned();
    move |source| HotplugError::Qmp { operation, device, source }
}

fn not_understood(command: &'static str, answer: &Value) -> HotplugError {
    HotplugError::Answer { command, answer: answer.to_string().chars().take(200).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn answer() -> Value {
        json!([
            {"props": {"core-id": 2}, "vcpus-count": 1, "type": "power9_v2.2-spapr-cpu-core"},
            {"props": {"core-id": 0}, "vcpus-count": 1, "type": "power9_v2.2-spapr-cpu-core", "qom-path": "/machine/unattached/device[1]"},
        ])
    }

    #[test]
    fn cores_become_commands() {
        let cores = cores(&answer()).unwrap();
        assert_eq!(cores.iter().map(|core| core.id).collect::<Vec<_>>(), [0, 2]);
        let expected = json!({"driver": "power9_v2.2-spapr-cpu-core", "id": "core2", "core-id": 2});
        assert_eq!(add_core(&cores[1]), Command { name: "device_add", arguments: expected });
        let boot = json!({"id": "/machine/unattached/device[1]"});
        assert_eq!(remove_core(&cores[0]), Command { name: "device_del", arguments: boot });
        assert_eq!(remove_core(&cores[1]).arguments, json!({"id": "core2"}));
    }

    fn plugged(number: u32, mib: u64, address: u64) -> PluggedDimm {
        let (device, memory) = (format!("dimm{number}"), format!("memory{number}"));
        PluggedDimm { device, memory, mib, address, slot: 0 }
    }

    #[test]
    fn a_destination_is_told_which_cores_were_added() {
        let mut all = cores(&answer()).unwrap();
        assert_eq!(core_layout(&all), (1, vec![]));
        all[1].qom_path = Some("/machine/peripheral/core2".into());
        let driver = all[1].driver.clone();
        assert_eq!(core_layout(&all), (1, vec![PluggedCore { device: "core2".into(), number: 2, driver }]));
    }

    #[test]
    fn memory_becomes_commands() {
        let [object, dimm] = add_memory(3, 512).unwrap();
        let memory = json!({"qom-type": "memory-backend-ram", "id": "memory3", "size": 536_870_912});
        assert_eq!(object, Command { name: "object-add", arguments: memory });
        assert_eq!(dimm.arguments, json!({"driver": "pc-dimm", "id": "dimm3", "memdev": "memory3"}));
        for mib in [0, 1, 300] {
            assert!(matches!(add_memory(0, mib), Err(HotplugError::Size { .. })));
        }
        let dimm = plugged(3, 512, 1 << 30);
        let [device, object] = remove_memory(&dimm);
        assert_eq!((device.name, device.arguments), ("device_del", json!({"id": "dimm3"})));
        assert_eq!((object.name, object.arguments), ("object-del", json!({"id": "memory3"})));
    }

    #[test]
    fn dimms_are_read_and_the_free_number_found() {
        let dimm = |id: &str, addr: u64| json!({"type": "dimm", "data": {"id": id, "memdev": "/objects/memory0", "size": 268_435_456, "addr": addr, "slot": 0}});
        let dimms = dimms(&json!([dimm("dimm2", 2 << 30), dimm("dimm0", 1 << 30), {"type": "nvdimm"}])).unwrap();
        assert_eq!(dimms[0], plugged(0, 256, 1 << 30));
        assert_eq!(free_dimm_number(&dimms), 1);
        assert_eq!(free_dimm_number(&[]), 0);
    }

    #[test]
    fn answers_that_break_the_schema_are_errors() {
        for bad in
            [Value::Null, json!({}), json!([{}]), json!([{"type": "dimm"}]), json!([{"props": {"core-id": "x"}}])]
        {
            assert!(cores(&bad).is_err(), "{bad}");
        }
        for bad in [Value::Null, json!([{"type": "dimm", "data": {"id": 7}}])] {
            assert!(dimms(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_devices_own_events_end_its_removal() {
        let event = |name: &str, data| Event { name: name.into(), data, at: None, seen: Instant::now() };
        let named = json!({"device": "core2", "path": "/machine/peripheral/core2"});
        let nameless = json!({"path": "/machine/unattached/device[1]"});
        let cases = [
            ("DEVICE_DELETED", named.clone(), "core2", Some(Removal::Gone)),
            ("DEVICE_DELETED", named.clone(), "core3", None),
            ("DEVICE_DELETED", json!({"path": "/machine/peripheral/core2/thread[0]"}), "core2", None),
            ("DEVICE_DELETED", nameless, "/machine/unattached/device[1]", Some(Removal::Gone)),
            ("DEVICE_UNPLUG_GUEST_ERROR", named.clone(), "core2", Some(Removal::Kept)),
            ("MEM_UNPLUG_ERROR", json!({"device": "dimm0", "msg": "x"}), "dimm0", Some(Removal::Kept)),
            ("RESUME", named, "core2", None),
        ];
        for (name, data, device, expected) in cases {
            assert_eq!(removal(&event(name, data), device), expected, "{name} {device}");
        }
    }
}
