//! IBM's RSCT, where it is installed: it talks to the HMC and calls drmgr. All that is known of it is public; the marks of the
//! domain status that IBM has not documented are named as what they typically are.

mod console;

use std::collections::BTreeSet;
use std::net::IpAddr;

use platform::console_string::ConsoleString;

use super::{Finding, Subject, Told, Verdict};
use console::Console;

const PROGRAMS: Subject = Subject::new("programs", "/opt/rsct/bin");
const DEFINITION: Subject = Subject::new("DynamicRM", "/opt/rsct/cfg/rmdefs/IBM.DRM.mdef");
const DRMGR: Subject = Subject::new("drmgr", "/usr/sbin/drmgr");
const NODE_ID: Subject = Subject::new("node id", "/etc/ct_node_id");
const DAEMONS: Subject = Subject::new("daemons", "/proc");
const CONSOLES: Subject = Subject::new("console known", "lsrsrc IBM.MCP");
const DOMAIN: Subject = Subject::new("management domain", "rmcdomainstatus -s ctrmc");
const KEYS: Subject = Subject::new("keys", "/var/ct/cfg");
const NAMES: Subject = Subject::new("own names and keys", "ctsvhbac");
const ESCALATION: Subject = Subject::new("if all else fails", "the findings above");

/// The subsystems that a managed partition needs, by their programs; the kernel cuts names after 15 characters.
pub(crate) const NEEDED: [(&str, &str); 3] =
    [("rmcd", "ctrmc"), ("IBM.DRMd", "IBM.DRM"), ("IBM.MgmtDomainR", "IBM.MgmtDomainRM")];
/// In-band RMC, through the hypervisor: no address then, and no port.
const IN_BAND: &str = "mcproxy";
/// Digits of a node id.
const NODE_ID_DIGITS: usize = 16;

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Those of [`PROGRAM_NAMES`] that are there.
    pub(crate) programs: BTreeSet<&'static str>,
    pub(crate) has_definition: bool,
    pub(crate) has_drmgr: bool,
    /// The first line of the file.
    pub(crate) node_id: Told<Option<String>>,
    /// Names of the processes that run.
    pub(crate) processes: Told<BTreeSet<String>>,
    /// What `lsrsrc IBM.MCP` prints.
    pub(crate) consoles: Told<String>,
    /// The consoles that the hypervisor names.
    pub(crate) named: Vec<ConsoleString>,
    /// The addresses of this partition.
    pub(crate) own_addresses: Told<Vec<IpAddr>>,
    /// What `rmcdomainstatus -s ctrmc` prints.
    pub(crate) domain: Told<String>,
    /// Which of [`KEY_FILES`] are there.
    pub(crate) keys: [bool; KEY_FILES.len()],
    pub(crate) verification: Told<Verification>,
}

/// What came of `ctsvhbac`, whether it found something wrong or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verification {
    pub(crate) status: i32,
    pub(crate) said: String,
}

impl Seen {
    /// Whether a console has this partition, as far as RSCT tells.
    pub(crate) fn is_connected(&self) -> Option<bool> {
        let is_in_band = self.processes.as_ref().is_ok_and(|processes| processes.contains(IN_BAND));
        let said = self.domain.as_ref().ok()?;
        Some(is_in_band || control_points(said).iter().any(|(state, _)| is_up(*state)))
    }

    /// Where its consoles are.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.known().iter().filter_map(|console| console.address).collect()
    }

    fn known(&self) -> Vec<Console> {
        self.consoles.as_deref().map(console::parse).unwrap_or_default()
    }

    /// Whether the partition is a node of a cluster, which `recfgct` would tear out of it. None where that is not told.
    fn is_in_cluster(&self) -> Option<bool> {
        let names_a_domain = self.known().iter().any(|console| console.peer_domain.is_some());
        if names_a_domain { Some(true) } else { self.domain.as_deref().map(has_peers).ok() }
    }
}

