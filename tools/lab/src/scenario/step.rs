//! Steps of a scenario: what to do, and what must come of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Lpar, Scenario};
use crate::console::adversary::attack;
use crate::console::adversary::impostor::Imposture;
use crate::migration::fault::Fault;

/// One step. In TOML: `[[step]]`, `name = "…"`, then one key with a table: `migrate = { lpar = "lpar1", to = "frame2" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Step {
    /// What the step shows, as a sentence: it is the name of the test case.
    pub name: String,
    /// What to do.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The partition has answered within so many seconds of its start.
    Ready(Ready),
    /// A partition pings a console (`console`: the one of its own system) or another partition, on the management network.
    Ping(Ping),
    /// Switches isolation (VEPA) of a system's MGMTSWITCH on or off.
    Isolation(Isolation),
    /// Adds or removes CPUs or memory; verified in the guest and by QMP.
    Dlpar(Dlpar),
    /// Runs a command in the partition.
    Exec(Exec),
    /// Starts the three loads: memory pattern, TCP stream, disk journal.
    Load(Partition),
    /// The loads run and have lost nothing; each has made progress since the last look.
    LoadIntact(Partition),
    /// Migrates, once or many times.
    Migrate(Migrate),
    /// Begins two migrations of one partition at once: one completes, the other is refused.
    MigrateTwice(Migrate),
    /// The partition runs exactly once: one QEMU whose guest runs, the same boot as ever, on the system that `status` names.
    RunsOnce(Partition),
    /// Kills the console process of a system; the lab starts another.
    KillConsole(OnSystem),
    /// Kills the partition's agent with all its processes; init starts it again, and it has a new session with its console.
    KillAgent(Partition),
    /// Something is asked of the partition's agent again and again, and each time the agent is killed (SIGKILL) where it wants to
    /// write the next line of its journal; until it has ended once before that. After each death it is started again, and
    /// the partition is as before or as asked, as its console was told; the journal is closed; the next request works.
    KillAgentAtEach(KillAgentAtEach),
    /// The operator asks the partition to power off: the firmware says so (EPOW), the agent tells its console in a sentence that
    /// has these words. Unless the partition was told to ignore it, it powers off then.
    PowerButton(PowerButton),
    /// The partition's lines in `lspartition -dlpar` have these words, soon.
    Lspartition(Lspartition),
    /// An adversary attacks a system's console: the sessions of its partitions go on, and of each kind of misdeed the console says one
    /// line. What takes longer to break a session is found by [`Deed::Unharmed`].
    Attack(Attack),
    /// Long enough after the attacks before it the partitions still have the sessions that they had before the first of them.
    Unharmed(OnSystem),
    /// The console of the partition's system is held down and another takes its place: the partition does not serve that, and has
    /// a session again when the real one is back.
    Impostor(Impostor),
    /// The cables of a system's partitions to the MGMTSWITCH are pulled (`pulled = true`) or put back.
    Cables(Cables),
    /// The kernel's log has a line so many times at least.
    KernelLog(KernelLog),
    /// Debian's drmgr and lsslot and ours do the same, each request from the same state of the partition.
    Compare(Compare),
    /// CPUs and memory come and go in random order; after each change partition, agent, console and QEMU agree.
    Random(Random),
}

/// See [`Deed::Ready`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Ready {
    pub lpar: String,
    /// Generous: timings are not asserted.
    #[serde(default = "two_minutes")]
    pub within_s: u64,
}

fn two_minutes() -> u64 {
    120
}

/// See [`Deed::Ping`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Ping {
    pub from: String,
    pub to: String,
    pub reachable: bool,
}

/// See [`Deed::Isolation`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Isolation {
    pub system: String,
    pub on: bool,
}

/// CPUs or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Resource {
    Cpu,
    Mem,
}

/// More or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Direction {
    Add,
    Remove,
}

/// See [`Deed::Dlpar`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Dlpar {
    pub lpar: String,
    pub resource: Resource,
    pub action: Direction,
    /// CPUs, or MiB.
    pub amount: u32,
    /// The request must be refused, with these words in the reason.
    #[serde(default)]
    pub refused: Option<String>,
}

/// See [`Deed::Exec`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Exec {
    pub lpar: String,
    pub argv: Vec<String>,
    #[serde(default)]
    pub status: i32,
    #[serde(default)]
    pub stdout_contains: Option<String>,
    /// Writes standard output to this file of the report's log directory.
    #[serde(default)]
    pub keep: Option<String>,
}

/// A partition alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Partition {
    pub lpar: String,
}

/// A system alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct OnSystem {
    pub system: String,
}

/// What must come of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// It runs on the destination.
    #[default]
    Completed,
    /// It began, and the partition runs on the source again.
    RolledBack,
    /// Validation said no: nothing was touched.
    Refused,
    /// Completed or rolled back: what the fault's race gives.
    Either,
}

/// See [`Deed::Migrate`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// The partition.
    pub lpar: String,
    /// The systems to go to, one after the other, again and again.
    pub to: Vec<String>,
    /// How many migrations in all.
    #[serde(default = "once")]
    pub times: u32,
    /// What to break.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// Seconds that the partition's hooks get.
    #[serde(default)]
    pub hook_deadline_s: Option<u64>,
    /// What must come of it.
    #[serde(default)]
    pub outcome: Expected,
    /// Words that the reason must have.
    #[serde(default)]
    pub because: Option<String>,
}

fn once() -> u32 {
    1
}

