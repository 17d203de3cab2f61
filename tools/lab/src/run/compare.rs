//! The step `compare`: requests that Debian's drmgr and lsslot and ours do in one partition, each of them from the same state.
//!
//! A step of its own and not `exec`, because only the lab can set a partition back: a core that was removed is added again by
//! the partition's kernel, but memory that was removed without QEMU's having asked for it is lost to both until the partition
//! ends (`hotplug::ask_memory_back`), so another DIMM takes its place. Therefore memory is compared by its amount.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::holding::{Holding, look};
use crate::error::Error;
use crate::guest::Exited;
use crate::lab::{Frame, Lab};
use crate::partition::Partition;
use crate::qemu::hotplug;
use crate::scenario::LMB_MIB;
use crate::scenario::step::Compare;

/// Where the programs of both are in an image that has both (tools/xtask/src/agent.rs).
const DEBIANS: &str = "/usr/sbin";
const OURS: &str = "/usr/lib/lparkit";
const DLPAR: &str = "/sys/kernel/dlpar";
const CPU_DRC: u32 = 0x1000_0000;
const LMB_DRC: u32 = 0x8000_0000;
/// The request of which standard error is a contract too: console software shows it. Of others it is for people.
const CAPABILITIES: &str = "drmgr -C";
/// A request may wait for the kernel to move pages.
const REQUEST_DEADLINE: Duration = Duration::from_secs(120);
/// A core's thread that was just released stands still a moment later.
const SET_BACK_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);

type Seen = Result<String, Error>;

pub(super) fn compare(lab: &Lab, step: &Compare) -> Seen {
    let partition = lab.partition(&step.lpar)?;
    let scene = Scene { lab, partition, frame: lab.frame_of(partition)? };
    let start = scene.look()?;
    step.before.iter().try_for_each(|line| scene.tell_kernel(line))?;
    let from = scene.look()?;
    let alike = step.alike.iter().map(|line| (line, None));
    let known = step.known.iter().flat_map(|(row, lines)| lines.iter().map(move |line| (line, Some(row.as_str()))));
    let (mut done, mut wrong) = (0, Vec::new());
    for (line, row) in alike.chain(known) {
        let theirs = scene.request(DEBIANS, line, &from)?;
        let ours = scene.request(OURS, line, &from)?;
        done += 1;
        wrong.extend(judge(line, row, &theirs, &ours).err());
    }
    scene.set_back(&start)?;
    if wrong.is_empty() {
        let known: usize = step.known.values().map(Vec::len).sum();
        return Ok(format!("{done} requests with both, {known} of them with a known difference"));
    }
    Err(Error::guest(&step.lpar, "do with our programs what Debian's do", wrong.join("\n")))
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Came {
    status: i32,
    stdout: String,
    stderr: String,
    left: Holding,
}

/// The words of a request, to a partition that has this.
fn words(line: &str, has: &Holding) -> Vec<String> {
    let last = |kind: u32, numbers: &BTreeSet<u32>| format!("0x{:08x}", kind | numbers.last().unwrap_or(&0));
    let line = line.replace("{core}", &last(CPU_DRC, &has.cores)).replace("{block}", &last(LMB_DRC, &has.blocks));
    line.split_whitespace().map(|word| word.replace('~', " ")).collect()
}

/// `row`: where it says that and why they differ.
fn judge(line: &str, row: Option<&str>, theirs: &Came, ours: &Came) -> Result<(), String> {
    let mut differences = Vec::new();
    let mut note = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            differences.push(format!("{what}: Debian's {theirs:?}, ours {ours:?}"));
        }
    };
    note("status", theirs.status.to_string(), ours.status.to_string());
    note("output", theirs.stdout.clone(), ours.stdout.clone());
    if line == CAPABILITIES {
        note("standard error", theirs.stderr.clone(), ours.stderr.clone());
    }
    note("afterwards", theirs.left.to_string(), ours.left.to_string());
    match row {
        None if !differences.is_empty() => Err(format!("'{line}': {}", differences.join("; "))),
        Some(row) if differences.is_empty() => Err(format!("'{line}': {row} says that they differ, and they do not")),
        _ => Ok(()),
    }
}

struct Scene<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    frame: &'a Frame,
}

