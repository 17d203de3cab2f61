//! The command line of the daemon.

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};

/// What `--help` prints.
pub const HELP: &str = "\
lpard - the agent in the partition

usage: lpard [--sysroot DIR]                  runs; configuration is /etc/lparkit/lpard.toml and lpard.toml.d/*.toml
       lpard [--sysroot DIR] --check-config   says whether the configuration can be used, and ends
       lpard --part network                   the part that talks to consoles; started by the other one, not by hand
       lpard --help | --version

  --sysroot DIR   a recorded machine instead of this one
";

/// What is asked of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Run: the part with the rights.
    Serve,
    /// Run: the part that talks to consoles.
    ServeNetwork,
    /// Read the configuration and end.
    CheckConfig,
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// The command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cli {
    /// What to do.
    pub action: Action,
    /// Where everything is: `/`, or the directory of a recorded machine.
    pub root: PathBuf,
}

impl Cli {
    /// Reads the arguments. Of several actions the last one counts.
    pub fn parse(mut arguments: Parser) -> Result<Self, lexopt::Error> {
        let mut cli = Self { action: Action::Serve, root: PathBuf::from("/") };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("sysroot") => cli.root = arguments.value()?.into(),
                Arg::Long("check-config") => cli.action = Action::CheckConfig,
                Arg::Long("part") => cli.action = part(&arguments.value()?.string()?)?,
                Arg::Short('h') | Arg::Long("help") => cli.action = Action::Help,
                Arg::Short('V') | Arg::Long("version") => cli.action = Action::Version,
                other => return Err(other.unexpected()),
            }
        }
        Ok(cli)
    }
}

fn part(name: &str) -> Result<Action, lexopt::Error> {
    match name {
        "root" => Ok(Action::Serve),
        "network" => Ok(Action::ServeNetwork),
        other => Err(lexopt::Error::Custom(format!("there is no part '{other}', only root and network").into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, String> {
        Cli::parse(Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_form_of_the_help_text_is_understood() {
        let cases: [(&[&str], Action, &str); 6] = [
            (&[], Action::Serve, "/"),
            (&["--sysroot", "/srv/x"], Action::Serve, "/srv/x"),
            (&["--check-config", "--sysroot=/srv/x"], Action::CheckConfig, "/srv/x"),
            (&["--part", "network"], Action::ServeNetwork, "/"),
            (&["-h"], Action::Help, "/"),
            (&["--version"], Action::Version, "/"),
        ];
        for (arguments, action, root) in cases {
            assert_eq!(parse(arguments), Ok(Cli { action, root: root.into() }), "{arguments:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for arguments in [&["--nonsense"][..], &["--part", "moon"], &["--sysroot"], &["status"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
