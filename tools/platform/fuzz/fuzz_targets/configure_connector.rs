//! What firmware describes of a connector: statuses and work areas, one after the other.
#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code)]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::configure_connector(data));
