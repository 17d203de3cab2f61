//! The manual page and the completions, from the same definition as the help.

use std::io::{self, Write as _};

use clap::CommandFactory;
use rpm2deb::plan::script::{OnFailure, Step, When, table};

use crate::cli::Cli;
use crate::report::Exit;

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "rpm2deb", &mut io::stdout());
    Exit::Done
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
        writeln!(page, ".SH \"RPM2DEB {}\"", verb.get_name().to_uppercase())?;
        render_verb(verb, &mut page)?;
    }
    page.extend_from_slice(script_table().as_bytes());
    page.extend_from_slice(include_str!("manual.roff").as_bytes());
    // A closed pipe is the reader's choice.
    let _ = io::stdout().write_all(&page);
    Ok(Exit::Done)
}

/// Description and options of one verb.
fn render_verb(verb: &clap::Command, page: &mut Vec<u8>) -> anyhow::Result<()> {
    let man = clap_mangen::Man::new(verb.clone());
    let mut text = Vec::new();
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    // Headings of a page of its own become headings within the verb's section.
    page.extend_from_slice(String::from_utf8_lossy(&text).replace(".SH ", ".SS ").as_bytes());
    Ok(())
}

/// Which call of dpkg runs which scriptlet with which argument: the table from which the scripts are written, too.
fn script_table() -> String {
    let mut text = String::from(
        ".SH SCRIPTLETS\n\
         With \\fB\\-\\-scripts translate\\fR, each call of dpkg runs these scriptlets, with the $1 that rpm gives them: the\n\
         number of instances of the package that rpm would count afterwards.\n",
    );
    for call in table() {
        let when = match call.when {
            When::Always => "",
            When::First => " (nothing configured before)",
            When::Upgrade => " (a version is configured)",
        };
        text.push_str(&format!(".TP\n\\fB{} {}\\fR{when}\n", call.script.name(), roff(call.action)));
        let steps: Vec<String> = call.steps.iter().copied().filter_map(step_text).collect();
        let steps = if steps.is_empty() { "nothing".to_owned() } else { steps.join(", ") };
        text.push_str(&format!("{}: {}.\n", roff(&steps), roff(call.remark)));
    }
    text
}

fn step_text(step: Step) -> Option<String> {
    Some(match step {
        Step::Run { slot, count, on_failure } => {
            let failure = match on_failure {
                OnFailure::Stop => "stops",
                OnFailure::Warn => "warns",
                OnFailure::SkipRest => "warns, the rest is left out",
            };
            format!("{} {count} (failure {failure})", slot.name())
        }
        Step::CreateAccounts => "users and groups".to_owned(),
        Step::SetOwners => "owners and capabilities".to_owned(),
        Step::RemoveGhosts => "%ghost files removed".to_owned(),
        Step::RememberReinstall | Step::ForgetReinstall => return None,
    })
}

/// Text for roff: hyphens stay hyphens, and no line begins with a control character.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
