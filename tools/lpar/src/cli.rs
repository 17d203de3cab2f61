//! The command line, as typed. Help, manual page and completions all come from here.

pub(crate) mod dlpar;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use wire::key::PublicKey;

use dlpar::DlparArgs;

/// Shows what this partition is and what is wrong with it, and changes what can be changed while it runs.
///
/// What everybody may see is read from the system itself. What changes the partition is asked of the agent, lpard.
#[derive(Debug, Parser)]
#[command(name = "lpar", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) common: Common,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Look at a recorded machine instead of this one
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub(crate) sysroot: PathBuf,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the partition on one screen: who, where, what it has, what the agent does
    Status,
    /// Look for everything that could keep the partition from being managed, and say what to do about it
    ///
    /// Every line is ok, warn, fail or "cannot tell", with what was looked at. The exit code is 1 when a line is fail.
    Doctor,
    /// Show the capability words of the console (lspartition -dlpar), and what is missing for more
    Dcaps(DcapsArgs),
    /// Show which partition of which system this is
    Identity,
    /// Show what firmware reported: power and cooling, errors, hotplug, migrations
    ///
    /// Without options, the events that the agent has kept; of a recorded machine, those of its /var/log/platform, and those
    /// that wait in its /proc/powerpc/rtas/error_log.
    Events(EventsArgs),
    /// Show processors, memory blocks, slots and host bridges, and what is in them
    Slots(SlotsArgs),
    /// Show, add and remove the consoles that the agent believes
    Trust {
        /// What to do.
        #[command(subcommand)]
        command: TrustCommand,
    },
    /// Show the hooks of migrations and changes, in the order in which they run
    Hooks,
    /// Ask whether the partition could migrate now; the check hooks run for it
    ///
    /// The exit code is 1 when something speaks against it. Of a recorded machine it says what can be read; no hooks run.
    MigrateCheck(MigrateCheckArgs),
    /// Change what the partition has while it runs: processors, memory, slots, host bridges, entitlement
    ///
    /// The agent does it; where it does not run, this program does, which takes root.
    Dlpar(DlparArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Manual,
}

/// Arguments of `dcaps`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DcapsArgs {
    /// Explain every bit: what it means, how sure that is, what speaks for it
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Arguments of `events`.
#[derive(Debug, Clone, Args)]
pub(crate) struct EventsArgs {
    /// Wait for more, until interrupted
    #[arg(short, long, conflicts_with = "decode")]
    pub(crate) follow: bool,
    /// Decode a file instead: a binary dump of RTAS events, /var/log/platform, or a log of the kernel; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) decode: Option<PathBuf>,
}

/// Arguments of `slots`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SlotsArgs {
    /// Show empty places too
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// What to do about trust.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TrustCommand {
    /// Believe a console from now on
    Add(TrustAddArgs),
    /// Show the consoles that are believed, and the key of this partition
    List,
    /// Do not believe a console any more
    Remove {
        /// Its name, key or fingerprint
        console: String,
    },
}

/// Arguments of `trust add`; their names are those of the agent's method.
#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct TrustAddArgs {
    /// The console's public key, as the console prints it: ed25519:…
    pub(crate) key: PublicKey,
    /// What to call it
    #[arg(long, default_value = "console")]
    pub(crate) name: String,
    /// Where to call it; several are tried in their order. A link-local address is on the management adapter
    #[arg(long = "address", value_name = "ADDRESS")]
    pub(crate) addresses: Vec<IpAddr>,
    /// Its TCP port
    #[arg(long, default_value_t = 657)]
    pub(crate) port: u16,
}

/// Arguments of `migrate-check`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MigrateCheckArgs {
    /// Time for all hooks together
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) deadline: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
