//! Clocks. A recorded machine's stand where its `proc/uptime` says.

use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::error::{Error, Operation};
use crate::{Mode, Result, Sysroot};

impl Sysroot {
    /// Time since boot without the time the machine was suspended. It does not jump in a migration.
    pub fn monotonic(&self) -> Result<Duration> {
        self.clock(ClockId::CLOCK_MONOTONIC)
    }

    /// Time since boot with the time the machine was suspended.
    pub fn since_boot(&self) -> Result<Duration> {
        self.clock(ClockId::CLOCK_BOOTTIME)
    }

    fn clock(&self, id: ClockId) -> Result<Duration> {
        match self.mode {
            Mode::Live => {
                clock_gettime(id).map(Duration::from).map_err(Error::because(Operation::Clock, Path::new("clock")))
            }
            Mode::Recorded => Ok(uptime(&self.read_text("proc/uptime")?).unwrap_or_default()),
        }
    }
}

/// The first number of `/proc/uptime`.
fn uptime(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
