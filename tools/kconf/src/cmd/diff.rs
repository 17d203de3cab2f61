//! `diff`: two configurations.

use kconf::diff::{Difference, diff};

use crate::cli::{Diff, SystemArgs};
use crate::render::{self, Exit};

/// Reads both, compares, prints.
pub(crate) fn run(system: &SystemArgs, args: &Diff) -> anyhow::Result<Exit> {
    let sets = super::load_sets(system)?;
    let (first, second) = (super::read(Some(&args.first), system)?, super::read(Some(&args.second), system)?);
    let differences = diff(&first.config()?, &second.config()?, &sets, args.all);
    if args.json {
        render::print_json(&differences)?;
    } else {
        render::print(&text(&differences));
    }
    Ok(if differences.is_empty() { Exit::Good } else { Exit::Bad })
}

fn text(differences: &[Difference]) -> String {
    let width = differences.iter().map(|one| one.symbol.len()).max().unwrap_or(0);
    let values = differences.iter().map(|one| one.first.len()).max().unwrap_or(0).min(24);
    differences
        .iter()
        .map(|one| {
            let line =
                format!("{:<width$}  {:<values$} -> {:<8}  {}", one.symbol, one.first, one.second, one.sets.join(", "));
            format!("{}\n", line.trim_end())
        })
        .collect()
}
