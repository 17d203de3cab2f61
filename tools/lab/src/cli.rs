//! The command line.

use std::path::PathBuf;

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
        /// The system, for the list of processes
        system: String,
    },
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
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
