//! What a lab shows of itself: systems and partitions, as a table for people and as JSON for machines.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::agent::AgentView;
use crate::lab::Lab;
use crate::lspartition::Entry;
use crate::partition::{Journal, State, View};

/// A lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub lab: String,
    /// Its managed systems.
    pub systems: Vec<SystemStatus>,
    /// Its partitions.
    pub lpars: Vec<LparStatus>,
}

/// A managed system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemStatus {
    /// Its name.
    pub name: String,
    /// Type, model and serial as IBM prints them: `8286-41A*2166666`.
    pub mtms: String,
    /// CPUs in all, and left.
    pub cpus: (u32, u32),
    /// Memory in MiB in all, and left.
    pub memory_mib: (u32, u32),
    /// Whether its MGMTSWITCH isolates partitions (VEPA).
    pub is_isolating: bool,
    /// Whether its console process runs.
    pub console_runs: bool,
    /// How often one was started.
    pub console_starts: u32,
    /// The console's address on the management network.
    pub console_address: String,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LparStatus {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u8,
    /// What it does, and with what.
    pub view: View,
    /// Its address on the management network, and on the ordinary one.
    pub addresses: (String, String),
    /// Whether its system's console has a connection to it: the agent's session where there is an agent, else the channel.
    pub is_connected: bool,
    /// What its system's console knows of its agent, where there is to be one.
    pub agent: Option<AgentView>,
}

/// Looks at a lab.
pub fn of(lab: &Lab) -> Status {
    let systems = lab.frames.iter().map(|frame| {
        let (cpus, memory) = lab.free(frame);
        SystemStatus {
            name: frame.spec.name.clone(),
            mtms: frame.identity().to_string(),
            cpus: (frame.spec.cpus, cpus),
            memory_mib: (frame.spec.memory_mib, memory),
            is_isolating: frame.is_isolating(),
            console_runs: frame.console.is_running(),
            console_starts: frame.console.starts(),
            console_address: frame.console_address().to_string(),
        }
    });
    let lpars = lab.partitions.iter().map(|partition| {
        let view = partition.view();
        let spec = &partition.spec;
        let agent = spec.agent.then(|| lab.agents.view(&view.system, &spec.name));
        let has_channel = || lab.frame(&view.system).is_ok_and(|frame| frame.console.is_connected(&spec.name));
        LparStatus {
            name: spec.name.clone(),
            id: spec.id,
            addresses: (crate::lab::management_address(spec).to_string(), spec.lan_address().to_string()),
            is_connected: agent.as_ref().map_or_else(has_channel, AgentView::is_active),
            agent,
            view,
        }
    });
    Status { lab: lab.scenario.name.clone(), systems: systems.collect(), lpars: lpars.collect() }
}

impl Status {
    /// For people.
    pub fn table(&self) -> String {
        let mut rows = vec![["Managed system", "MTMS", "CPUs free", "MiB free", "Switch", "Console"].map(String::from)];
        rows.extend(self.systems.iter().map(|system| {
            let console = if system.console_runs { system.console_address.clone() } else { "down".into() };
            [
                system.name.clone(),
                system.mtms.clone(),
                format!("{} of {}", system.cpus.1, system.cpus.0),
                format!("{} of {}", system.memory_mib.1, system.memory_mib.0),
                if system.is_isolating { "VEPA" } else { "VEB" }.into(),
                console,
            ]
        }));
        let mut text = columns(&rows);
        let mut rows =
            vec![["Partition", "ID", "System", "State", "CPU", "Mem", "Console", "Address"].map(String::from)];
        rows.extend(self.lpars.iter().map(|lpar| {
            [
                lpar.name.clone(),
                lpar.id.to_string(),
                lpar.view.system.clone(),
                lpar.state(),
                lpar.view.cpus.to_string(),
                lpar.view.memory_mib.to_string(),
                if lpar.is_connected { "active" } else { "inactive" }.into(),
                format!("{} {}", lpar.addresses.0, lpar.addresses.1),
            ]
        }));
        text.push('\n');
        text.push_str(&columns(&rows));
        for lpar in &self.lpars {
            if let Some(journal) = &lpar.view.migration {
                let _ = write!(text, "\n{}: {}", lpar.name, summary(journal));
            }
        }
        text
    }
}

impl Status {
    /// What `lspartition -dlpar` shows: the partitions with a console, in the order of systems and numbers.
    pub fn dlpar_entries(&self) -> Vec<Entry> {
        let of = |system: &SystemStatus| {
            let mut here: Vec<_> = self.lpars.iter().filter(|lpar| lpar.view.system == system.name).collect();
            here.sort_by_key(|lpar| lpar.id);
            let mtms = system.mtms.clone();
            let entry = move |lpar: &LparStatus| {
                let agent = lpar.agent.clone().filter(|_| lpar.view.state != State::NotActivated).unwrap_or_default();
                Entry::new(lpar.id, mtms.clone(), &agent)
            };
            here.into_iter().map(entry).collect::<Vec<_>>()
        };
        self.systems.iter().flat_map(of).collect()
    }
}

impl LparStatus {
    fn state(&self) -> String {
        match &self.view.migration {
            Some(journal) if !journal.phase().is_end() => format!("{} ({})", self.view.state.name(), journal.phase()),
            _ => self.view.state.name().into(),
        }
    }
}

/// A migration in a few lines.
pub fn summary(journal: &Journal) -> String {
    let mut text = format!("{} -> {}: {}", journal.from, journal.to, journal.phase());
    if let Some(reason) = &journal.reason {
        let _ = write!(text, " ({reason})");
    }
    if let Some(blackout) = journal.blackout_ms {
        let _ = write!(text, ", blackout {blackout} ms");
    }
    if let Some(back) = journal.agent_back_ms {
        let _ = write!(text, ", agent back after {back} ms");
    }
    if journal.transferred_bytes > 0 {
        let _ = write!(text, ", {} MiB transferred", journal.transferred_bytes >> 20);
    }
    text.push('\n');
    for warning in &journal.warnings {
        let _ = writeln!(text, "  warning: {warning}");
    }
    text
}

/// Rows of equally many cells, the first one the heading, in columns.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(String::from));
        assert_eq!(columns(&rows), "a    bb\nccc  d\n");
    }
}
