//! Machines and their command lines, golden.

#![allow(clippy::unwrap_used)]

use super::*;

/// A migration's destination with everything that a machine can have.
pub(crate) fn full() -> Machine {
    Machine {
        name: "lpar1".into(),
        system: SystemIdentity { model: "8286-41A".into(), serial: "2166666".into() },
        cpus: 2,
        max_cpus: 4,
        memory_mib: 1024,
        max_memory_mib: 4096,
        memory_slots: 8,
        kernel: "/image/vmlinux".into(),
        initrd: Some("/image/initrd".into()),
        append: "console=hvc0 quiet lparlab.system=IBM,8286-41A".into(),
        disk: Some("/lab/a,b.img".into()),
        adapters: vec![
            Adapter { tap: "t0p1m".into(), mac: MacAddress([2, 0x4c, 0x50, 1, 0, 1]), unit_address: 0x3000_0004 },
            Adapter { tap: "t0p1l".into(), mac: MacAddress([2, 0x4c, 0x50, 2, 0, 1]), unit_address: 0x3000_1005 },
        ],
        pci_card: true,
        hotplug_events: true,
        sockets: Sockets { qmp: "/run/q".into(), console: "/run/c".into(), channel: "/run/h".into() },
        plugged_cores: vec![PluggedCore {
            device: "core2".into(),
            number: 2,
            driver: "power9_v2.2-spapr-cpu-core".into(),
        }],
        plugged_dimms: vec![PluggedDimm {
            device: "dimm0".into(),
            memory: "memory0".into(),
            mib: 512,
            address: 1 << 30,
            slot: 0,
        }],
        incoming: Some("/run/in,coming".into()),
        log: "/run/lpar1.log".into(),
        address_space_mib: None,
    }
}

const FULL: &str = "\
-name lpar1
-no-user-config
-nodefaults
-display none
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,host-model=IBM-8286-41A,host-serial=2166666,memory-backend=ram
-accel tcg
-cpu POWER9
-smp cpus=2,maxcpus=4,cores=4,threads=1
-m size=1024M,slots=8,maxmem=4096M
-object memory-backend-ram,id=ram,size=1024M
-kernel /image/vmlinux
-initrd /image/initrd
-append console=hvc0 quiet lparlab.system=IBM,8286-41A
-device power9_v2.2-spapr-cpu-core,id=core2,core-id=2
-object memory-backend-ram,id=memory0,size=512M
-device pc-dimm,id=dimm0,memdev=memory0,addr=0x40000000,slot=0
-chardev socket,id=console,path=/run/c,server=on,wait=off,logfile=/run/lpar1.console.log,logappend=on
-device spapr-vty,id=vty0,chardev=console,reg=0x71000001
-chardev socket,id=channel,path=/run/h,server=on,wait=off
-device spapr-vty,id=vty1,chardev=channel,reg=0x71000002
-blockdev driver=raw,node-name=disk0,file.driver=file,file.filename=/lab/a,,b.img,file.locking=off,cache.direct=off,cache.no-flush=off,discard=unmap
-device spapr-vscsi,id=scsi0,reg=0x71000003
-device scsi-hd,id=disk0-device,drive=disk0,bus=scsi0.0,channel=0,scsi-id=0,lun=0,write-cache=on
-netdev tap,id=net0,ifname=t0p1m,script=no,downscript=no
-device spapr-vlan,id=lan0,netdev=net0,mac=02:4c:50:01:00:01,reg=0x30000004
-netdev tap,id=net1,ifname=t0p1l,script=no,downscript=no
-device spapr-vlan,id=lan1,netdev=net1,mac=02:4c:50:02:00:01,reg=0x30001005
-device virtio-net-pci,id=card0,bus=pci.0,addr=1,romfile=
-qmp unix:/run/q,server=on,wait=off
-incoming unix:/run/in,coming
";

/// One option a line, its value behind it.
fn printed(machine: &Machine) -> String {
    let mut text = String::new();
    for argument in arguments(machine) {
        let argument = argument.into_string().unwrap();
        let starts_line = argument.starts_with('-');
        if !text.is_empty() {
            text.push(if starts_line { '\n' } else { ' ' });
        }
        text.push_str(&argument);
    }
    text + "\n"
}