/// Programs without which nothing works.
pub(crate) const PROGRAM_NAMES: [&str; 4] = ["rmcd", "rmcctrl", "lsrsrc", "IBM.DRMd"];
/// The private key, the public key, the list of trusted hosts.
pub(crate) const KEY_FILES: [&str; 3] = ["ct_has.qkf", "ct_has.pkf", "ct_has.thl"];

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let in_band = seen.processes.as_ref().is_ok_and(|processes| processes.contains(IN_BAND));
    let (known, in_cluster) = (seen.known(), seen.is_in_cluster());
    let mut findings = vec![
        programs(&seen.programs),
        definition(seen.has_definition),
        drmgr(seen.has_drmgr),
        NODE_ID.judge(&seen.node_id, |id| node_id(id.as_deref(), in_cluster)),
        DAEMONS.judge(&seen.processes, daemons),
        CONSOLES.judge(&seen.consoles, |_| console::known(&known, &seen.named, in_band)),
        DOMAIN.judge(&seen.domain, |said| domain(said)),
        keys(seen.keys),
        NAMES.judge(&seen.verification, names),
    ];
    findings.extend(console::own_address(&known, &seen.own_addresses));
    findings.extend(escalation(&findings, in_cluster));
    findings
}

fn programs(there: &BTreeSet<&str>) -> Finding {
    let missing: Vec<&str> = PROGRAM_NAMES.into_iter().filter(|name| !there.contains(name)).collect();
    if missing.is_empty() {
        return PROGRAMS.ok("all there");
    }
    PROGRAMS.fail(
        format!("missing: {}", missing.join(", ")),
        "install all of src, rsct.core.utils, rsct.core, rsct.basic and DynamicRM (rpm2deb converts them)",
    )
}

fn definition(is_there: bool) -> Finding {
    if is_there {
        return DEFINITION.ok("its resource is defined");
    }
    DEFINITION.fail(
        "its resource is not defined: the console cannot resize",
        "install DynamicRM again, then rmcctrl -z; rmcctrl -A",
    )
}

fn drmgr(is_there: bool) -> Finding {
    if is_there {
        return DRMGR.ok("there");
    }
    DRMGR.fail("DynamicRM calls it and it is not there", "apt install lparkit-drmgr, or powerpc-ibm-utils")
}

/// Two partitions with one id take the console from each other. Whether another one has it only the console knows.
fn node_id(id: Option<&str>, in_cluster: Option<bool>) -> Finding {
    let renew = match in_cluster {
        Some(true) => "ask IBM's support: this is a node of a cluster, which knows it by its id",
        _ => "/opt/rsct/install/bin/recfgct, on a partition that is in no cluster; images must not have the file",
    };
    let Some(id) = id else { return NODE_ID.fail("there is none", renew) };
    let is_hex = id.len() == NODE_ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || id.bytes().all(|byte| byte == b'0') {
        return NODE_ID.fail(format!("'{id}' is none"), renew);
    }
    NODE_ID.ok(format!("{id}; whether a clone has it too, diagrmc on the HMC tells"))
}

fn daemons(processes: &BTreeSet<String>) -> Finding {
    let down: Vec<&str> = NEEDED
        .into_iter()
        .filter(|(process, _)| !processes.contains(*process))
        .map(|(_, subsystem)| subsystem)
        .collect();
    if down.is_empty() {
        return DAEMONS.ok("ctrmc, IBM.DRM and IBM.MgmtDomainRM run");
    }
    DAEMONS.fail(
        format!("not running: {}", down.join(", ")),
        "/opt/rsct/bin/rmcctrl -z && /opt/rsct/bin/rmcctrl -A && /opt/rsct/bin/rmcctrl -p",
    )
}

