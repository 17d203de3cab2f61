//! The command line, as typed. Help, manual page and completions all come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kconf::version::KernelVersion;

/// Says whether a kernel is fit for a logical partition on IBM Power, and how to make it so.
///
/// What is needed is data, in sets of options; each option says what fails without it. Nothing is changed on the system.
#[derive(Debug, Parser)]
#[command(name = "lpar-kconfig", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) system: SystemArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the system and the sets are.
#[derive(Debug, Args)]
pub(crate) struct SystemArgs {
    /// Take DIR for the root of the system: /boot, /usr/lib/modules, /proc and /sys are looked for in it
    #[arg(long, value_name = "DIR", default_value = "/", global = true)]
    pub(crate) sysroot: PathBuf,
    /// Use the sets in DIR/*.toml instead of the built-in ones
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) sets: Option<PathBuf>,
    /// Of several configurations in a directory or package, take the one with TEXT in its name
    #[arg(long, value_name = "TEXT", global = true)]
    pub(crate) select: Option<String>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a kernel's configuration; exit 1 if something required is missing
    Check(Check),
    /// Explain an option or a set: what it enables, what fails without it, since when, where that is known from
    Explain(Explain),
    /// Write the configuration fragment that a kernel of some version needs
    Fragment(Fragment),
    /// Lay fragments over a configuration, with a report of the values that they override
    Merge(Merge),
    /// Say what of a fragment survived `make olddefconfig`; exit 1 if something did not
    Verify(Verify),
    /// Compare two configurations; exit 1 if they differ
    Diff(Diff),
    /// List the sets
    Sets {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Manual,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A configuration, a directory or package that holds one, a kernel image that has it embedded, a kernel release,
    /// or - for standard input [default: the running kernel]
    #[arg(value_name = "KERNEL|FILE|DIR|.deb")]
    pub(crate) kernel: Option<String>,
    /// Check this set only; can be given more than once [default: all but article]
    #[arg(long = "set", value_name = "NAME")]
    pub(crate) set: Vec<String>,
    /// Version of the kernel, where the configuration does not say it
    #[arg(long = "kernel", value_name = "VERSION")]
    pub(crate) version: Option<KernelVersion>,
    /// Also look at the running system: is the module loaded, does the firmware offer it, is the kernel locked down
    #[arg(long)]
    pub(crate) running: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) form: ReportForm,
}

/// In what form a report is told.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReportForm {
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown, for bug reports
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Show options that are as they should be, too
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An option, with or without CONFIG_, or a set
    #[arg(value_name = "OPTION|SET")]
    pub(crate) name: String,
}

/// Arguments of `fragment`.
#[derive(Debug, Args)]
pub(crate) struct Fragment {
    /// For this set only; can be given more than once [default: all but article]
    #[arg(long = "set", value_name = "NAME")]
    pub(crate) set: Vec<String>,
    /// For this kernel version or release [default: the running kernel's]
    #[arg(long, value_name = "VERSION")]
    pub(crate) kernel: Option<KernelVersion>,
    /// For this page size; without it, options that one page size alone has are left out
    #[arg(long, value_enum)]
    pub(crate) flavour: Option<Flavour>,
    /// Drivers as modules, where the sets prefer that, instead of built in
    #[arg(long)]
    pub(crate) modules: bool,
    /// Add optional options
    #[arg(long)]
    pub(crate) optional: bool,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The configuration to begin with: whatever check takes
    pub(crate) base: String,
    /// Fragments; the last one wins
    #[arg(required = true, value_name = "FRAGMENT")]
    pub(crate) fragments: Vec<String>,
    /// Where the result goes
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The configuration after `make olddefconfig`, or the kernel that was built: whatever check takes
    pub(crate) built: String,
    /// What was asked for
    pub(crate) fragment: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show what survived, too
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A kernel, as for check
    pub(crate) first: String,
    /// Another
    pub(crate) second: String,
    /// All differences, not only those that matter to an LPAR
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `--flavour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flavour {
    /// 4 KiB pages
    #[value(name = "4k")]
    Pages4k,
    /// 64 KiB pages
    #[value(name = "64k")]
    Pages64k,
}

impl From<Flavour> for kconf::version::Flavour {
    fn from(flavour: Flavour) -> Self {
        match flavour {
            Flavour::Pages4k => Self::Pages4k,
            Flavour::Pages64k => Self::Pages64k,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
