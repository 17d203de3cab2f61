//! `ibm,drc-info`, the lists of connectors, memory blocks in both forms, associativity.
#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code)]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::connectors(data));
