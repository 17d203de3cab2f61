//! Steps about the sessions of consoles and agents: what consoles know, and what adversaries cannot do to them.

use std::collections::BTreeMap;
use std::net::SocketAddrV6;
use std::time::{Duration, Instant};

use wire::discovery::PORT;
use wire::key::PrivateKey;
use wire::message::{Event, Request};

use crate::console::adversary::attack::{self, Target};
use crate::console::adversary::impostor::{self, Scene};
use crate::console::key;
use crate::console::session::sockets::Sockets;
use crate::enrolment;
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::scenario::step::{Attack, Cables, Impostor, Lspartition, PowerButton};
use crate::{lspartition, status};

type Seen = Result<String, Error>;

/// An agent that lost its console calls again at least once a minute.
const BACK_DEADLINE: Duration = Duration::from_secs(120);
/// A partition that looks for a console finds the false one by then.
const POSE_DEADLINE: Duration = Duration::from_secs(180);
/// What it says of the first call it says of the others too, or does not.
const CALLS: u32 = 2;
/// Three intervals of heartbeats and some: a session that an attack has broken is gone by then.
const AFTERMATH: Duration = Duration::from_secs(8);
/// Where the lab's init has the agent's words written.
const AGENT_LOG: &str = "/var/log/lpard.log";
/// The firmware interrupts the partition; its kernel logs the event, and its agent reads the log.
const EVENT_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// The number of the partition that an adversary took over: none of a scenario's.
const INTRUDER: (&str, u8) = ("intruder", 201);

