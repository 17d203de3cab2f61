//! `merge`: a configuration with fragments laid over it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context;
use kconf::merge::{Input, Merged, merge};
use kconf::source::Source;
use serde_json::json;

use crate::cli::{Merge, SystemArgs};
use crate::render::{self, Exit};

/// Merges, writes the result whole or not at all, reports what was overridden.
pub(crate) fn run(system: &SystemArgs, args: &Merge) -> anyhow::Result<Exit> {
    let base = super::read(Some(&args.base), system)?;
    let fragments =
        args.fragments.iter().map(|name| super::read(Some(name), system)).collect::<anyhow::Result<Vec<_>>>()?;
    let inputs: Vec<Input> = fragments.iter().map(as_input).collect();
    let merged = merge(as_input(&base), &inputs)?;
    write(&args.output, &merged.text)?;
    if args.json {
        render::print_json(&json!({ "overridden": merged.overridden, "added": merged.added }))?;
    } else {
        render::print(&report(&merged, &args.output));
    }
    Ok(Exit::Good)
}

fn as_input(source: &Source) -> Input<'_> {
    Input { name: &source.origin, bytes: &source.text }
}

/// By a temporary file beside it.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let operation = || format!("cannot write {}", path.display());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(operation)?;
    file.write_all(text.as_bytes()).with_context(operation)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).with_context(operation)?;
    file.as_file().sync_all().with_context(operation)?;
    file.persist(path).with_context(operation)?;
    Ok(())
}

fn report(merged: &Merged, output: &Path) -> String {
    let mut text = String::new();
    for one in &merged.overridden {
        text.push_str(&format!("{}: {} ({}) -> {} ({})\n", one.symbol, one.old, one.old_from, one.new, one.new_from));
    }
    text.push_str(&format!(
        "{}: {} overridden, {} added; next: make olddefconfig, then lpar-kconfig verify\n",
        output.display(),
        merged.overridden.len(),
        merged.added.len()
    ));
    text
}
