//! `verify`: what of a fragment survived.

use kconf::verify::{Verification, verify};

use crate::cli::{SystemArgs, Verify};
use crate::render::{self, Exit};

/// Reads both, compares, prints.
pub(crate) fn run(system: &SystemArgs, args: &Verify) -> anyhow::Result<Exit> {
    let sets = super::load_sets(system)?;
    let built = super::read(Some(&args.built), system)?;
    let fragment = super::read(Some(&args.fragment), system)?;
    let (built, asked) = (built.config()?, fragment.config()?);
    let result = verify(&built, &asked, &sets);
    if args.json {
        render::print_json(&result)?;
    } else {
        render::print(&text(&result, args.verbose));
    }
    Ok(if result.lost.is_empty() { Exit::Good } else { Exit::Bad })
}

fn text(result: &Verification, verbose: bool) -> String {
    let mut text = String::new();
    for lost in &result.lost {
        text.push_str(&format!(
            "lost      {}: asked for {}, found {}: {}\n",
            lost.symbol, lost.asked, lost.found, lost.reason
        ));
    }
    if verbose {
        for symbol in &result.survived {
            text.push_str(&format!("survived  {symbol}\n"));
        }
        for symbol in &result.ignored {
            text.push_str(&format!("ignored   {symbol}\n"));
        }
    }
    text.push_str(&format!("{} survived, {} lost", result.survived.len(), result.lost.len()));
    if !result.ignored.is_empty() {
        text.push_str(&format!(", {} ignored", result.ignored.len()));
    }
    text.push('\n');
    text
}