pub(super) fn lspartition(lab: &Lab, step: &Lspartition) -> Seen {
    let id = u32::from(lab.partition(&step.lpar)?.spec.id);
    let end = Instant::now() + Duration::from_secs(step.within_s);
    loop {
        let mut entries = status::of(lab).dlpar_entries();
        entries.retain(|entry| entry.id == id);
        let lines = lspartition::lines(&entries);
        if lines.contains(&step.contains) {
            return Ok(lines.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        if Instant::now() > end {
            return Err(Error::guest(&step.lpar, "be shown by lspartition", format!("it is shown as {lines}")));
        }
        std::thread::sleep(POLL);
    }
}

pub(super) fn kill_agent(lab: &Lab, lpar: &str) -> Seen {
    let frame = lab.frame_of(lab.partition(lpar)?)?;
    let since = || lab.agents.view(&frame.spec.name, lpar).active_since_ms;
    lab.agents.wait_active(&frame.spec.name, lpar, BACK_DEADLINE)?;
    let before = since();
    let begun = Instant::now();
    let killed = lab.guests.exec(&frame.console, lpar, &["killall", "-9", "lpard"], QUICK)?;
    if killed.status != 0 {
        return Err(Error::guest(lpar, "kill its agent", String::from_utf8_lossy(&killed.stderr).trim()));
    }
    loop {
        if since().is_some_and(|since| before.is_none_or(|before| since > before)) {
            return Ok(format!("another session after {:.1} s", begun.elapsed().as_secs_f64()));
        }
        if begun.elapsed() > BACK_DEADLINE {
            return Err(Error::guest(lpar, "have a session again", "its agent was killed and did not call again"));
        }
        std::thread::sleep(POLL);
    }
}

pub(super) fn power_button(lab: &Lab, step: &PowerButton) -> Seen {
    let partition = lab.partition(&step.lpar)?;
    let since = lab.agents.bookmark();
    {
        let mut held = partition.take()?;
        let body = held.as_mut().ok_or_else(|| Error::Refused(format!("{} does not run", step.lpar)))?;
        let pressed = body.qmp.execute("system_powerdown", serde_json::json!({}));
        pressed.map_err(|error| Error::failed("QMP", "system_powerdown", error))?;
    }
    let told = |event: &Event, _| match event {
        Event::Firmware(firmware) => Some(format!("{} ({:?}): {}", firmware.kind, firmware.severity, firmware.text)),
        _ => None,
    };
    match lab.agents.wait_event(&step.lpar, since, EVENT_DEADLINE, told) {
        Some(told) if told.contains(&step.told) => Ok(told),
        told => Err(Error::guest(&step.lpar, "tell its console of the firmware's event", format!("it told {told:?}"))),
    }
}

/// What there was of each system before it was attacked, until it was looked whether it is still so.
pub(super) type Attacked = BTreeMap<String, Before>;

/// A system before an attack.
#[derive(Debug, Clone)]
pub(super) struct Before {
    sessions: Sessions,
    /// How many lines its console had said.
    said: usize,
}

/// Since when the partitions of a system have their sessions, in milliseconds of the lab.
type Sessions = BTreeMap<String, u64>;

pub(super) fn attack(lab: &Lab, step: &Attack, attacked: &mut Attacked) -> Seen {
    let frame = lab.frame(&step.system)?;
    let failed = |cause: String| Error::failed("attack the console of", &step.system, cause);
    let before = Before { sessions: sessions(lab, frame), said: log(frame)?.len() };
    if before.sessions.is_empty() {
        return Err(failed("it has no session that could be harmed".into()));
    }
    attacked.entry(step.system.clone()).or_insert_with(|| before.clone());
    let insider = key::random().map_err(|error| failed(error.to_string()))?;
    let insider = PrivateKey::from_seed(&insider).map_err(|error| failed(error.to_string()))?;
    frame.console.pin_stranger(INTRUDER, insider.public())?;
    // Orders are obeyed in their order: when this one is answered, the key is pinned.
    let _ = lab.agents.ask(&frame.console, INTRUDER.0, Request::Inventory {}, QUICK);
    let bridge = frame.management_bridge();
    let link = nix::net::if_::if_nametoindex(bridge.as_str()).map_err(|error| failed(error.to_string()))?;
    let target = Target {
        interface: &bridge,
        address: SocketAddrV6::new(frame.console_address(), PORT, 0, link),
        console: frame.console_key(),
        insider: (&insider, INTRUDER.1.into()),
    };
    let seen = attack::attack(&target, step.what).map_err(|error| failed(error.to_string()));
    frame.console.detach(INTRUDER.0);
    let seen = seen?;
    same_sessions(lab, frame, &before.sessions)?;
    let end = Instant::now() + AFTERMATH;
    while let Err(cause) = said_once(&log(frame)?.split_off(before.said), step.logged.as_deref()) {
        if Instant::now() > end {
            return Err(failed(cause));
        }
        std::thread::sleep(POLL);
    }
    Ok(format!("{seen}; {} sessions unharmed", before.sessions.len()))
}

fn sessions(lab: &Lab, frame: &Frame) -> Sessions {
    let names = lab.partitions.iter().map(|partition| partition.spec.name.clone());
    names.filter_map(|name| Some((name.clone(), lab.agents.view(&frame.spec.name, &name).active_since_ms?))).collect()
}

pub(super) fn unharmed(lab: &Lab, system: &str, attacked: &mut Attacked) -> Seen {
    let frame = lab.frame(system)?;
    let before = attacked.remove(system).ok_or_else(|| Error::Refused(format!("{system} was not attacked")))?;
    std::thread::sleep(AFTERMATH);
    same_sessions(lab, frame, &before.sessions)?;
    let said = log(frame)?.split_off(before.said);
    said_once(&said, None).map_err(|cause| Error::failed("attack the console of", system, cause))?;
    Ok(format!("{} sessions since before the first attack", before.sessions.len()))
}

fn same_sessions(lab: &Lab, frame: &Frame, before: &Sessions) -> Result<(), Error> {
    let after = sessions(lab, frame);
    if after == *before {
        return Ok(());
    }
    Err(Error::failed("keep the sessions of", &frame.spec.name, format!("since {before:?} before, {after:?} after")))
}

fn log(frame: &Frame) -> Result<Vec<String>, Error> {
    let path = frame.console.log();
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path.display(), source))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Of each misdeed of each address there is one line, and one has the expected words. Another attack may have brought it on
/// before.
fn said_once(said: &[String], expected: Option<&str>) -> Result<(), String> {
    let refusals = || said.iter().filter(|line| line.contains("refused "));
    let mut kinds = BTreeMap::new();
    for line in refusals() {
        let kind = line.split(": ").take(3).collect::<Vec<_>>().join(": ");
        *kinds.entry(kind).or_insert(0) += 1;
    }
    if let Some((kind, count)) = kinds.iter().find(|(_, count)| **count > 1) {
        return Err(format!("its console says {count} times: {kind}"));
    }
    match expected {
        Some(words) if !refusals().any(|line| line.contains(words)) => {
            Err(format!("its console does not say '{words}': {said:?}"))
        }
        _ => Ok(()),
    }
}

pub(super) fn impostor(lab: &Lab, step: &Impostor) -> Seen {
    let partition = lab.partition(&step.lpar)?;
    let frame = lab.frame_of(partition)?;
    let key = enrolment::agent_key(lab, partition)?;
    let console = key::read(&frame.console.post().key)?;
    let said = agents_log(lab, frame, &step.lpar)?.len();
    frame.console.hold()?;
    let posed = Sockets::open(&frame.management_bridge(), frame.console_address()).and_then(|sockets| {
        let scene = Scene { sockets: &sockets, console: &console, partition: key };
        impostor::pose(&scene, step.what, CALLS, Instant::now() + POSE_DEADLINE)
    });
    frame.console.release()?;
    let seen = posed.map_err(|error| Error::failed("pose as the console of", &frame.spec.name, error.to_string()))?;
    if !seen.is_turned_away(step.what, CALLS) {
        let cause = format!("the partition did not turn away from the false console: {seen:?}");
        return Err(Error::guest(&step.lpar, "meet a false console", cause));
    }
    let back = Instant::now();
    lab.agents.wait_active(&frame.spec.name, &step.lpar, BACK_DEADLINE)?;
    let back = back.elapsed().as_secs_f64();
    let said = agents_log(lab, frame, &step.lpar)?.split_off(said);
    complained_once(&said).map_err(|cause| Error::guest(&step.lpar, "complain once of a false console", cause))?;
    Ok(format!("{seen:?}; {back:.1} s after the real one's start there is a session"))
}

fn agents_log(lab: &Lab, frame: &Frame, partition: &str) -> Result<Vec<String>, Error> {
    let text = lab.guests.read(&frame.console, partition, AGENT_LOG)?;
    Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
}

/// What an agent says of consoles that it calls: something, and nothing of it twice. A false one is called several times.
fn complained_once(said: &[String]) -> Result<(), String> {
    let complaints: Vec<&String> = said.iter().filter(|line| line.contains("console ")).collect();
    let repeated = complaints.iter().find(|line| complaints.iter().filter(|other| other == line).count() > 1);
    match repeated {
        Some(line) => Err(format!("it says more than once: {line}")),
        None if complaints.is_empty() => Err(format!("it says nothing of it: {said:?}")),
        None => Ok(()),
    }
}

pub(super) fn cables(lab: &Lab, step: &Cables) -> Seen {
    let frame = lab.frame(&step.system)?;
    lab.pull_cables(frame, step.pulled)?;
    Ok(format!("the cables of {} are {}", step.system, if step.pulled { "pulled" } else { "put back" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_complains_and_not_twice() {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let (over, refused) = ("lpard: the session with a is over", "lpard: console a: no session");
        assert_eq!(complained_once(&lines(&[over, refused, "lpard: console a: nobody answered"])), Ok(()));
        assert!(complained_once(&lines(&[over])).is_err());
        assert!(complained_once(&lines(&[refused, over, refused])).is_err());
    }

    #[test]
    fn a_misdeed_is_said_once_an_address() {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let once =
            lines(&["console: refused fe80::1: wrong key: a", "console: refused fe80::2: wrong key: a", "other"]);
        assert_eq!(said_once(&once, Some("wrong key")), Ok(()));
        assert!(said_once(&once, Some("too slow")).is_err());
        let twice = lines(&["console: refused fe80::1: wrong key: a", "console: refused fe80::1: wrong key: b"]);
        assert!(said_once(&twice, None).is_err());
    }
}
