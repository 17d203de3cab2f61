//! `lpar status`: the partition on one screen.

use std::time::Duration;

use platform::adapter::{self, Adapter, Candidate};
use platform::dcaps::{self, Words};
use platform::observation::{self, Gap, Observation};
use serde::Serialize;
use wire::message::migration::MigrationRecord;

use super::Desk;
use crate::agent::answer::{Mode, Status};
use crate::agent::{Agent, Error as AgentError, Method, PROMPT};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Sheet, Style};
use crate::units::{amount, duration};

#[derive(Debug, Serialize)]
struct StatusReport {
    #[serde(flatten)]
    observation: Observation,
    /// What the console shows of the capabilities.
    words: Words,
    /// `console.adapter`: the administrator knows which one leads to the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    configured_adapter: Option<String>,
    agent: AgentState,
}

/// What can be said of the agent.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum AgentState {
    Running(Box<Status>),
    NotRunning,
    /// It runs, or something does, and does not say how it is.
    Silent {
        why: String,
    },
}

impl AgentState {
    /// That the agent does not answer is a part of the status, not an error.
    fn ask(desk: &Desk) -> Self {
        let asked = Agent::connect(&desk.sysroot)
            .and_then(|mut agent| agent.ask(Method::Status, serde_json::json!({}), PROMPT));
        match asked {
            Ok(status) => Self::Running(Box::new(status)),
            Err(AgentError::NotRunning) => Self::NotRunning,
            Err(error) => Self::Silent { why: crate::error::chain(&error) },
        }
    }
}

pub(super) fn run(desk: &Desk) -> Result<Exit> {
    let observation = observation::observe(&desk.sysroot);
    let words = dcaps::compute(&observation.capabilities);
    // A configuration that cannot be read is for `lpar doctor` to tell of.
    let configured_adapter = lpard::configured_adapter(&desk.sysroot).unwrap_or_default();
    desk.output.show(&StatusReport { observation, words, configured_adapter, agent: AgentState::ask(desk) })?;
    Ok(Exit::Done)
}

impl Report for StatusReport {
    fn write(&self, sheet: &mut Sheet) {
        sheet.fields(vec![
            ("Host", self.host()),
            ("Partition", self.partition()),
            ("Runs", or_unknown(self.observation.os.as_ref().map(ToString::to_string))),
            ("Processors", or_unknown(self.processors())),
            ("Memory", or_unknown(self.memory())),
            ("Entitlement", or_unknown(self.entitlement())),
            ("Management", self.management()),
            ("Capabilities", Cell::new(&self.words)),
            ("Agent", self.agent.cell()),
            ("Console", self.agent.console()),
            ("Last migration", self.agent.last_migration()),
        ]);
        for Gap { part, why } in &self.observation.gaps {
            sheet.line(&Cell::styled(format_args!("{part}: cannot be read: {why}"), Style::Doubtful));
        }
    }
}

/// What nobody tells.
fn or_unknown(text: Option<String>) -> Cell {
    text.map_or_else(|| Cell::styled("not told", Style::Unknown), Cell::new)
}

impl StatusReport {
    fn host(&self) -> Cell {
        let name = self.observation.host_name.as_deref().unwrap_or("a host without a name");
        match self.observation.uptime_s {
            Some(seconds) => Cell::new(format_args!("{name}, up {}", duration(Duration::from_secs(seconds)))),
            None => Cell::new(name),
        }
    }

    fn partition(&self) -> Cell {
        let Some(identity) = &self.observation.identity else { return or_unknown(None) };
        let name = identity.partition_name.as_deref().unwrap_or("without a name");
        let number = identity.partition_id.map(|id| format!(", number {id}")).unwrap_or_default();
        let machine = identity.machine.as_ref().map(|machine| format!(", on {machine}")).unwrap_or_default();
        let hypervisor = identity.hypervisor.map(|hypervisor| format!(" ({hypervisor})")).unwrap_or_default();
        Cell::new(format_args!("{name}{number}{machine}{hypervisor}"))
    }

