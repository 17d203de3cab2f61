//! Is a console trusted, is there a session, and is port 657 whose it should be?

use super::{Finding, Subject, Told};
use crate::agent::answer::{Mode, Status};

const TRUSTED: Subject = Subject::new("a console is trusted", "/run/lpard/control, /var/lib/lparkit/trust");
const SESSION: Subject = Subject::new("session", "/run/lpard/control");
const CONFINED: Subject = Subject::new("the part with the network is confined", "/run/lpard/control");
const PORT: Subject = Subject::new("port 657 here", "/proc/net/tcp, /proc/net/tcp6, /proc/net/udp, /proc/net/udp6");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// What the agent says, when it says anything.
    pub(crate) status: Option<Status>,
    /// How many keys of consoles are trusted.
    pub(crate) trusted: Told<usize>,
    /// Which sockets of this machine have port 657.
    pub(crate) port: Told<PortUse>,
    /// RSCT is there: the port is its.
    pub(crate) has_rsct: bool,
}

/// Sockets with port 657.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PortUse {
    /// Somebody waits for connections.
    pub(crate) tcp_listens: bool,
    /// Somebody takes datagrams.
    pub(crate) udp_bound: bool,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !seen.has_rsct {
        findings.push(TRUSTED.judge(&seen.trusted, |count| trusted(*count)));
        findings.push(session(seen.status.as_ref()));
        findings.extend(seen.status.as_ref().and_then(confined));
    }
    findings.push(PORT.judge(&seen.port, |port| port_use(*port, seen.has_rsct)));
    findings
}

fn trusted(count: usize) -> Finding {
    match count {
        0 => TRUSTED.fail("no: lpard talks to no console", "lpar trust add KEY; the console prints its key"),
        1 => TRUSTED.ok("one key"),
        count => TRUSTED.ok(format!("{count} keys")),
    }
}

fn session(status: Option<&Status>) -> Finding {
    let Some(status) = status else { return SESSION.cannot_tell("lpard does not tell", Some("see above")) };
    match (status.mode, &status.session) {
        (_, Some(session)) => SESSION.ok(format!("{} at {}", session.console, session.address)),
        (Mode::Observer, None) => SESSION.ok(format!("none wanted: {}", status.reason)),
        (Mode::Native, None) => SESSION.fail(
            "none",
            "journalctl -u lpard tells why; the console has to trust this partition's key (lpar trust list), and the checks \
             here say whether it can be reached",
        ),
    }
}

/// What reads the bytes of strangers should be able to do nothing else.
fn confined(status: &Status) -> Option<Finding> {
    let network = status.network.as_ref()?;
    let missing: Vec<&str> = [
        (!network.unprivileged, "it is root"),
        (!network.no_new_privileges, "it may gain privileges"),
        (network.landlock != "full", "it sees files (Landlock is not complete)"),
    ]
    .into_iter()
    .filter_map(|(is_missing, what)| is_missing.then_some(what))
    .collect();
    if missing.is_empty() {
        return Some(CONFINED.ok("no privileges, no files"));
    }
    Some(CONFINED.warn(
        missing.join("; "),
        "use the unit that comes with lpard, and a kernel with Landlock (Linux 6.2 or later)",
    ))
}

/// The partition calls the console: nobody here has to listen, unless it is RSCT, which takes calls too.
fn port_use(port: PortUse, has_rsct: bool) -> Finding {
    match (has_rsct, port.tcp_listens, port.udp_bound) {
        (true, true, true) => PORT.ok("RSCT listens on TCP and UDP"),
        (true, false, _) => PORT.fail("nobody listens on TCP", "/opt/rsct/bin/rmcctrl -p"),
        (true, true, false) => PORT.fail("nobody takes UDP", "/opt/rsct/bin/rmcctrl -z && /opt/rsct/bin/rmcctrl -A"),
        (false, true, _) => PORT.warn(
            "something listens on TCP 657; lpard does not",
            "ss -ltnp 'sport = 657' names it; two agents must not resize one partition",
        ),
        (false, false, true) => PORT.ok("UDP is taken: heartbeats"),
        (false, false, false) => PORT.ok("free; the partition calls the console, nobody has to listen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::answer::{Confinement, Session};
    use crate::doctor::Verdict::{self, CannotTell, Fail, Ok as Good, Warn};

    fn status(mode: Mode, has_session: bool) -> Status {
        let session = Session { console: "hmc1".into(), address: "[fe80::1%env4]:657".into() };
        Status {
            mode,
            reason: "because".into(),
            phase: "ready".into(),
            session: has_session.then_some(session),
            interface: None,
            network: None,
            last_migration: None,
        }
    }

    #[test]
    fn a_native_agent_needs_a_session_and_an_observer_does_not() {
        let cases: [(Option<Status>, Verdict, &str); 4] = [
            (None, CannotTell, "does not tell"),
            (Some(status(Mode::Observer, false)), Good, "none wanted: because"),
            (Some(status(Mode::Native, false)), Fail, "none"),
            (Some(status(Mode::Native, true)), Good, "hmc1 at [fe80::1%env4]:657"),
        ];
        for (status, verdict, words) in cases {
            let finding = session(status.as_ref());
            assert_eq!((finding.verdict, finding.found.as_str().contains(words)), (verdict, true), "{finding:?}");
        }
    }

    #[test]
    fn each_missing_wall_is_named() {
        let with = |unprivileged, no_new_privileges, landlock: &str| {
            let network = Some(Confinement { unprivileged, no_new_privileges, landlock: landlock.into() });
            confined(&Status { network, ..status(Mode::Native, true) }).unwrap()
        };
        assert_eq!(with(true, true, "full").verdict, Good);
        assert_eq!((with(false, true, "full").verdict, with(false, true, "full").found.as_str()), (Warn, "it is root"));
        assert_eq!((with(true, false, "full").verdict, with(true, true, "none").verdict), (Warn, Warn));
        assert_eq!(confined(&status(Mode::Native, true)), None);
    }

    #[test]
    fn the_port_belongs_to_rsct_or_to_nobody() {
        let cases = [
            (true, true, true, Good),
            (true, false, true, Fail),
            (true, true, false, Fail),
            (false, true, false, Warn),
            (false, false, true, Good),
            (false, false, false, Good),
        ];
        for (has_rsct, tcp_listens, udp_bound, verdict) in cases {
            assert_eq!(port_use(PortUse { tcp_listens, udp_bound }, has_rsct).verdict, verdict);
        }
    }

    #[test]
    fn a_partition_without_trust_talks_to_nobody() {
        assert_eq!((trusted(0).verdict, trusted(1).verdict, trusted(2).verdict), (Fail, Good, Good));
    }

    #[test]
    fn with_rsct_only_its_port_is_of_interest() {
        let port = Ok(PortUse { tcp_listens: true, udp_bound: true });
        let seen = Seen { status: None, trusted: Ok(0), port, has_rsct: true };
        assert_eq!(judge(&seen), [PORT.ok("RSCT listens on TCP and UDP")]);
    }
}
