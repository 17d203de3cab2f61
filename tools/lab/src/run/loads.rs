//! The loads of a partition: memory with a pattern, a TCP stream to the outside, a journal on the disk. Each writes how it goes
//! into a file; a look compares it with the last one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::console::Console;
use crate::echo_service;
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::Lab;
use crate::partition::Partition;

/// Where the partitions' loads were when last looked at.
#[derive(Debug, Default)]
pub(super) struct Loads {
    last: HashMap<(String, &'static str), u64>,
}

/// A load: its name, its state file, and the number in it that grows.
const LOADS: [(&str, &str, &str); 3] = [
    ("memory", "/tmp/memory.state", "rounds"),
    ("stream", "/tmp/stream.state", "blocks"),
    ("disk", "/tmp/disk.state", "confirmed"),
];
/// Memory of the pattern: a good part of the smallest partition's.
const PATTERN_MIB: &str = "160";
/// A round of the memory load takes seconds under TCG.
const PROGRESS_DEADLINE: Duration = Duration::from_secs(120);

impl Loads {
    pub(super) fn start(&mut self, lab: &Lab, partition: &Partition) -> Result<String, Error> {
        let name = &partition.spec.name;
        let console = &lab.frame_of(partition)?.console;
        let to = format!("{}:{}", echo_service::ADDRESS, echo_service::PORT);
        for (load, state, _) in LOADS {
            let option: &[&str] = match load {
                "memory" => &["--mib", PATTERN_MIB],
                "stream" => &["--to", &to],
                _ => &["--dir", "/disk"],
            };
            let argv = [&["/init", "load", load], option, &["--state", state]].concat();
            lab.guests.spawn(console, name, &argv, "/tmp/loads.log")?;
        }
        self.check(lab, partition)
    }

    pub(super) fn check(&mut self, lab: &Lab, partition: &Partition) -> Result<String, Error> {
        let name = &partition.spec.name;
        let console = &lab.frame_of(partition)?.console;
        let mut seen = Vec::new();
        for (load, state, number) in LOADS {
            let key = (name.clone(), load);
            let last = self.last.get(&key).copied().unwrap_or(0);
            let now = wait_progress(lab, console, name, state, number, last)?;
            self.last.insert(key, now);
            seen.push(format!("{load}: {now} {number}"));
        }
        let argv = ["/init", "verify", "disk", "--dir", "/disk", "--state", "/tmp/disk.state"];
        let verified = lab.guests.exec(console, name, &argv, QUICK)?;
        if verified.status != 0 {
            let said =
                String::from_utf8_lossy(&verified.stdout).into_owned() + &String::from_utf8_lossy(&verified.stderr);
            return Err(Error::guest(name, "verify its disk", said));
        }
        Ok(seen.join(", "))
    }
}

/// Waits until a load has got further than `last`; any error it has found ends the wait.
fn wait_progress(lab: &Lab, console: &Console, name: &str, state: &str, number: &str, last: u64) -> Result<u64, Error> {
    let end = Instant::now() + PROGRESS_DEADLINE;
    loop {
        // The file appears with the first report.
        let text = lab.guests.read(console, name, state).unwrap_or_default();
        let found: Value = serde_json::from_slice(&text).unwrap_or_default();
        if found["errors"].as_u64().unwrap_or(0) != 0 || found["failure"].is_string() {
            return Err(Error::guest(name, state, format!("the load failed: {found}")));
        }
        let now = found[number].as_u64().unwrap_or(0);
        if now > last {
            return Ok(now);
        }
        if Instant::now() > end {
            let log = lab.guests.read(console, name, "/tmp/loads.log").unwrap_or_default();
            let cause = format!("{number} stays at {now}: {found} {}", String::from_utf8_lossy(&log));
            return Err(Error::guest(name, state, cause));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
