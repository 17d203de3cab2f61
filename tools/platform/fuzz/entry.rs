//! What the fuzz targets call: one function for each kind of foreign bytes. `tests/fuzz_seeds_and_regressions.rs` calls the
//! same functions on the committed inputs, so that the stable toolchain runs them too.

use platform::adapter::Mac;
use platform::devicetree::Property;
use platform::rtas::{dump, event, line};
use platform::{cpuinfo, kernellog, lparcfg, meminfo, mobility};

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
