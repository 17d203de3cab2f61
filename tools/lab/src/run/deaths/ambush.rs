//! An ambush in a partition: its agent dies when it opens its journal for the nth time (`tools/lab-guest/src/ambush.rs`).

use std::time::Instant;

use super::{POLL, Scene};
use crate::error::Error;
use crate::guest::QUICK;

/// A process in the partition, and what it says.
pub(super) struct Ambush<'a> {
    scene: &'a Scene<'a>,
    pid: u32,
    log: String,
}

impl<'a> Ambush<'a> {
    /// Nobody gets past when this returns.
    pub(super) fn lay(scene: &'a Scene<'a>, opening: u32) -> Result<Self, Error> {
        // What an earlier one has said must not be taken for this one's.
        let number = scene.ambushes.get() + 1;
        scene.ambushes.set(number);
        let log = format!("/tmp/ambush-{:?}-{number}.log", scene.work);
        let opening = opening.to_string();
        let argv = ["/init", "ambush", "--program", "lpard", "--file", scene.journal(), "--opening", &opening];
        let pid = scene.lab.guests.spawn(&scene.frame()?.console, scene.name(), &argv, &log)?;
        let ambush = Self { scene, pid, log };
        let end = Instant::now() + QUICK;
        loop {
            let said = ambush.said()?;
            if said.contains("waiting") {
                return Ok(ambush);
            }
            if Instant::now() > end {
                return Err(scene.wrong("lay an ambush", format!("it says: {}", said.trim())));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends it; whether the agent died in it.
    pub(super) fn lift(self) -> Result<bool, Error> {
        let died = self.said()?.contains("kills");
        if !died {
            let argv = ["kill", &self.pid.to_string()];
            self.scene.lab.guests.exec(&self.scene.frame()?.console, self.scene.name(), &argv, QUICK)?;
        }
        Ok(died)
    }

    fn said(&self) -> Result<String, Error> {
        let said = self.scene.lab.guests.read(&self.scene.frame()?.console, self.scene.name(), &self.log)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}
