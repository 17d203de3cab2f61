//! `sets`: the named sets, with what each is for.

use kconf::sets::{Need, OptionSet, Sets};
use serde_json::{Value, json};

use crate::cli::SystemArgs;
use crate::render::{self, Exit};

/// Lists them.
pub(crate) fn run(system: &SystemArgs, json: bool) -> anyhow::Result<Exit> {
    let sets = super::load_sets(system)?;
    if json {
        render::print_json(&sets.all().iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        render::print(&text(&sets));
    }
    Ok(Exit::Good)
}

fn text(sets: &Sets) -> String {
    let width = sets.all().iter().map(|set| set.name.len()).max().unwrap_or(0);
    let line = |set: &OptionSet| {
        let remark = if set.default { "" } else { " (checked only if named)" };
        format!("{:<width$}  {}{remark}\n", set.name, set.title)
    };
    sets.all().iter().map(line).collect()
}

fn as_json(set: &OptionSet) -> Value {
    let of = |need: Need| {
        set.options.iter().filter(|entry| entry.need == need).map(|entry| &entry.symbol).collect::<Vec<_>>()
    };
    json!({
        "name": set.name,
        "title": set.title,
        "purpose": set.purpose.trim(),
        "default": set.default,
        "required": of(Need::Required),
        "if-present": of(Need::IfPresent),
        "recommended": of(Need::Recommended),
        "optional": of(Need::Optional),
    })
}
