//! The manual page and the completions, from the same definition as the help.

use std::io::{self, Write as _};

use clap::CommandFactory;

use crate::cli::Cli;
use crate::render::{self, Exit};

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "lpar-kconfig", &mut io::stdout());
    Exit::Good
}

/// Prints the manual page: the verbs with their options, then what no option says.
pub(crate) fn manual() -> anyhow::Result<Exit> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    let top = clap_mangen::Man::new(command.clone()).section("1").manual("lparkit");
    top.render_title(&mut page)?;
    top.render_name_section(&mut page)?;
    top.render_synopsis_section(&mut page)?;
    top.render_description_section(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        writeln!(page, ".SH \"LPAR-KCONFIG {}\"", verb.get_name().to_uppercase())?;
        let man = clap_mangen::Man::new(verb.clone());
        let mut text = Vec::new();
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        // Headings of a page of its own become headings within the verb's section.
        page.extend_from_slice(String::from_utf8_lossy(&text).replace(".SH ", ".SS ").as_bytes());
    }
    page.extend_from_slice(include_bytes!("manual.roff"));
    render::print(&String::from_utf8_lossy(&page));
    Ok(Exit::Good)
}
