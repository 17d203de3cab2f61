//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::ambush::Ambush;

/// What runs in the lab's guests. As process 1 it is the guest's init and takes no arguments.
#[derive(Debug, Parser)]
#[command(name = "lab-guest", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves the test channel on a terminal.
    Channel {
        /// The terminal, as /dev/hvc1.
        device: PathBuf,
    },
    /// Becomes a program in a session of its own, on a terminal if one is named.
    Session {
        /// The terminal that becomes the session's.
        #[arg(long)]
        tty: Option<PathBuf>,
        /// Program and arguments; a program that begins with - is started as a login shell.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        argv: Vec<String>,
    },
    /// Loads kernel modules.
    Modules {
        /// Their paths, one a line, in an order in which they can be loaded.
        list: PathBuf,
    },
    /// Makes load for ever and writes into a file how it goes.
    Load {
        #[command(subcommand)]
        load: Load,
    },
    /// Kills a program in the moment in which it opens a file for the nth time.
    Ambush(Ambush),
    /// Checks what a load has left.
    Verify {
        #[command(subcommand)]
        what: Verify,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Fills memory with a pattern, checks it and writes the next one.
    Memory {
        /// How much.
        #[arg(long)]
        mib: u64,
        /// Where to write how it goes.
        #[arg(long)]
        state: PathBuf,
    },
    /// Appends numbered records to a journal, each followed by fsync.
    Disk {
        /// Directory of the journal.
        #[arg(long)]
        dir: PathBuf,
        /// Where to write how it goes: another filesystem.
        #[arg(long)]
        state: PathBuf,
    },
    /// Sends numbered blocks over TCP to a host that echoes them.
    Stream {
        /// HOST:PORT of the echo.
        #[arg(long)]
        to: String,
        /// Where to write how it goes.
        #[arg(long)]
        state: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verify {
    /// The journal of `load disk`; exit status 1 if a record is missing or wrong.
    Disk {
        /// Directory of the journal.
        #[arg(long)]
        dir: PathBuf,
        /// State file of the load: what it calls confirmed must be there.
        #[arg(long)]
        state: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
