//! A partition's files, as the lab's guest shows them (QEMU pseries, Debian's kernel), in a temporary directory: four cores
//! of which two are present, memory in blocks of 256 MiB, a host bridge with physical slots, virtual slots with adapters.
#![allow(dead_code, clippy::unwrap_used, clippy::disallowed_methods)] // each test file uses its part; a test may panic

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A partition.
pub(crate) struct Machine {
    directory: PathBuf,
    /// Removes the directory, where it is ours.
    _temporary: Option<tempfile::TempDir>,
}

/// What a program said and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

fn cells(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn text(text: &str) -> Vec<u8> {
    format!("{text}\0").into_bytes()
}

/// `ibm,drc-info` of ranges: type, name, first index, first suffix, count, increment.
fn drc_info(ranges: &[(&str, &str, u32, u32, u32, u32)]) -> Vec<u8> {
    let mut bytes = cells(&[u32::try_from(ranges.len()).unwrap()]);
    for (kind, prefix, index, suffix, count, increment) in ranges {
        bytes.extend(format!("{kind}\0{prefix}\0").into_bytes());
        bytes.extend(cells(&[*index, *suffix, *count, *increment, 0xffff_ffff]));
    }
    bytes
}

impl Machine {
    /// The partition as it boots.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let machine = Self { directory: temporary.path().to_owned(), _temporary: Some(temporary) };
        machine.fill();
        machine
    }

    /// The same in a directory that has other things already.
    pub(crate) fn within(directory: &Path) -> Self {
        for part in ["proc", "sys", "var", "dev"] {
            let _ = fs::remove_dir_all(directory.join(part));
        }
        let machine = Self { directory: directory.to_owned(), _temporary: None };
        machine.fill();
        machine
    }

    fn fill(&self) {
        self.root();
        self.processors();
        self.memory();
        self.slots();
    }

    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.path().join(path)).unwrap();
        self
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_default()
    }

    /// A property of a node of the device tree.
    pub(crate) fn property(&self, node: &str, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        self.file(&format!("proc/device-tree{node}/{name}"), bytes)
    }

    fn root(&self) {
        self.property("", "device_type", text("chrp")).property("", "compatible", text("qemu,pseries"));
        self.property("", "ibm,lpar-capable", "").property("", "ibm,migratable-partition", "");
        self.file("proc/cpuinfo", "machine\t\t: CHRP IBM pSeries (emulated by qemu)\n");
        self.property("/rtas", "ibm,associativity-reference-points", cells(&[4, 4]));
        self.file("sys/kernel/dlpar", "memory,cpu\n").file("sys/kernel/mobility/api_version", "1\n");
        self.file("sys/kernel/mobility/migration", "").file("sys/devices/system/power/hibernate", "1\n");
        self.file("sys/bus/pci/slots/control/add_slot", "").file("sys/bus/pci/slots/control/remove_slot", "");
        self.file("proc/sys/kernel/random/boot_id", "boot\n");
        fs::create_dir_all(self.path().join("proc/powerpc")).unwrap();
        std::os::unix::fs::symlink("powerpc", self.path().join("proc/ppc64")).unwrap();
        for directory in ["var/log", "var/lock", "var/lib", "dev"] {
            fs::create_dir_all(self.path().join(directory)).unwrap();
        }
    }

    fn processors(&self) {
        self.property("/cpus", "ibm,drc-info", drc_info(&[("CPU", "CPU ", 0x1000_0000, 0, 4, 1)]));
        for core in 0..2 {
            let node = format!("/cpus/PowerPC,POWER9@{core:x}");
            self.property(&node, "ibm,my-drc-index", cells(&[0x1000_0000 + core]));
            self.property(&node, "ibm,ppc-interrupt-server#s", cells(&[core * 2, core * 2 + 1]));
            self.property(&node, "reg", cells(&[core * 2])).property(&node, "name", text("PowerPC,POWER9"));
        }
        for thread in 0..4 {
            let cpu = format!("sys/devices/system/cpu/cpu{thread}");
            self.file(&format!("{cpu}/online"), "1\n").file(&format!("{cpu}/physical_id"), format!("{thread}\n"));
        }
        self.file("sys/devices/system/cpu/cpufreq/boost", "0\n");
    }

    fn memory(&self) {
        let node = "/ibm,dynamic-reconfiguration-memory";
        self.property(node, "ibm,lmb-size", cells(&[0, 0x1000_0000]));
        self.property(node, "ibm,associativity-lookup-arrays", cells(&[1, 4, 0, 0, 0, 0]));
        // Boot memory that stays, two blocks that were added, six that could be.
        let runs = [
            [4, 0, 0, 0x8000_0000, u32::MAX, 0x80],
            [2, 0, 0x4000_0000, 0x8000_0004, 0, 0x8],
            [6, 0, 0x6000_0000, 0x8000_0006, 0, 0],
        ];
        let mut property = cells(&[3]);
        property.extend(runs.iter().flat_map(|run| cells(run)));
        self.property(node, "ibm,dynamic-memory-v2", property);
        self.file("sys/devices/system/memory/block_size_bytes", "10000000\n");
        for section in 0..6 {
            let removable = if section == 5 { "0\n" } else { "1\n" };
            self.file(&format!("sys/devices/system/memory/memory{section}/removable"), removable);
        }
        self.file("sys/devices/system/node/node0/cpulist", "0-3\n");
    }

    fn slots(&self) {
        self.property("", "ibm,drc-info", drc_info(&[("PHB", "PHB ", 0x2000_0000, 0, 2, 1)]));
        let bridge = "/pci@800000020000000";
        self.property(bridge, "ibm,my-drc-index", cells(&[0x2000_0000]));
        self.property(bridge, "ibm,drc-info", drc_info(&[("28", "C", 0x4000_0000, 0, 4, 1)]));
        let card = format!("{bridge}/ethernet@1");
        self.property(&card, "ibm,my-drc-index", cells(&[0x4000_0001])).property(&card, "ibm,loc-code", text("C1"));
        self.property(&card, "name", text("ethernet"));
        for directory in ["bus/pci/devices", "devices/pci0000:00"] {
            self.file(&format!("sys/{directory}/0000:00:01.0/devspec"), format!("{card}\n"));
        }
        self.property(
            "/vdevice",
            "ibm,drc-info",
            drc_info(&[("SLOT", "U8286.41A.2166666-V3-C", 0x3000_0000, 0, 4, 1)]),
        );
        for (slot, name, linux) in [(2, "l-lan", true), (3, "v-scsi", false)] {
            let node = format!("/vdevice/{name}@3000000{slot}");
            self.property(&node, "ibm,my-drc-index", cells(&[0x3000_0000 + slot]));
            self.property(&node, "ibm,loc-code", text(&format!("U8286.41A.2166666-V3-C{slot}-T1")));
            self.property(&node, "name", text(name));
            if linux {
                for directory in ["bus/vio/devices", "devices/vio"] {
                    self.file(&format!("sys/{directory}/3000000{slot}/devspec"), format!("{node}\n"));
                }
            }
        }
    }

    /// Runs one of the two programs on this machine; a `~` in a word is a space.
    pub(crate) fn run(&self, program: &str, line: &str) -> Said {
        self.run_with_input(program, line, "")
    }

    /// The same with somebody who types.
    pub(crate) fn run_with_input(&self, program: &str, line: &str, typed: &str) -> Said {
        let binary = if program == "drmgr" { env!("CARGO_BIN_EXE_drmgr") } else { env!("CARGO_BIN_EXE_lsslot") };
        let mut child = Command::new(binary)
            .args(["--sysroot".as_ref(), self.path().as_os_str()])
            .args(line.split_whitespace().map(|word| word.replace('~', " ")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        Said::from(child.wait_with_output().unwrap())
    }

    /// `drmgr`.
    pub(crate) fn drmgr(&self, line: &str) -> Said {
        self.run("drmgr", line)
    }

    /// `lsslot`.
    pub(crate) fn lsslot(&self, line: &str) -> Said {
        self.run("lsslot", line)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code().unwrap(),
        }
    }
}
