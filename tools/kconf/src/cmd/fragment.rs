//! `fragment`: what to choose, for a kernel of some version.

use anyhow::Context;
use kconf::fragment::{Target, fragment};
use kconf::places::Sysroot;
use kconf::sets::Need;
use kconf::version::KernelVersion;

use crate::cli::{Fragment, SystemArgs};
use crate::render::{self, Exit};

/// Writes it to standard output.
pub(crate) fn run(system: &SystemArgs, args: &Fragment) -> anyhow::Result<Exit> {
    let sets = super::load_sets(system)?;
    let chosen = sets.choose(&args.set)?;
    let target = Target {
        version: args.kernel.map_or_else(|| running_version(system), Ok)?,
        flavour: args.flavour.map(Into::into),
        modules: args.modules,
        need: if args.optional { Need::Optional } else { Need::Recommended },
    };
    render::print(&fragment(&sets, &chosen, target).text());
    Ok(Exit::Good)
}

/// The running kernel's, with a word about it: the fragment may well be for another.
fn running_version(system: &SystemArgs) -> anyhow::Result<KernelVersion> {
    let advice = "cannot tell the version of the running kernel; say --kernel VERSION";
    let release = Sysroot::at(&system.sysroot).release().context(advice)?;
    let version = release.parse().context(advice)?;
    render::note(&format!("for Linux {version}, the running kernel; --kernel VERSION for another"));
    Ok(version)
}
