//! Hostile packages: each is refused with one line, or its poison becomes plain text; nothing is executed, nothing
//! outside the output directory is touched. One module for each class of poison.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::too_many_lines)]

mod rpm_writer;
mod sandbox;

#[path = "hostile/bombs.rs"]
mod bombs;
#[path = "hostile/damage.rs"]
mod damage;
#[path = "hostile/expect.rs"]
mod expect;
#[path = "hostile/fields.rs"]
mod fields;
#[path = "hostile/file_list.rs"]
mod file_list;
#[path = "hostile/framing.rs"]
mod framing;
#[path = "hostile/inputs.rs"]
mod inputs;
#[path = "hostile/payload.rs"]
mod payload;
#[path = "hostile/scripts.rs"]
mod scripts;

use rpm_writer::RpmBuilder;

/// A small package without fault, to put one fault into.
fn plain() -> RpmBuilder {
    RpmBuilder::new("hostile")
        .dir("/opt/hostile", 0o755)
        .file("/opt/hostile/program", 0o755, "#!/bin/sh\necho hello\n")
        .file("/opt/hostile/data", 0o644, "some data\n")
}

#[test]
fn the_package_without_fault_is_converted() {
    let sandbox = sandbox::Sandbox::new();
    let run = sandbox.convert(&sandbox.put("plain.rpm", &plain().build()), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.changes.iter().all(|path| path.starts_with("out")), "{:?}", run.changes);
    assert_eq!(sandbox::fields(&sandbox.deb())["Package"], "hostile");
}