/// `  I A  0xef889c809d9617c7  0001  9.57.24.139` below "Management Control Points".
fn domain(said: &str) -> Finding {
    let points = control_points(said);
    let Some((state, console)) = points.iter().find(|(state, _)| !is_up(*state)).or(points.first()) else {
        return DOMAIN.fail("no console in it", "see the consoles above");
    };
    match state {
        'I' | 'S' => DOMAIN.ok(format!("{console} is up")),
        'i' => DOMAIN.fail(
            format!("{console}: the handshake is not complete; if it stays so, authentication fails"),
            "/opt/rsct/bin/ctsvhbac; the trusted host list (ctsthl -l) may have an old key of the console",
        ),
        'O' => DOMAIN.fail(format!("{console} is down"), "look at the network and at port 657 of both sides"),
        'X' => DOMAIN.fail(
            format!("{console}: suspended; typically large packets do not pass"),
            "compare the MTU of both sides: ping -6 -M do -s SIZE",
        ),
        'Z' => DOMAIN.fail(
            format!("{console}: suspended, it went up and down; typically another partition has the same node id"),
            "see the node id above",
        ),
        other => DOMAIN.cannot_tell(format!("{console}: state {other}, which is not documented"), None),
    }
}

fn control_points(said: &str) -> Vec<(char, &str)> {
    below(said, "Management Control Points").filter_map(control_point).collect()
}

/// `  S S  0x07e7287425d0becd  0001  node1` below "Peer Domain Status".
fn has_peers(said: &str) -> bool {
    below(said, "Peer Domain Status").next().is_some()
}

/// The lines of what is headed by this.
fn below<'a>(said: &'a str, heading: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = said.lines().skip_while(move |line| !line.contains(heading)).skip(1);
    lines.take_while(|line| line.starts_with(char::is_whitespace)).filter(|line| !line.trim().is_empty())
}

fn is_up(state: char) -> bool {
    matches!(state, 'I' | 'S')
}

fn control_point(line: &str) -> Option<(char, &str)> {
    let mut words = line.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    Some((state, words.last()?))
}

/// All are made at the first start. Some without the others never were.
fn keys(there: [bool; KEY_FILES.len()]) -> Finding {
    let missing: Vec<&str> =
        KEY_FILES.into_iter().zip(there).filter_map(|(name, is_there)| (!is_there).then_some(name)).collect();
    match missing.len() {
        0 => KEYS.ok("there"),
        count if count == KEY_FILES.len() => {
            KEYS.warn("none: they are made when ctcas starts", "/opt/rsct/bin/rmcctrl -s")
        }
        _ => KEYS.fail(format!("missing: {}", missing.join(", ")), "/opt/rsct/bin/ctskeygen -n, then ctsthl"),
    }
}

/// The keys are a pair, and each name and address of this partition stands for them in its own list of trusted hosts: that is what
/// IBM's manual says is verified, so that neither `ctsthl -l` nor `ctsvhbal` would tell more here. Of the output only what is
/// described publicly is relied on: what is not so has a line with "Attention". That `Identity:` comes before it and names whom it is
/// about is from memory; without it the key pair is named. What an exit status says is not relied on, but only 0 is well.
fn names(verification: &Verification) -> Finding {
    let tells = "/opt/rsct/bin/ctsvhbac";
    let value = |line: &str| line.trim().strip_prefix("Identity:").map(|value| value.trim().to_owned());
    let (mut about, mut wrong) = (None, Vec::new());
    for line in verification.said.lines() {
        about = value(line).or(about);
        if line.to_ascii_lowercase().contains("attention") {
            wrong.push(about.clone().unwrap_or_else(|| "the key pair".to_owned()));
        }
    }
    wrong.dedup();
    match (wrong.as_slice(), verification.status, &about) {
        ([], 0, Some(_)) => NAMES.ok("ctsvhbac finds nothing wrong"),
        ([], 0, None) => NAMES.cannot_tell("ctsvhbac does not say", Some(tells)),
        ([], status, _) => {
            NAMES.warn(format!("ctsvhbac ended with {status}, and does not say why"), format!("{tells} -l 4 says more"))
        }
        (wrong, ..) => NAMES.fail(
            format!("not as it should be: {}; so it is after another name or address was given", wrong.join(", ")),
            "/opt/rsct/bin/ctsvhbac says what; ctsthl -a adds a name with this partition's key (ctskeygen -d); then rmcctrl -z; \
             rmcctrl -A; rmcctrl -p",
        ),
    }
}

