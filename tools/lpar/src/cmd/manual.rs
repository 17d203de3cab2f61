//! The manual page and the completions, from the same definition as the help.

use std::io;

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::print;

/// Prints a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lpar", &mut script);
    print(&script)?;
    Ok(Exit::Done)
}

/// Prints the manual page: the verbs with their options, then what no option says.
pub(super) fn manual() -> Result<Exit> {
    print(&page().map_err(Error::Output)?)?;
    Ok(Exit::Done)
}

fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    let top = clap_mangen::Man::new(command.clone()).section("8").manual("lparkit");
    top.render_title(&mut page)?;
    top.render_name_section(&mut page)?;
    top.render_synopsis_section(&mut page)?;
    top.render_description_section(&mut page)?;
    render_verbs(&command, &mut page)?;
    page.extend_from_slice(include_bytes!("manual.roff"));
    Ok(page)
}

/// Every verb below this one, those above before those below.
fn render_verbs(above: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for verb in above.get_subcommands().filter(|verb| verb.get_name() != "help") {
        render_verb(verb, above, page)?;
        render_verbs(verb, page)?;
    }
    Ok(())
}

/// Synopsis, description and options of one verb. What the verb above it has too is described there.
fn render_verb(verb: &Command, above: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let is_described_above = |arg: &Arg| arg.get_id() == "help" || above.get_arguments().any(|other| other == arg);
    let own = verb.clone().mut_args(|arg| {
        let is_hidden = is_described_above(&arg);
        arg.hide(is_hidden)
    });
    let man = clap_mangen::Man::new(own);
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if !verb.get_arguments().all(is_described_above) {
        man.render_options_section(&mut text)?;
    }
    let name = verb.get_bin_name().unwrap_or(verb.get_name()).to_uppercase();
    page.extend_from_slice(format!(".SH \"{name}\"\n").as_bytes());
    // Headings of a page of its own become headings within the verb's section.
    page.extend_from_slice(String::from_utf8_lossy(&text).replace(".SH ", ".SS ").as_bytes());
    Ok(())
}
