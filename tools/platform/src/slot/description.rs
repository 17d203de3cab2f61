//! What fits into a slot, from its connector's type (LoPAPR table "Values for ibm,drc-types": a number for each kind of
//! physical slot), in the words that administrators of these systems know.

use super::{Kind, leading_number};
use crate::drc::Connector;

/// What a slot is.
pub fn description(connector: &Connector, kind: Kind) -> String {
    physical(leading_number(&connector.kind)).unwrap_or_else(|| {
        let words = match kind {
            Kind::Physical => "Unknown slot type",
            Kind::Logical => "Logical I/O Slot",
            Kind::Virtual => "Virtual I/O Slot",
        };
        words.to_owned()
    })
}

fn physical(number: u32) -> Option<String> {
    pci(number).or_else(|| pci_x(number)).or_else(|| pci_express(number))
}

fn pci(number: u32) -> Option<String> {
    let (bits, mhz, volts) = match number {
        1 => (32, 33, "5"),
        2 => (32, 50, "5"),
        3 => (32, 33, "3.3"),
        4 => (64, 33, "5"),
        5 => (64, 50, "5"),
        6 => (64, 33, "3.3"),
        7 => (32, 66, "3.3"),
        8 => (64, 66, "3.3"),
        _ => return None,
    };
    Some(format!("PCI {bits} bit, {mhz}MHz, {volts} volt slot"))
}

fn pci_x(number: u32) -> Option<String> {
    let (bits, mhz) = match number {
        11 => (32, 66),
        12 => (32, 100),
        13 => (32, 133),
        14 => (64, 66),
        15 => (64, 100),
        16 => (64, 133),
        17 => (64, 266),
        18 => (64, 533),
        _ => return None,
    };
    Some(format!("PCI-X capable, {bits} bit, {mhz}MHz slot"))
}

fn pci_express(number: u32) -> Option<String> {
    let simple = |revision, power: u32| Some(format!("PCI-E capable, Rev {revision}, {}x lanes", 1 << power));
    match number {
        19..=24 => simple(1, number - 19),
        25..=30 => simple(2, number - 25),
        31..=36 => Some(wired(3, number - 31)),
        37..=42 => Some(wired(4, number - 37)),
        43 => Some(u2(3, 4)),
        44 => Some(u2(4, 4)),
        45 => Some(u2(4, 2)),
        46..=51 => Some(wired(5, number - 46)),
        52 => Some(u2(5, 2)),
        53 => Some(u2(5, 4)),
        _ => None,
    }
}

/// Of six kinds: sockets of 8 and of 16 lanes, each with fewer or all of them connected.
fn wired(revision: u32, kind: u32) -> String {
    let (lanes, connected) = match kind {
        0 => ("8x", "1 lane"),
        1 => ("8x", "4x lanes"),
        2 => ("8x", "8x lanes"),
        3 => ("16x", "1 lane"),
        // The third revision has 8 of 16 lanes here, the fourth 8, the fifth 4: what the firmware's makers decided.
        4 if revision == 5 => ("16x", "4x lanes"),
        4 => ("16x", "8x lanes"),
        _ if revision == 5 => ("16x", "8x lanes"),
        _ => ("16x", "16x lanes"),
    };
    format!("PCI-E capable, Rev {revision}, {lanes} lanes with {connected} connected")
}

fn u2(revision: u32, connected: u32) -> String {
    format!("U.2 PCI-E capable, Rev {revision}, 4x lanes with {connected}x lanes connected")
}