#[test]
fn the_full_command_line_is_as_written_here() {
    assert_eq!(printed(&full()), FULL);
}

#[test]
fn what_a_machine_lacks_is_not_on_its_command_line() {
    let machine = Machine {
        initrd: None,
        disk: None,
        adapters: vec![],
        pci_card: false,
        hotplug_events: false,
        plugged_cores: vec![],
        plugged_dimms: vec![],
        incoming: None,
        memory_slots: 0,
        max_memory_mib: 1024,
        ..full()
    };
    let text = printed(&machine);
    for absent in ["-initrd", "dimm", "core2", "scsi", "tap", "virtio", "-incoming", "slots", "maxmem"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    assert!(text.contains("-m size=1024M\n"));
    assert!(text.contains(",modern-hotplug-events=off\n"));
}

#[test]
fn source_and_destination_differ_only_where_a_migration_allows_it() {
    let source = Machine { incoming: None, ..full() };
    let mut destination = full();
    destination.system = SystemIdentity { model: "9009-22A".into(), serial: "7800001".into() };
    destination.adapters[0].tap = "t1p1m".into();
    destination.adapters[1].tap = "t1p1l".into();
    let (source, destination) = (arguments(&source), arguments(&destination));
    let differing: Vec<_> =
        source.iter().zip(&destination).filter(|(a, b)| a != b).map(|(a, _)| a.to_string_lossy()).collect();
    assert!(differing.iter().all(|a| a.contains("host-model") || a.contains("ifname")), "{differing:?}");
    assert_eq!(destination.len(), source.len() + 2);
}

#[test]
fn an_identity_is_printed_as_ibm_prints_it() {
    let identity = full().system;
    assert_eq!(identity.to_string(), "8286-41A*2166666");
    assert_eq!(identity.device_tree_model(), "IBM,8286-41A");
}

#[test]
fn ethernet_addresses_are_read_and_printed_and_give_link_local_ones() {
    let mac: MacAddress = "02:4c:50:00:00:01".parse().unwrap();
    assert_eq!(mac.to_string(), "02:4c:50:00:00:01");
    assert_eq!(mac.link_local().to_string(), "fe80::4c:50ff:fe00:1");
    for bad in ["", "02:4c:50:00:00", "02:4c:50:00:00:01:02", "2:4c:50:00:00:01", "+2:4c:50:00:00:01", "02-4c"] {
        assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
    }
}

#[test]
fn adapters_that_would_share_an_interrupt_are_refused() {
    let with = |addresses: &[u32]| {
        let adapter = |unit_address: &u32| Adapter { unit_address: *unit_address, ..full().adapters[0].clone() };
        Machine { adapters: addresses.iter().map(adapter).collect(), ..full() }
    };
    for good in [&[0x3000_0004, 0x3000_1005][..], &[0x3000_2000, 0x7100_0004], &[]] {
        assert_eq!(with(good).check(), Ok(()), "{good:x?}");
    }
    for bad in [&[0x3000_0004, 0x3000_0005][..], &[4], &[0x7100_0002], &[0x3000_0000, 0x7100_00f0]] {
        let error = with(bad).check().unwrap_err();
        assert!(matches!(error, MachineError::UnitAddress { .. }), "{bad:x?}: {error}");
    }
}

#[test]
fn machines_that_cannot_exist_are_refused() {
    assert_eq!(full().check(), Ok(()));
    let bad: [(&str, Machine); 9] = [
        ("cpus is 0", Machine { cpus: 0, ..full() }),
        ("cpus is 5", Machine { cpus: 5, ..full() }),
        ("memory_mib is 1000", Machine { memory_mib: 1000, ..full() }),
        ("memory_mib is 0", Machine { memory_mib: 0, ..full() }),
        ("max_memory_mib is 512", Machine { max_memory_mib: 512, ..full() }),
        ("memory_slots is 257", Machine { memory_slots: 257, ..full() }),
        ("socket", Machine { incoming: Some("x".repeat(108).into()), ..full() }),
        ("name \"a,b\"", Machine { name: "a,b".into(), ..full() }),
        ("serial", Machine { system: SystemIdentity { model: "1".into(), serial: "1,x=on".into() }, ..full() }),
    ];
    for (why, machine) in bad {
        let said = machine.check().unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
