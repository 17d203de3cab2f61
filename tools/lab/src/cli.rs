//! The command line.

use std::ffi::OsString;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use lab::scenario::step::{Direction, Resource};

/// Managed systems and migrating partitions on QEMU: Power's OS side tested without Power.
#[derive(Debug, Parser)]
#[command(name = "lparlab", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Which lab, when several run
    #[arg(long, global = true, default_value = "default", env = "LPARLAB", value_parser = lab::directory::name)]
    pub(crate) lab: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What this machine has and lacks, with the command that mends it
    Doctor(Json),
    /// Start managed systems, switches, consoles and partitions; without a file: two systems, one partition
    Up {
        /// The scenario (its steps are for `run`)
        scenario: Option<PathBuf>,
        /// Do not wait until the partitions answer
        #[arg(long)]
        no_wait: bool,
    },
    /// Systems, partitions, state, CPUs, memory, addresses, console connection
    Status {
        #[command(flatten)]
        json: Json,
        /// Again and again, until Control+C
        #[arg(long)]
        watch: bool,
    },
    /// What the consoles know of their partitions' agents, in the lines of the HMC's command
    Lspartition {
        /// What the HMC's command wants to hear before it shows these lines; -dlpar does too
        #[arg(long)]
        dlpar: bool,
        #[command(flatten)]
        json: Json,
    },
    /// The labs of this user
    Labs(Json),
    /// A partition's hvc0, as mkvterm shows it; Control+] leaves
    Console {
        /// The partition
        lpar: String,
    },
    /// Add or remove CPUs or memory while the partition runs
    Dlpar {
        /// The partition
        lpar: String,
        /// What
        resource: ResourceArg,
        /// More or less
        direction: DirectionArg,
        /// CPUs, or MiB of memory (a multiple of 256)
        amount: u32,
        #[command(flatten)]
        json: Json,
    },
    /// Move a running partition to another system
    Migrate(Migrate),
    /// Run a command in a partition, through the test channel
    Exec {
        /// The partition
        lpar: String,
        /// Seconds that it gets
        #[arg(long, default_value_t = 60)]
        timeout: u64,
        /// Give it this program's standard input (at most 512 KiB)
        #[arg(short, long)]
        interactive: bool,
        /// Program and arguments
        #[arg(required = true, last = true)]
        argv: Vec<String>,
    },
    /// Frames of a system's management network on port 657, until Control+C
    Capture {
        /// The managed system
        system: String,
        /// Write a pcap file
        #[arg(short, long)]
        write: Option<PathBuf>,
    },
    /// Isolation of a system's MGMTSWITCH: on is VEPA mode, off is VEB
    Isolation {
        /// The managed system
        system: String,
        /// on or off
        mode: OnOff,
    },
    /// End a lab
    Down {
        /// All labs of this user; what crashed ones left is removed
        #[arg(long)]
        all: bool,
    },
    /// Perform a scenario's steps on a lab of its own, and report
    Run {
        /// The scenario
        scenario: PathBuf,
        /// Write JUnit's XML here
        #[arg(long)]
        junit: Option<PathBuf>,
        /// Write the results as JSON here
        #[arg(long)]
        json: Option<PathBuf>,
        /// Keep the logs and kept outputs in this directory, failed or not
        #[arg(long)]
        logs: Option<PathBuf>,
    },
    /// The first process of a lab's namespaces
    #[command(hide = true)]
    Supervise {
        /// The lab's directory
        directory: PathBuf,
        /// The network that the lab was started from
        #[arg(long)]
        outer: String,
        /// Perform the steps, write the results here, end
        #[arg(long)]
        run: Option<PathBuf>,
    },
    /// The console process of a system
    #[command(hide = true)]
    ConsoleProcess {
        /// The system
        system: String,
        /// The bridge that is its MGMTSWITCH
        #[arg(long)]
        bridge: String,
        /// The console's address on it
        #[arg(long)]
        address: Ipv6Addr,
        /// The file with its key
        #[arg(long)]
        key: PathBuf,
    },
}

/// The name of a link to this program that is another command.
const LSPARTITION: &str = "lspartition";

impl Cli {
    /// From the arguments of this process. `lspartition -dlpar` is written as on an HMC, whether by a link of that name or as a
    /// subcommand; clap knows no such options.
    pub(crate) fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut words: Vec<OsString> = arguments.into_iter().collect();
        let is_link = words.first().is_some_and(|own| Path::new(own).file_name() == Some(LSPARTITION.as_ref()));
        if is_link {
            words.insert(1, LSPARTITION.into());
        }
        if let Some(at) = words.iter().position(|word| word == LSPARTITION) {
            words[at..].iter_mut().filter(|word| *word == "-dlpar").for_each(|word| *word = "--dlpar".into());
        }
        Self::try_parse_from(words)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// For machines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The partition
    pub(crate) lpar: String,
    /// Where to
    #[arg(required_unless_present_any = ["stop", "recover"])]
    pub(crate) system: Option<String>,
    /// Only check whether it could be done
    #[arg(long, conflicts_with_all = ["stop", "recover"])]
    pub(crate) validate: bool,
    /// Stop the migration under way: the partition stays where it was
    #[arg(long, conflicts_with_all = ["system", "recover"])]
    pub(crate) stop: bool,
    /// After a migration that was lost: get the partition to run again
    #[arg(long, conflicts_with = "system")]
    pub(crate) recover: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ResourceArg {
    Cpu,
    Mem,
}

impl From<ResourceArg> for Resource {
    fn from(resource: ResourceArg) -> Self {
        match resource {
            ResourceArg::Cpu => Self::Cpu,
            ResourceArg::Mem => Self::Mem,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DirectionArg {
    Add,
    Remove,
}

impl From<DirectionArg> for Direction {
    fn from(direction: DirectionArg) -> Self {
        match direction {
            DirectionArg::Add => Self::Add,
            DirectionArg::Remove => Self::Remove,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lspartition_is_called_as_on_an_hmc() {
        for words in [
            "lparlab lspartition -dlpar",
            "lparlab lspartition --dlpar",
            "/usr/bin/lspartition -dlpar",
            "lparlab --lab x lspartition -dlpar --json",
        ] {
            let cli = Cli::from_arguments(words.split(' ').map(OsString::from)).unwrap();
            assert!(matches!(cli.command, Command::Lspartition { dlpar: true, .. }), "{words}");
        }
        assert!(Cli::from_arguments(["lparlab", "status", "-dlpar"].map(OsString::from)).is_err());
    }
}
