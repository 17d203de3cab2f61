//! A lab that runs: managed systems with their consoles, partitions, and the networks between them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wire::key::PublicKey;

use crate::agent::Agents;
use crate::console::session::Post;
use crate::console::{Console, key};
use crate::error::Error;
use crate::guest::Guests;
use crate::image::Image;
use crate::machine::{Adapter, Machine, PluggedCore, PluggedDimm, Sockets, SystemIdentity};
use crate::network::{self, Namespace, NamespaceId, Role};
use crate::partition::{Body, Partition, State};
use crate::qemu::Qemu;
use crate::qemu::hotplug;
use crate::qmp::Qmp;
use crate::scenario::{LMB_MIB, Lpar, Scenario, System};

/// The lab.
#[derive(Debug)]
pub struct Lab {
    /// What it was started with.
    pub scenario: Scenario,
    /// Its directory: sockets, disks, logs.
    pub directory: PathBuf,
    /// The managed systems, in the scenario's order.
    pub frames: Vec<Frame>,
    /// The partitions, in the scenario's order.
    pub partitions: Vec<Partition>,
    /// Talks to them over their channels.
    pub guests: Arc<Guests>,
    /// Talks to their agents over the consoles' sessions.
    pub agents: Arc<Agents>,
    images: BTreeMap<String, Image>,
    incarnations: AtomicU32,
    network: Namespace,
}

/// Processors and memory that a partition has, as its QEMU tells it: what a migration's destination must have too.
#[derive(Debug, Clone)]
pub struct Hardware {
    /// Cores 0 to this, exclusive.
    pub first_cores: u32,
    /// Others.
    pub cores: Vec<PluggedCore>,
    /// Memory that was added.
    pub dimms: Vec<PluggedDimm>,
}

impl Hardware {
    /// Asks QEMU.
    pub fn of(name: &str, qmp: &mut Qmp) -> Result<Self, Error> {
        let failed = |error| Error::failed("look at the hardware of", name, error);
        let cores = hotplug::query_cores(qmp).map_err(failed)?;
        let (first_cores, cores) = hotplug::core_layout(&cores);
        let dimms = hotplug::query_dimms(qmp).map_err(failed)?;
        Ok(Self { first_cores: u32::try_from(first_cores).unwrap_or(u32::MAX), cores, dimms })
    }

    fn at_start(spec: &Lpar) -> Self {
        Self { first_cores: spec.cpus, cores: Vec::new(), dimms: Vec::new() }
    }
}

/// A managed system.
#[derive(Debug)]
pub struct Frame {
    /// What the scenario says of it.
    pub spec: System,
    /// Its position.
    pub index: usize,
    /// Its console.
    pub console: Arc<Console>,
    key: Mutex<PublicKey>,
    is_isolating: Mutex<bool>,
}

impl Frame {
    /// Type, model and serial number.
    pub fn identity(&self) -> SystemIdentity {
        SystemIdentity { model: self.spec.model.clone(), serial: self.spec.serial.clone() }
    }

    /// Its number in names and addresses.
    pub fn number(&self) -> u16 {
        u16::try_from(self.index).unwrap_or(u16::MAX)
    }

    /// The console's address on the management network.
    pub fn console_address(&self) -> Ipv6Addr {
        network::console_address(self.number())
    }

