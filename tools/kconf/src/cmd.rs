//! The verbs: each takes its arguments, calls the library and prints.

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod fragment;
pub(crate) mod manual;
pub(crate) mod merge;
pub(crate) mod sets;
pub(crate) mod verify;

use kconf::places::Sysroot;
use kconf::sets::Sets;
use kconf::source::{self, Source};

use crate::cli::SystemArgs;

/// The sets that the command line asks for.
fn load_sets(system: &SystemArgs) -> anyhow::Result<Sets> {
    Ok(match &system.sets {
        Some(directory) => Sets::from_directory(directory)?,
        None => Sets::embedded()?,
    })
}

/// A configuration that an argument names; the running kernel's without one.
fn read(argument: Option<&str>, system: &SystemArgs) -> anyhow::Result<Source> {
    Ok(source::read(argument, system.select.as_deref(), &Sysroot::at(&system.sysroot))?)
}
