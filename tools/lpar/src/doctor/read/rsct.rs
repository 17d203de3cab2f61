//! RSCT's files, processes and answers. Its commands may hang: each has a deadline.

use std::time::Duration;

use platform::console_string::ConsoleString;
use platform::own_address;
use sysroot::{Ended, Program, Sysroot};

use super::{Processes, told, told_by};
use crate::doctor::Told;
use crate::doctor::rsct::{KEY_FILES, PROGRAM_NAMES, Seen, Verification};

const HOME: &str = "opt/rsct";
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn is_installed(sysroot: &Sysroot) -> bool {
    sysroot.is_dir(HOME)
}

/// `named` are the consoles that the hypervisor names.
pub(super) fn read(sysroot: &Sysroot, processes: &Processes, named: &[ConsoleString]) -> Seen {
    let bin = |name: &str| format!("{HOME}/bin/{name}");
    let node_id = told(sysroot.read_text_if_present("etc/ct_node_id"));
    Seen {
        programs: PROGRAM_NAMES.into_iter().filter(|name| sysroot.exists(bin(name))).collect(),
        has_definition: sysroot.exists(format!("{HOME}/cfg/rmdefs/IBM.DRM.mdef")),
        has_drmgr: sysroot.exists("usr/sbin/drmgr"),
        node_id: node_id.map(|text| Some(text?.lines().next()?.trim().to_owned())),
        processes: processes.names(),
        // All attributes: one that an older RSCT has not would be an error.
        consoles: said(sysroot, Program::new(bin("lsrsrc"), PATIENCE).argument("IBM.MCP"), "lsrsrc"),
        named: named.to_vec(),
        own_addresses: told(own_address::read(sysroot)),
        domain: said(
            sysroot,
            Program::new(bin("rmcdomainstatus"), PATIENCE).argument("-s").argument("ctrmc"),
            "rmcdomainstatus",
        ),
        verification: verification(sysroot, Program::new(bin("ctsvhbac"), PATIENCE)),
        keys: KEY_FILES.map(|name| sysroot.exists(format!("var/ct/cfg/{name}"))),
    }
}

fn said(sysroot: &Sysroot, program: Program, name: &str) -> Told<String> {
    told_by(&told(sysroot.run(&in_english(program)))?, name)
}

/// One that found something wrong may end as if it had failed: what it printed counts.
fn verification(sysroot: &Sysroot, program: Program) -> Told<Verification> {
    let outcome = told(sysroot.run(&in_english(program)))?;
    let said = String::from_utf8_lossy(&outcome.output).into_owned();
    match outcome.ended {
        Ended::Exited(status) => Ok(Verification { status, said }),
        _ => told_by(&outcome, "ctsvhbac").map(|said| Verification { status: 0, said }),
    }
}

fn in_english(mut program: Program) -> Program {
    program.environment =
        [("LC_ALL".to_owned(), "C".into()), ("PATH".to_owned(), "/usr/bin:/bin:/opt/rsct/bin".into())].into();
    program
}