    /// What its console proves itself with.
    pub fn console_key(&self) -> PublicKey {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bridge that is its MGMTSWITCH.
    pub fn management_bridge(&self) -> String {
        network::management_bridge(self.number())
    }

    /// Whether its MGMTSWITCH is in VEPA mode.
    pub fn is_isolating(&self) -> bool {
        *self.is_isolating.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lab {
    /// Makes the networks and starts the consoles; no partition yet. Runs inside the lab's namespaces.
    /// `outer` is the network that the lab was started from.
    pub fn open(
        scenario: Scenario,
        directory: &Path,
        images: BTreeMap<String, Image>,
        outer: &NamespaceId,
    ) -> Result<Self, Error> {
        let (guests, agents) = (Arc::new(Guests::default()), Arc::new(Agents::default()));
        let network = Namespace::claim(outer).map_err(|error| Error::failed("make", "the networks", error))?;
        let numbers: Vec<u16> = (0..).take(scenario.systems.len()).collect();
        network.apply(&network::base(&numbers)).map_err(|error| Error::failed("make", "the networks", error))?;
        let mut frames = Vec::new();
        for (number, (index, spec)) in numbers.into_iter().zip(scenario.systems.iter().enumerate()) {
            let log = directory.join(format!("{}.console.log", spec.name));
            let post = Post {
                system: spec.name.clone(),
                bridge: network::management_bridge(number),
                address: network::console_address(number),
                key: directory.join(format!("{}.console.key", spec.name)),
            };
            let key = key::make(&post.key)?;
            let console = Console::start(post, &log, Arc::clone(&guests), Arc::clone(&agents))?;
            frames.push(Frame {
                spec: spec.clone(),
                index,
                console,
                key: Mutex::new(key),
                is_isolating: Mutex::new(true),
            });
        }
        let partitions = scenario.lpars.iter().map(|spec| Partition::new(spec, directory)).collect();
        let directory = directory.to_owned();
        Ok(Self {
            scenario,
            directory,
            frames,
            partitions,
            guests,
            agents,
            images,
            incarnations: AtomicU32::new(0),
            network,
        })
    }

    /// The partition called `name`.
    pub fn partition(&self, name: &str) -> Result<&Partition, Error> {
        self.partitions.iter().find(|partition| partition.spec.name == name).ok_or_else(|| {
            let names: Vec<_> = self.partitions.iter().map(|partition| partition.spec.name.as_str()).collect();
            Error::Refused(format!("there is no lpar '{name}' in this lab; it has {}", names.join(", ")))
        })
    }

    /// The system called `name`.
    pub fn frame(&self, name: &str) -> Result<&Frame, Error> {
        self.frames.iter().find(|frame| frame.spec.name == name).ok_or_else(|| {
            let names: Vec<_> = self.frames.iter().map(|frame| frame.spec.name.as_str()).collect();
            Error::Refused(format!("there is no system '{name}' in this lab; it has {}", names.join(", ")))
        })
    }

    /// The system that a partition is on.
    pub fn frame_of(&self, partition: &Partition) -> Result<&Frame, Error> {
        self.frame(&partition.view().system)
    }

    /// Starts a partition's QEMU and waits for nothing.
    pub fn activate(&self, partition: &Partition) -> Result<(), Error> {
        let mut body = partition.take()?;
        let frame = self.frame_of(partition)?;
        self.make_disk(&partition.spec)?;
        let machine = self.machine(&partition.spec, frame, &Hardware::at_start(&partition.spec), None)?;
        let new = self.launch(&partition.spec, frame, &machine)?;
        partition.update(|view| {
            view.state = State::Starting;
            view.sockets.clone_from(&new.sockets);
        });
        frame.console.attach(&partition.spec.name, &new.sockets.join("channel"))?;
        *body = Some(new);
        Ok(())
    }

    /// Waits until a partition has greeted, and notes what it said.
    pub fn wait_ready(&self, partition: &Partition, started: Instant, deadline: Duration) -> Result<Duration, Error> {
        let (when, hello) = self.guests.wait_greeting(&partition.spec.name, deadline)?;
        let took = when.saturating_duration_since(started);
        partition.update(|view| {
            view.state = State::Running;
            view.kernel = hello.kernel;
            view.boot_id = hello.boot_id;
            view.ready_after_ms = u64::try_from(took.as_millis()).ok();
        });
        Ok(took)
    }

    /// Starts a QEMU for a partition on a system.
    pub fn launch(&self, spec: &Lpar, frame: &Frame, machine: &Machine) -> Result<Body, Error> {
        let sockets = machine.sockets.qmp.parent().unwrap_or(&self.directory).to_owned();
        for role in [Role::Management, Role::Lan] {
            self.apply(&network::plug(frame.number(), spec.id.into(), role))?;
        }
        if !frame.is_isolating() {
            self.apply(&network::isolation(&management_tap(frame, spec), false))?;
        }
        match Qemu::start_connected(machine) {
            Ok((qemu, qmp)) => {
                let (released_cores, released_blocks) = (BTreeSet::new(), BTreeSet::new());
                Ok(Body { system: frame.index, qemu, qmp, released_cores, released_blocks, sockets })
            }
            Err(error) => {
                self.unplug(spec, frame);
                Err(Error::failed("start", &spec.name, error))
            }
        }
    }

    fn apply(&self, steps: &[network::Step]) -> Result<(), Error> {
        self.network.apply(steps).map_err(|error| Error::failed("change", "the network", error))
    }

    /// Takes a partition's adapters off a system.
    pub fn unplug(&self, spec: &Lpar, frame: &Frame) {
        for role in [Role::Management, Role::Lan] {
            if let Err(error) = self.apply(&network::remove_tap(&tap(frame, spec, role))) {
                eprintln!("lparlab: {error}");
            }
        }
    }

    /// The machine that a partition is on a system; with `incoming`, as the destination of a migration that comes in by the
    /// socket of that name. Makes the directory of its sockets.
    pub fn machine(
        &self,
        spec: &Lpar,
        frame: &Frame,
        hardware: &Hardware,
        incoming: Option<&str>,
    ) -> Result<Machine, Error> {
        let number = self.incarnations.fetch_add(1, Ordering::Relaxed);
        let sockets = self.directory.join(format!("{}.{number}", spec.name));
        std::fs::create_dir(&sockets).map_err(|source| Error::io("make directory", sockets.display(), source))?;
        let image = self.images.get(&Image::key(spec)).ok_or_else(|| {
            Error::failed("start", &spec.name, format!("there is no guest image for kernel {}", spec.kernel))
        })?;
        let identity = frame.identity();
        Ok(Machine {
            name: spec.name.clone(),
            append: command_line(spec, &identity),
            system: identity,
            cpus: hardware.first_cores,
            plugged_cores: hardware.cores.clone(),
            max_cpus: spec.max_cpus,
            memory_mib: spec.memory_mib,
            max_memory_mib: spec.max_memory_mib,
            memory_slots: (spec.max_memory_mib - spec.memory_mib) / LMB_MIB,
            plugged_dimms: hardware.dimms.clone(),
            kernel: image.kernel.clone(),
            initrd: Some(image.initrd.clone()),
            disk: spec.disk_mib.map(|_| self.disk(spec)),
            adapters: vec![
                adapter(frame, spec, Role::Management, spec.management_unit()),
                adapter(frame, spec, Role::Lan, spec.lan_unit()),
            ],
            pci_card: spec.pci_card,
            hotplug_events: spec.hotplug_events,
            sockets: Sockets {
                qmp: sockets.join("qmp"),
                console: sockets.join("console"),
                channel: sockets.join("channel"),
            },
            incoming: incoming.map(|name| sockets.join(name)),
            log: self.directory.join(format!("{}.{}.log", spec.name, frame.spec.name)),
            address_space_mib: None,
        })
    }

    fn disk(&self, spec: &Lpar) -> PathBuf {
        self.directory.join(format!("{}.disk", spec.name))
    }

    /// An empty ext4 file system.
    fn make_disk(&self, spec: &Lpar) -> Result<(), Error> {
        let Some(size_mib) = spec.disk_mib else { return Ok(()) };
        let path = self.disk(spec);
        let failed = |cause: String| Error::failed("make the disk of", &spec.name, cause);
        let file = File::create(&path).map_err(|error| failed(error.to_string()))?;
        file.set_len(u64::from(size_mib) << 20).map_err(|error| failed(error.to_string()))?;
        let made = std::process::Command::new("/usr/sbin/mke2fs")
            .args(["-q", "-t", "ext4", "-F"])
            .args(spec.system_from.iter().flat_map(|directory| [OsStr::new("-d"), directory.as_os_str()]))
            .arg(&path)
            .output()
            .map_err(|error| failed(format!("mke2fs: {error}; tools/setup installs e2fsprogs")))?;
        if made.status.success() { Ok(()) } else { Err(failed(String::from_utf8_lossy(&made.stderr).into_owned())) }
    }

    /// Switches isolation of a system's MGMTSWITCH.
    pub fn isolate(&self, frame: &Frame, on: bool) -> Result<(), Error> {
        *frame.is_isolating.lock().unwrap_or_else(PoisonError::into_inner) = on;
        for partition in &self.partitions {
            let view = partition.view();
            if view.system == frame.spec.name && view.state != State::NotActivated {
                self.apply(&network::isolation(&management_tap(frame, &partition.spec), on))?;
            }
        }
        Ok(())
    }

    /// Pulls the cables between a system's MGMTSWITCH and its partitions, or puts them back.
    pub fn pull_cables(&self, frame: &Frame, pulled: bool) -> Result<(), Error> {
        for partition in &self.partitions {
            let view = partition.view();
            if view.system != frame.spec.name || view.state == State::NotActivated {
                continue;
            }
            let tap = management_tap(frame, &partition.spec);
            if pulled {
                self.apply(&network::leave(&tap))?;
            } else {
                self.apply(&network::join(&tap, &frame.management_bridge()))?;
                // A port that comes back is not isolated.
                self.apply(&network::isolation(&tap, frame.is_isolating()))?;
            }
        }
        Ok(())
    }

    /// CPUs and memory (MiB) that a system has left.
    pub fn free(&self, frame: &Frame) -> (u32, u32) {
        let here = self.partitions.iter().map(Partition::view).filter(|view| view.system == frame.spec.name);
        here.filter(|view| view.state != State::NotActivated)
            .fold((frame.spec.cpus, frame.spec.memory_mib), |(cpus, memory), view| {
                (cpus.saturating_sub(view.cpus), memory.saturating_sub(view.memory_mib))
            })
    }

    /// Ends everything that the lab started.
    pub fn close(&self) {
        for frame in &self.frames {
            frame.console.end();
        }
        for partition in &self.partitions {
            // Who holds it ends with the process.
            if let Ok(mut body) = partition.take() {
                *body = None;
            }
            partition.update(|view| view.state = State::NotActivated);
        }
    }
}

/// What firmware would tell the kernel; the guest's init adds it to the device tree.
///
/// With `movable_node` the kernel keeps nothing in added memory that it could not move away: what was added can be removed. Otherwise
/// that is so nearly always, and where it is not tests would fail that nobody broke.
fn command_line(spec: &Lpar, identity: &SystemIdentity) -> String {
    format!(
        "console=hvc0 quiet panic=-1 movable_node lparlab.name={} lparlab.id={} lparlab.uuid={} lparlab.migratable={} lparlab.system={} \
         lparlab.serial={} lparlab.mgmt={:x} lparlab.lan={:x} lparlab.lan_address={}/24 lparlab.system_on_disk={}",
        spec.name,
        spec.id,
        uuid(spec),
        u8::from(spec.migratable),
        identity.device_tree_model(),
        identity.serial,
        spec.management_unit(),
        spec.lan_unit(),
        spec.lan_address(),
        u8::from(spec.system_from.is_some()),
    )
}

/// The same partition has the same UUID in each run: a form that RFC 9562 leaves to whoever makes it (version 8).
fn uuid(spec: &Lpar) -> String {
    format!("6c706172-6b69-8000-8000-{:012x}", spec.id)
}

/// The partition's address on the management network: it keeps it when it moves.
pub fn management_address(spec: &Lpar) -> Ipv6Addr {
    network::partition_mac(spec.id.into(), Role::Management).link_local()
}

fn adapter(frame: &Frame, spec: &Lpar, role: Role, unit_address: u32) -> Adapter {
    Adapter { tap: tap(frame, spec, role), mac: network::partition_mac(spec.id.into(), role), unit_address }
}

fn tap(frame: &Frame, spec: &Lpar, role: Role) -> String {
    network::tap_name(frame.number(), spec.id.into(), role)
}

fn management_tap(frame: &Frame, spec: &Lpar) -> String {
    tap(frame, spec, Role::Management)
}