    fn processors(&self) -> Option<String> {
        let found = self.observation.processors.as_ref()?;
        let model = found.model.as_deref().map(|model| format!(", {model}")).unwrap_or_default();
        Some(format!(
            "{} threads run, {} there, {} possible{model}",
            found.online_threads, found.present_threads, found.possible_threads
        ))
    }

    fn memory(&self) -> Option<String> {
        let found = self.observation.memory.as_ref()?;
        let available = found.available_bytes.map(|bytes| format!(", {} available", amount(bytes))).unwrap_or_default();
        Some(format!("{}{available}", amount(found.total_bytes)))
    }

    fn entitlement(&self) -> Option<String> {
        let hundredths = self.observation.lparcfg.as_ref()?.partition_entitled_capacity?;
        let lparcfg = self.observation.lparcfg.as_ref()?;
        let capped = if lparcfg.capped == Some(1) { ", capped" } else { ", uncapped" };
        let weight = lparcfg.capacity_weight.map(|weight| format!(", weight {weight}")).unwrap_or_default();
        Some(format!("{}.{:02} processors{capped}{weight}", hundredths / 100, hundredths % 100))
    }

    /// The adapter that leads to the console, as far as can be told.
    fn management(&self) -> Cell {
        if let Some(name) = &self.configured_adapter {
            let interface = |adapter: &&Adapter| adapter.interface_name() == Some(name);
            let named = self.observation.adapters.iter().find(interface).map_or_else(|| name.clone(), title);
            return Cell::new(format_args!("{named}, as console.adapter says"));
        }
        let candidates = adapter::management_candidates(&self.observation.adapters);
        let taken = self.agent.interface();
        let is_taken = |candidate: &&Candidate<'_>| taken.is_some() && candidate.adapter.interface_name() == taken;
        let Some(best) = candidates.iter().find(is_taken).or(candidates.first()) else {
            return Cell::styled("no virtual Ethernet adapter", Style::Doubtful);
        };
        let text = title(best.adapter);
        if best.against.is_empty() {
            return Cell::new(text);
        }
        let against: Vec<String> = best.against.iter().map(ToString::to_string).collect();
        Cell::styled(format_args!("perhaps {text}: {}", against.join("; ")), Style::Doubtful)
    }
}

/// `env4 (slot 4), fe80::1`.
fn title(adapter: &Adapter) -> String {
    let name = adapter.interface_name().unwrap_or("without interface");
    let address = adapter.interface.iter().flat_map(|interface| &interface.ipv6).find(|ipv6| ipv6.link_local);
    let address = address.map(|ipv6| format!(", {}", ipv6.address)).unwrap_or_default();
    format!("{name} (slot {}){address}", adapter.slot)
}

impl AgentState {
    /// What it takes for the interface of the management network.
    fn interface(&self) -> Option<&str> {
        match self {
            Self::Running(status) => status.interface.as_deref(),
            Self::NotRunning | Self::Silent { .. } => None,
        }
    }

    fn cell(&self) -> Cell {
        match self {
            Self::Running(status) => {
                let Status { mode, phase, reason, .. } = status.as_ref();
                Cell::styled(format_args!("{mode} ({reason}), {phase}"), Style::Good)
            }
            Self::NotRunning => Cell::styled("lpard does not run (systemctl start lpard)", Style::Doubtful),
            Self::Silent { why } => Cell::styled(why, Style::Bad),
        }
    }

    fn console(&self) -> Cell {
        let Self::Running(status) = self else { return or_unknown(None) };
        match (&status.session, status.mode) {
            (Some(session), _) => Cell::styled(format_args!("{} at {}", session.console, session.address), Style::Good),
            (None, Mode::Native) => Cell::styled("no session (lpar doctor)", Style::Bad),
            (None, Mode::Observer) => Cell::new("none wanted"),
        }
    }

    fn last_migration(&self) -> Cell {
        let Self::Running(status) = self else { return or_unknown(None) };
        let Some(MigrationRecord { from, to, suspended_ms, .. }) = &status.last_migration else {
            return Cell::new("none that lpard knows of");
        };
        Cell::new(format_args!("{from} -> {to}, suspended for {suspended_ms} ms"))
    }
}