/// The ritual, in its order. Its last step is not even named where it would do harm.
fn escalation(findings: &[Finding], in_cluster: Option<bool>) -> Option<Finding> {
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    let mend = match in_cluster {
        Some(true) => {
            "rmcctrl -z; rmcctrl -A; rmcctrl -p; wait five minutes; then ask IBM's support, with ctsnap -x runrpttr. This is a node \
             of a cluster: making RSCT anew would delete the cluster's configuration"
        }
        _ => {
            "rmcctrl -z; rmcctrl -A; rmcctrl -p; wait five minutes; then recfgct and rmcctrl -p. Never recfgct on a node of a \
             cluster (CAA, peer domain): it deletes the cluster's configuration"
        }
    };
    (failed > 0).then(|| ESCALATION.warn(format!("{failed} checks of RSCT failed"), mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{CannotTell, Fail, Ok as Good, Warn};

    fn seen() -> Seen {
        Seen {
            programs: PROGRAM_NAMES.into(),
            has_definition: true,
            has_drmgr: true,
            node_id: Ok(Some("96586cb4b5fc641c".into())),
            processes: Ok(NEEDED.iter().map(|(process, _)| (*process).to_owned()).collect()),
            consoles: Ok("resource 1:\n        HMCName           = \"9042DR7*16BB22D\"\n".into()),
            named: vec![],
            own_addresses: Ok(vec![]),
            domain: Ok(status('I')),
            keys: [true; 3],
            verification: Ok(verified("Trusted host")),
        }
    }

    fn verified(second: &str) -> Verification {
        let said = format!(
            "Key Parity: Public and private keys are in pair\n  Identity:  lpar1\n    Status:  Trusted host\n  Identity:  \
             10.0.0.9\n    Status:  {second}\n"
        );
        Verification { status: 0, said }
    }

    fn status(state: char) -> String {
        format!(
            "Management Domain Status: Management Control Points\n  {state} A  0xef889c809d9617c7  0001  9.57.24.139\n"
        )
    }

    #[test]
    fn a_connected_partition_is_all_ok() {
        assert!(judge(&seen()).iter().all(|finding| finding.verdict == Good), "{:?}", judge(&seen()));
    }

    #[test]
    fn each_thing_that_is_missing_fails_and_the_ritual_follows() {
        let cases: [(Seen, &str); 7] = [
            (Seen { programs: BTreeSet::new(), ..seen() }, "programs"),
            (Seen { has_definition: false, ..seen() }, "DynamicRM"),
            (Seen { has_drmgr: false, ..seen() }, "drmgr"),
            (Seen { node_id: Ok(None), ..seen() }, "node id"),
            (Seen { processes: Ok(BTreeSet::new()), ..seen() }, "daemons"),
            (Seen { consoles: Ok(String::new()), ..seen() }, "console known"),
            (Seen { verification: Ok(verified("Attention - not in the list")), ..seen() }, "own names and keys"),
        ];
        for (seen, subject) in cases {
            let findings = judge(&seen);
            let bad: Vec<_> = findings.iter().filter(|finding| finding.verdict == Fail).collect();
            assert_eq!((bad.len(), bad[0].subject), (1, subject), "{findings:?}");
            assert_eq!(findings.last().map(|finding| finding.subject), Some("if all else fails"));
        }
    }

    #[test]
    fn node_ids_are_sixteen_digits_and_not_all_zero() {
        let cases = [
            (Some("96586cb4b5fc641c"), Good),
            (Some("0000000000000000"), Fail),
            (Some("96586cb4"), Fail),
            (Some("no such thing!!!"), Fail),
            (None, Fail),
        ];
        for (id, verdict) in cases {
            assert_eq!(node_id(id, Some(false)).verdict, verdict, "{id:?}");
        }
    }

    #[test]
    fn every_state_of_a_console_is_explained() {
        for (state, verdict) in
            [('I', Good), ('S', Good), ('i', Fail), ('O', Fail), ('X', Fail), ('Z', Fail), ('Q', CannotTell)]
        {
            assert_eq!(domain(&status(state)).verdict, verdict, "{state}");
        }
        assert_eq!(domain("").verdict, Fail);
        let nodes = "Management Domain Status: Managed Nodes\n  O a  0x1  0002  9.2.5.33\n";
        assert_eq!(domain(&format!("{}{nodes}", status('I'))).verdict, Good);
    }

    #[test]
    fn a_name_that_nobody_would_believe_is_named() {
        let ended = |status, said: &str| names(&Verification { status, said: said.to_owned() });
        assert_eq!(names(&verified("Trusted host")).verdict, Good);
        assert!(names(&verified("Attention - another key")).found.contains("10.0.0.9"));
        let no_pair = ended(0, "Key Parity: ATTENTION - no pair\nIdentity: lpar1\n");
        assert_eq!((no_pair.verdict, no_pair.found.contains("the key pair")), (Fail, true));
        assert_eq!((ended(0, "").verdict, ended(0, "\u{fffd}:").verdict), (CannotTell, CannotTell));
        assert_eq!(ended(22, "Identity: lpar1\n").verdict, Warn);
    }

    #[test]
    fn what_would_tear_a_node_out_of_its_cluster_is_not_named_there() {
        let peers = "Peer Domain Status\n  S S  0x07e7287425d0becd  0001  node1\n";
        let domain = "resource 1:\n HMCName = \"a\"\n ActivePeerDomain = \"ha\"\n";
        let broken = || Seen { node_id: Ok(None), domain: Ok(status('O')), ..seen() };
        let cases = [
            (broken(), Some(false)),
            (Seen { domain: Err("hangs".into()), ..broken() }, None),
            (Seen { domain: Ok(format!("{}{peers}", status('O'))), ..broken() }, Some(true)),
            (Seen { domain: Err("hangs".into()), consoles: Ok(domain.into()), ..broken() }, Some(true)),
        ];
        for (seen, in_cluster) in cases {
            assert_eq!(seen.is_in_cluster(), in_cluster, "{seen:?}");
            let mends: Vec<_> = judge(&seen).into_iter().filter_map(|finding| finding.mend).collect();
            assert_eq!(mends.iter().any(|mend| mend.contains("recfgct")), in_cluster != Some(true), "{mends:?}");
            let names_it = mends.iter().filter(|mend| mend.contains("recfgct"));
            assert!(
                names_it.into_iter().all(|mend| mend.contains("cluster")),
                "with what it must not be used on: {mends:?}"
            );
        }
    }

    #[test]
    fn who_is_connected_is_told_by_the_domain_or_comes_through_the_hypervisor() {
        let with = |state| Seen { domain: Ok(status(state)), ..seen() }.is_connected();
        assert_eq!((with('I'), with('i'), with('O')), (Some(true), Some(false), Some(false)));
        assert_eq!(Seen { domain: Err("hangs".into()), ..seen() }.is_connected(), None);
        let processes = Ok([IN_BAND.to_owned()].into());
        assert_eq!(Seen { processes, domain: Ok(String::new()), ..seen() }.is_connected(), Some(true));
    }

    #[test]
    fn keys_come_together_or_not_at_all() {
        assert_eq!(keys([true; 3]).verdict, Good);
        assert_eq!(keys([false; 3]).verdict, Warn);
        assert_eq!(keys([true, true, false]).verdict, Fail);
    }
}
