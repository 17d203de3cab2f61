//! The way back: what undoes a migration that failed before the partition answered on its destination.

use std::time::{Duration, Instant};

use super::{Course, POLL, RESUME_DEADLINE, SUSPEND_DEADLINE, TRANSFER_DEADLINE, is_suspended, run_state, wake_up};
use crate::enrolment;
use crate::error::Error;
use crate::lab::Lab;
use crate::migration::phase::Phase;
use crate::partition::{Body, Partition, State};
use crate::qmp::Qmp;

impl Course<'_> {
    pub(super) fn roll_back(&mut self, body: &mut Body) -> Result<(), Error> {
        let spec = &self.partition.spec;
        if let Some(mut destination) = self.destination.take() {
            self.to.console.detach(&spec.name);
            // Reaped before the source is woken: never two.
            destination.qemu.kill().map_err(|error| Error::failed("end the destination of", &spec.name, error))?;
            self.lab.unplug(spec, self.to);
        }
        if body.system == self.to.index {
            // The partition was the destination's already, and went down with it.
            self.to.console.detach(&spec.name);
            self.lab.unplug(spec, self.to);
            self.revive_source(body)?;
        } else if run_state(&mut body.qmp)? == "postmigrate" {
            self.from.console.detach(&spec.name);
            self.lab.unplug(spec, self.from);
            self.revive_source(body)?;
        }
        self.transfer = None;
        self.wake_source(body)?;
        self.wait_for_source(body)?;
        // It runs where it was, and is not lost because what it had prepared stays so.
        let taken_back = if self.is_prepared { self.take_back() } else { Ok(()) };
        if let Err(error) = taken_back {
            self.note(Phase::RollingBack, &error, true);
        }
        self.measure();
        Ok(())
    }

    /// Starts another QEMU on the source and gives it the copy of what the first one has sent.
    fn revive_source(&mut self, body: &mut Body) -> Result<(), Error> {
        let spec = &self.partition.spec;
        let Some(transfer) = &self.transfer else {
            return Err(Error::Refused("there is no copy of the transfer".into()));
        };
        let Some(hardware) = &self.hardware else { return Err(Error::Refused("its hardware is not known".into())) };
        body.qemu.kill().map_err(|error| Error::failed("end the last QEMU of", &spec.name, error))?;
        let machine = self.lab.machine(spec, self.from, hardware, Some("in"))?;
        let mut revived = self.lab.launch(spec, self.from, &machine)?;
        revived.goes_on_from(body);
        self.from.console.attach(&spec.name, &revived.sockets.join("channel"))?;
        // The console has forgotten its agent with the channel.
        enrolment::introduce(self.lab, self.partition, self.from)?;
        transfer.replay(&revived.sockets.join("in"))?;
        let sockets = revived.sockets.clone();
        *body = revived;
        self.partition.update(|view| {
            view.sockets = sockets;
            view.system.clone_from(&self.from.spec.name);
        });
        let end = Instant::now() + TRANSFER_DEADLINE;
        while !is_suspended(&mut body.qmp)? {
            if Instant::now() > end {
                return Err(Error::failed("revive", &spec.name, "QEMU does not take the partition back"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// As long as it has not said what became of it, the partition may still be on its way into the suspension.
    fn wake_source(&mut self, body: &mut Body) -> Result<(), Error> {
        let suspension = &mut self.suspension;
        wake(&self.partition.spec.name, &mut body.qmp, &mut || {
            suspension.as_mut().is_some_and(|suspension| suspension.word().is_none())
        })
    }

    /// A console that was killed is being started again: ask until the partition answers.
    fn wait_for_source(&mut self, body: &mut Body) -> Result<(), Error> {
        let name = &self.partition.spec.name;
        let end = Instant::now() + RESUME_DEADLINE;
        loop {
            // A request that outlived its console may suspend the partition only now.
            if is_suspended(&mut body.qmp)? {
                wake_up(&mut body.qmp)?;
            }
            match self.lab.guests.hello(&self.from.console, name, Duration::from_secs(10)) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(POLL),
            }
        }
    }
}

/// Gets a partition to run again whose way back failed: wakes its QEMU if that is still there.
pub fn recover(lab: &Lab, partition: &Partition) -> Result<String, Error> {
    let mut held = partition.take()?;
    let name = &partition.spec.name;
    let gone = || Error::Refused(format!("{name} has no QEMU any more: lparlab down and up start it anew"));
    let body = held.as_mut().ok_or_else(gone)?;
    if !body.qemu.is_running() {
        return Err(gone());
    }
    let state = run_state(&mut body.qmp)?;
    if state == "running" && partition.view().state == State::Running {
        return Ok(format!("{name} runs on {}: there is nothing to recover", partition.view().system));
    }
    let frame = &lab.frames[body.system];
    wake(&partition.spec.name, &mut body.qmp, &mut || false)?;
    lab.guests.hello(&frame.console, name, RESUME_DEADLINE)?;
    partition.update(|view| {
        view.state = State::Running;
        view.system.clone_from(&frame.spec.name);
    });
    Ok(format!("{name} runs again on {} (QEMU said {state})", frame.spec.name))
}

/// Brings a QEMU back to running from wherever a migration left it; `may_suspend` says whether its partition is on its way
/// into the suspension.
fn wake(name: &str, qmp: &mut Qmp, may_suspend: &mut dyn FnMut() -> bool) -> Result<(), Error> {
    let end = Instant::now() + SUSPEND_DEADLINE;
    loop {
        match run_state(qmp)?.as_str() {
            "suspended" => wake_up(qmp)?,
            // The transfer is in its last moments: it will fail, and QEMU takes the partition back as it was, suspended.
            "finish-migrate" | "paused" => {}
            "running" if may_suspend() => {}
            "running" => return Ok(()),
            other => return Err(Error::failed("wake", name, format!("QEMU says {other}"))),
        }
        if Instant::now() > end {
            return Err(Error::failed("wake", name, "it neither runs nor sleeps"));
        }
        std::thread::sleep(POLL);
    }
}
