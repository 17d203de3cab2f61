//! Looks at the machine for the checks. Nothing here judges, and nothing here changes anything.

mod adapter;
mod agent;
mod console;
mod echo;
mod firewall;
mod kernel_log;
mod migration;
mod partition;
mod processes;
mod resize;
mod rsct;
mod way;

use sysroot::{Ended, Outcome, Sysroot};

use super::{Seen, Told, clock, events, storage};
use crate::agent::answer::{Mode, Status, Trust};
use crate::agent::{Method, ask_or_read};
use crate::error::chain;
use processes::Processes;

/// Time services, by their processes; the kernel cuts names after 15 characters.
const TIME_SERVICES: [&str; 4] = ["systemd-timesyn", "chronyd", "ntpd", "ntpd-rs"];
/// The file of RTAS events and its older name.
const ERROR_LOGS: [&str; 2] = ["proc/powerpc/rtas/error_log", "proc/ppc64/rtas/error_log"];

/// Looks at everything that the checks need.
pub(crate) fn everything(sysroot: &Sysroot) -> Seen {
    let processes = Processes::read(sysroot);
    let has_rsct = rsct::is_installed(sysroot);
    let agent = agent::read(sysroot, &processes, has_rsct);
    let status = agent.answer.status();
    let adapter = adapter::read(sysroot, &processes, status);
    let interface = adapter.management_interface();
    let trust = told(ask_or_read::<Trust>(sysroot, Method::TrustList, lpard::trust_here));
    let named = way::named(sysroot);
    let rsct = has_rsct.then(|| rsct::read(sysroot, &processes, named.as_deref().unwrap_or_default()));
    let is_connected = is_connected(rsct.as_ref(), status);
    Seen {
        partition: partition::read(sysroot),
        console: console::read(sysroot, status, &trust, has_rsct),
        way: way::read(sysroot, interface, named, status, &trust, rsct.as_ref()),
        adapter,
        agent,
        firewall: firewall::read(sysroot),
        resize: resize::read(sysroot),
        migration: migration::read(sysroot, is_connected, has_rsct),
        events: events::Seen {
            has_error_log: ERROR_LOGS.iter().any(|log| sysroot.exists(log)),
            rtas_errd_runs: processes.has("rtas_errd"),
            has_platform_log: sysroot.exists("var/log/platform"),
        },
        clock: clock::Seen {
            is_synchronized: sysroot.exists("run/systemd/timesync/synchronized"),
            services: processes.those_of(&TIME_SERVICES),
        },
        storage: storage::Seen(
            storage::PLACES.iter().map(|(place, path)| (*place, told(sysroot.space(path)))).collect(),
        ),
        rsct,
    }
}

/// Whether a console has the partition. An observer looks for none, and nobody tells.
fn is_connected(rsct: Option<&super::rsct::Seen>, status: Option<&Status>) -> Option<bool> {
    match rsct {
        Some(rsct) => rsct.is_connected(),
        None => status.filter(|status| status.mode == Mode::Native).map(|status| status.session.is_some()),
    }
}

/// An error becomes the reason why nothing was seen.
fn told<T, E: std::error::Error>(result: Result<T, E>) -> Told<T> {
    result.map_err(|error| chain(&error))
}

/// What a program printed, if it ended well.
fn told_by(outcome: &Outcome, program: &str) -> Told<String> {
    let first_line = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    match outcome.ended {
        Ended::Exited(0) => Ok(String::from_utf8_lossy(&outcome.output).into_owned()),
        Ended::Exited(status) => Err(format!("{program} ended with {status}: {}", first_line(&outcome.errors))),
        Ended::Signalled(signal) => Err(format!("{program} was killed by signal {signal}")),
        Ended::DeadlinePassed => Err(format!("{program} did not end and was stopped")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::answer::Session;

    #[test]
    fn only_who_looks_for_a_console_can_miss_one() {
        let with = |mode, has_session: bool| {
            let session = has_session.then(|| Session { console: "hmc1".into(), address: "10.0.0.1:657".into() });
            let (reason, phase) = (String::new(), "ready".into());
            is_connected(
                None,
                Some(&Status { mode, reason, phase, session, interface: None, network: None, last_migration: None }),
            )
        };
        assert_eq!((with(Mode::Native, true), with(Mode::Native, false)), (Some(true), Some(false)));
        assert_eq!((with(Mode::Observer, false), is_connected(None, None)), (None, None));
    }
}
