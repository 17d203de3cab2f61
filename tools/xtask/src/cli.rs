//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Commands for developers of lparkit.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Builds static ppc64el programs with Debian's Rust and prints their paths.
    Cross {
        /// With the release profile.
        #[arg(long)]
        release: bool,
        /// The package whose programs are built; lab-guest when none is named.
        #[arg(short, long = "package")]
        packages: Vec<String>,
    },
    /// Makes kernel and initramfs of the lab's guests and prints their directory: vmlinux, initrd, image.json.
    GuestImage {
        /// A kernel of tests/lab/images.toml: debian-12, debian-13, newest.
        #[arg(long, default_value = "debian-13")]
        kernel: String,
        /// A kernel of one's own instead: an ELF file that needs no modules.
        #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
        vmlinux: Option<PathBuf>,
        /// With Debian's own drmgr, lsslot, lparstat and their libraries.
        #[arg(long)]
        tools: bool,
        /// With lparkit's agent, which the guest's init starts, and its command lines.
        #[arg(long)]
        agent: bool,
    },
    /// Downloads the packages that tests/kconfig/archive.toml pins under a name, and prints their paths.
    Fetch {
        /// The name: debian-12, source-6.1.
        name: String,
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
