//! Commands for developers of lparkit: `cargo xtask cross`, `cargo xtask guest-image`, `cargo xtask fetch`.
//!
//! All print paths on standard output and what they do on standard error. Everything is kept in the cache directory that
//! `tests/debian/cache` prints, under names made of what went in, so that a second call has nothing to do.

mod checkout;
mod cli;
mod cpio;
mod cross;
mod debian;
mod digest;
mod guest_image;
mod guest_programs;
mod image_cache;
mod images;
mod kernel;
mod modules;
mod program;
mod tree;
mod userland;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use checkout::Checkout;
use cli::{Cli, Command};
use guest_image::Wanted;
use images::Pins;

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    let checkout = Checkout::find()?;
    match command {
        Command::Cross { release, packages } => {
            let packages = if packages.is_empty() { vec!["lab-guest".to_owned()] } else { packages.clone() };
            let profile = if *release { "release" } else { "dev" };
            for path in cross::build(&checkout, profile, &packages)? {
                println!("{}", path.display());
            }
        }
        Command::GuestImage { kernel, vmlinux, tools, agent } => {
            let wanted = Wanted { kernel, vmlinux: vmlinux.as_deref(), tools: *tools, agent: *agent };
            println!("{}", guest_image::make(&checkout, &wanted)?.display());
        }
        Command::Fetch { name } => {
            let pins = Pins::read(&checkout.root.join("tests/kconfig/archive.toml"))?;
            let _lock = checkout.lock_cache()?;
            for package in &debian::find(&checkout, pins.source(name)?)?.packages {
                println!("{}", debian::verified(&checkout, package)?.display());
            }
        }
    }
    Ok(())
}