impl Scene<'_> {
    fn name(&self) -> &str {
        &self.partition.spec.name
    }

    /// Makes a request with the programs of a directory, and sets the partition back.
    fn request(&self, programs: &str, line: &str, from: &Holding) -> Result<Came, Error> {
        let before = self.set_back(from)?;
        let words = words(line, &before);
        let argv: Vec<&str> = words.iter().map(String::as_str).collect();
        let program = format!("{programs}/{}", argv.first().unwrap_or(&""));
        let argv: Vec<&str> = std::iter::once(program.as_str()).chain(argv.into_iter().skip(1)).collect();
        let Exited { status, stdout, stderr, .. } =
            self.lab.guests.exec(&self.frame.console, self.name(), &argv, REQUEST_DEADLINE)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Came { status, stdout: text(stdout), stderr: text(stderr), left: self.look()? })
    }

    fn look(&self) -> Result<Holding, Error> {
        look(self.lab, self.partition, self.frame)
    }

    /// Until the partition has again what it had.
    fn set_back(&self, to: &Holding) -> Result<Holding, Error> {
        let end = Instant::now() + SET_BACK_DEADLINE;
        loop {
            let now = self.look()?;
            if now.is_like(to) {
                return Ok(now);
            }
            if Instant::now() > end {
                let cause = format!("it has {now}, not {to}");
                return Err(Error::guest(self.name(), "be set back", cause));
            }
            let cores = |action, from: &Holding, less: &Holding| -> Vec<String> {
                let gone = from.cores.difference(&less.cores);
                gone.map(|core| format!("cpu {action} index 0x{:08x}", CPU_DRC | core)).collect()
            };
            for line in cores("remove", &now, to).into_iter().chain(cores("add", to, &now)) {
                // A refusal is seen by the next look.
                let _ = self.tell_kernel(&line);
            }
            if now.blocks.len() < to.blocks.len() {
                self.plug_block(now.blocks.len())?;
            }
            std::thread::sleep(POLL);
        }
    }

    fn tell_kernel(&self, line: &str) -> Result<(), Error> {
        self.lab.guests.write(&self.frame.console, self.name(), DLPAR, format!("{line}\n").as_bytes(), REQUEST_DEADLINE)
    }

    /// Another block for one that was removed; the partition takes it up by itself. `had`: how many it has without it.
    fn plug_block(&self, had: usize) -> Result<(), Error> {
        let mut held = self.partition.take()?;
        let Some(body) = held.as_mut() else {
            return Err(Error::Refused(format!("{} is not activated", self.name())));
        };
        hotplug::plug_memory(&mut body.qmp, LMB_MIB)
            .map_err(|error| Error::failed("replace memory of", self.name(), error))?;
        let end = Instant::now() + SET_BACK_DEADLINE;
        while self.look()?.blocks.len() <= had {
            if Instant::now() > end {
                return Err(Error::guest(self.name(), "take up memory", "it has not, well after it was plugged"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn has(cores: &[u32], blocks: &[u32]) -> Holding {
        let cores: BTreeSet<u32> = cores.iter().copied().collect();
        Holding { threads: cores.clone(), cores, blocks: blocks.iter().copied().collect() }
    }

    #[test]
    fn a_request_names_the_last_core_and_block_of_the_moment() {
        let words = words("drmgr -s CPU~1 {core} {block}", &has(&[0, 10], &[0, 11]));
        assert_eq!(words, ["drmgr", "-s", "CPU 1", "0x1000000a", "0x8000000b"]);
    }

    #[test]
    fn a_difference_is_one_that_is_known_and_a_known_one_is_there() {
        let came = |status, stdout: &str, left| Came { status, stdout: stdout.into(), stderr: String::new(), left };
        let one = came(0, "CPU 1\n", has(&[0, 1], &[0, 4]));
        let moved = came(0, "CPU 1\n", has(&[0, 1], &[0, 5]));
        assert_eq!(judge("x", None, &one, &moved), Ok(()));
        assert!(judge("x", Some("C1"), &one, &moved).unwrap_err().contains("C1 says"));
        for other in [
            came(1, "CPU 1\n", has(&[0, 1], &[0, 4])),
            came(0, "", has(&[0, 1], &[0, 4])),
            came(0, "CPU 1\n", has(&[0], &[0, 4])),
            came(0, "CPU 1\n", has(&[0, 1], &[0])),
        ] {
            assert_eq!(judge("x", Some("C1"), &one, &other), Ok(()));
            assert!(judge("x", None, &one, &other).unwrap_err().contains("Debian's"));
        }
    }

    #[test]
    fn standard_error_is_compared_of_capabilities_alone() {
        let came = |stderr: &str| {
            let stderr = stderr.to_owned();
            Came { status: 0, stdout: "cpu_dlpar=yes\n".into(), stderr, left: has(&[0], &[0]) }
        };
        let (theirs, ours) = (came("Validating CPU DLPAR capability...yes.\n"), came("yes\n"));
        assert_eq!(judge("drmgr -C", None, &theirs, &theirs.clone()), Ok(()));
        assert!(judge("drmgr -C", None, &theirs, &ours).unwrap_err().contains("standard error: Debian's"));
        assert_eq!(judge("drmgr -C", Some("B6"), &theirs, &ours), Ok(()));
        assert_eq!(judge("drmgr -c cpu -r", None, &theirs, &ours), Ok(()));
    }
}
