//! What the fuzz targets call: one function for each kind of foreign bytes. `tests/fuzz_seeds_and_regressions.rs` calls the
//! same functions on the committed inputs, so that the stable toolchain runs them too.

use platform::adapter::Mac;
use platform::devicetree::Property;
use platform::rtas::description::{Description, Told, WORK_AREA_BYTES};
use platform::rtas::{dump, event, line};
use platform::{cpuinfo, drc, kernellog, lparcfg, meminfo, memory, mobility};

/// Decodes bytes as an event of the firmware, alone and as a record of the kernel.
pub(crate) fn event(data: &[u8]) {
    for event in [event::decode(data), event::decode_record(data).map(|(_, event)| event)].into_iter().flatten() {
        assert!(event.sections().len() <= data.len() / 8, "more sections than can be");
        assert!(event.sentence().ends_with('.'));
        let _ = event.epow();
    }
}

/// Reads bytes as each of the kernel's texts, and the events in a dump of them.
pub(crate) fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (lparcfg::parse(text), meminfo::parse(text), cpuinfo::parse_list(text));
    for line in text.lines() {
        assert!(kernellog::message(line).len() <= line.len());
        let _ = line::parse(line).map(|line| line.sentence());
        let _ = mobility::parse(line).map(|event| event.to_string());
    }
    for dumped in dump::parse(text) {
        event(&dumped.bytes);
    }
}

/// Reads bytes as a property of the device tree, in every way.
pub(crate) fn property(data: &[u8]) {
    let property = Property::from(data.to_vec());
    let _ = (property.text(), property.texts(), property.cell(), property.number());
    assert!(property.cells().is_none_or(|cells| cells.len() * 4 == data.len()));
    let _ = Mac::from_property(data).map(Mac::link_local);
}

/// Reads bytes as each of the properties that describe connectors and memory blocks.
pub(crate) fn connectors(data: &[u8]) {
    let lists = drc::Lists { indexes: data, names: data, types: data, power_domains: data };
    for connectors in [drc::parse_info(data), drc::parse_lists(lists)].into_iter().flatten() {
        for index in connectors.iter().map(|connector| connector.index).filter(|index| index.0 != 0) {
            assert_eq!(index.to_string().parse(), Ok(index), "what is printed can be typed");
        }
    }
    for blocks in [memory::parse_v2(data, 256 << 20), memory::parse_v1(data, 256 << 20)].into_iter().flatten() {
        let table = memory::Associativity::parse(data).ok();
        for lmb in blocks.iter().take(1 << 12) {
            assert!(blocks.find(lmb.index).is_some());
            let _ = table.as_ref().zip(lmb.associativity).and_then(|(table, row)| table.node(row, 4));
        }
    }
    if let Ok(table) = memory::Associativity::parse(data) {
        assert!(table.row(u32::MAX).is_none_or(<[u32]>::is_empty));
    }
}

/// Takes bytes as the answers of `ibm,configure-connector`: each begins with its status and the length of what the work area has.
pub(crate) fn configure_connector(data: &[u8]) {
    let mut description = Description::default();
    let mut rest = data;
    while let Some(([status, high, low], after)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len()).min(WORK_AREA_BYTES);
        let (answer, next) = after.split_at(length);
        let mut area = [0; WORK_AREA_BYTES];
        area[..length].copy_from_slice(answer);
        match description.take(i32::from(*status), &area) {
            Ok(Told::More) => rest = next,
            Ok(Told::All) | Err(_) => break,
        }
    }
    let nodes = description.into_nodes();
    for (position, node) in nodes.iter().enumerate() {
        let above = node.path.rsplit_once('/').map_or("", |(above, _)| above);
        assert!(
            above.is_empty() || nodes[..position].iter().any(|other| other.path == above),
            "a child before its parent"
        );
        assert!(node.properties.iter().all(|(name, _)| !name.contains([' ', '\0'])), "ofdt would not take it");
    }
}