/// See [`Deed::KillAgentAtEach`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct KillAgentAtEach {
    /// With an agent. For memory without events of its platform: see `hotplug_events`.
    pub lpar: String,
    pub line_of: Work,
}

/// What an agent keeps a journal of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Two processors go, and come back: several steps each.
    Processors,
    /// Two blocks of memory come, in one step, and go again.
    Memory,
    /// It migrates to another system.
    Migration,
}

/// See [`Deed::PowerButton`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PowerButton {
    pub lpar: String,
    pub told: String,
}

/// See [`Deed::Lspartition`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Lspartition {
    pub lpar: String,
    pub contains: String,
    #[serde(default = "two_minutes")]
    pub within_s: u64,
}

/// See [`Deed::Attack`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Attack {
    pub system: String,
    pub what: attack::Attack,
    /// What the console says of it.
    #[serde(default)]
    pub logged: Option<String>,
}

/// See [`Deed::Impostor`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Impostor {
    pub lpar: String,
    pub what: Imposture,
}

/// See [`Deed::Cables`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Cables {
    pub system: String,
    pub pulled: bool,
}

/// See [`Deed::KernelLog`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct KernelLog {
    pub lpar: String,
    pub contains: String,
    #[serde(default = "one_line")]
    pub at_least: usize,
}

fn one_line() -> usize {
    1
}

/// See [`Deed::Compare`]. A request is a command line: `drmgr -c cpu -r -s CPU~1`; `~` is a space within a word, `{core}` and
/// `{block}` are the DRC indexes of the last core and the last memory block that the partition has then.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// With Debian's tools and our agent.
    pub lpar: String,
    /// What makes the state that each request begins from: lines for `/sys/kernel/dlpar`. It is taken back at the end.
    #[serde(default)]
    pub before: Vec<String>,
    /// Requests that both answer alike: standard output, exit status, and what the partition has afterwards.
    #[serde(default)]
    pub alike: Vec<String>,
    /// Requests that they answer differently, by the row of `tools/drmgr/DIFFERENCES.md` that says why. They must.
    #[serde(default)]
    pub known: BTreeMap<String, Vec<String>>,
}

/// See [`Deed::Random`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// With an agent: through its session.
    pub lpar: String,
    /// How many changes.
    pub operations: u32,
    /// The same changes again; without it others each time. What was done says which it was.
    #[serde(default)]
    pub seed: Option<u64>,
}

impl Step {
    /// Names that the step uses exist.
    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), String> {
        for lpar in self.deed.lpars() {
            if scenario.lpar_index(lpar).is_none() {
                return Err(format!("{}: there is no lpar '{lpar}'", self.name));
            }
        }
        for system in self.deed.systems() {
            if scenario.system_index(system).is_none() {
                return Err(format!("{}: there is no system '{system}'", self.name));
            }
        }
        match &self.deed {
            Deed::Migrate(migrate) | Deed::MigrateTwice(migrate) if migrate.to.is_empty() => {
                Err(format!("{}: 'to' names no system", self.name))
            }
            Deed::Compare(compare) => self.check_tools(scenario, &compare.lpar),
            Deed::Exec(exec) if exec.argv.is_empty() => Err(format!("{}: 'argv' is empty", self.name)),
            Deed::Exec(exec)
                if exec.keep.as_deref().is_some_and(|name| name.contains('/') || name.starts_with('.')) =>
            {
                Err(format!("{}: 'keep' is a plain file name", self.name))
            }
            _ => Ok(()),
        }
    }

    fn check_tools(&self, scenario: &Scenario, lpar: &str) -> Result<(), String> {
        let has_both = |lpar: &Lpar| lpar.debian_tools && lpar.agent;
        if scenario.lpars.iter().any(|spec| spec.name == lpar && has_both(spec)) {
            return Ok(());
        }
        Err(format!("{}: '{lpar}' needs debian_tools and agent: programs of both are compared", self.name))
    }
}

impl Deed {
    fn lpars(&self) -> Vec<&str> {
        match self {
            Self::Ready(step) => vec![&step.lpar],
            Self::Ping(step) if step.to == "console" => vec![&step.from],
            Self::Ping(step) => vec![&step.from, &step.to],
            Self::Isolation(_) | Self::KillConsole(_) | Self::Attack(_) | Self::Unharmed(_) | Self::Cables(_) => vec![],
            Self::Lspartition(step) => vec![&step.lpar],
            Self::KillAgentAtEach(step) => vec![&step.lpar],
            Self::PowerButton(step) => vec![&step.lpar],
            Self::Impostor(step) => vec![&step.lpar],
            Self::Dlpar(step) => vec![&step.lpar],
            Self::Exec(step) => vec![&step.lpar],
            Self::Load(step) | Self::LoadIntact(step) | Self::RunsOnce(step) | Self::KillAgent(step) => {
                vec![&step.lpar]
            }
            Self::Migrate(step) | Self::MigrateTwice(step) => vec![&step.lpar],
            Self::KernelLog(step) => vec![&step.lpar],
            Self::Compare(step) => vec![&step.lpar],
            Self::Random(step) => vec![&step.lpar],
        }
    }

    fn systems(&self) -> Vec<&str> {
        match self {
            Self::Isolation(step) => vec![&step.system],
            Self::Attack(step) => vec![&step.system],
            Self::Cables(step) => vec![&step.system],
            Self::KillConsole(step) | Self::Unharmed(step) => vec![&step.system],
            Self::Migrate(step) | Self::MigrateTwice(step) => step.to.iter().map(String::as_str).collect(),
            _ => vec![],
        }
    }
}
