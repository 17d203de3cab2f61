//! IBM's RSCT, where it is installed: it talks to the HMC and calls drmgr. All that is known of it is public; the marks of the
//! domain status that IBM has not documented are named as what they typically are.

use std::collections::BTreeSet;

use super::{Finding, Subject, Told, Verdict};

const PROGRAMS: Subject = Subject::new("programs", "/opt/rsct/bin");
const DEFINITION: Subject = Subject::new("DynamicRM", "/opt/rsct/cfg/rmdefs/IBM.DRM.mdef");
const DRMGR: Subject = Subject::new("drmgr", "/usr/sbin/drmgr");
const NODE_ID: Subject = Subject::new("node id", "/etc/ct_node_id");
const DAEMONS: Subject = Subject::new("daemons", "/proc");
const CONSOLE: Subject = Subject::new("console known", "lsrsrc IBM.MCP");
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
    /// What `rmcdomainstatus -s ctrmc` prints.
    pub(crate) domain: Told<String>,
    /// Which of [`KEY_FILES`] are there.
    pub(crate) keys: [bool; KEY_FILES.len()],
    /// What `ctsvhbac` prints, whether it ends well or not.
    pub(crate) verification: Told<String>,
}

impl Seen {
    /// Whether a console has this partition, as far as RSCT tells.
    pub(crate) fn is_connected(&self) -> Option<bool> {
        let is_in_band = self.processes.as_ref().is_ok_and(|processes| processes.contains(IN_BAND));
        let said = self.domain.as_ref().ok()?;
        Some(is_in_band || control_points(said).iter().any(|(state, _)| is_up(*state)))
    }
}

/// Programs without which nothing works.
pub(crate) const PROGRAM_NAMES: [&str; 4] = ["rmcd", "rmcctrl", "lsrsrc", "IBM.DRMd"];
/// The private key, the public key, the list of trusted hosts.
pub(crate) const KEY_FILES: [&str; 3] = ["ct_has.qkf", "ct_has.pkf", "ct_has.thl"];

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let in_band = seen.processes.as_ref().is_ok_and(|processes| processes.contains(IN_BAND));
    let mut findings = vec![
        programs(&seen.programs),
        definition(seen.has_definition),
        drmgr(seen.has_drmgr),
        NODE_ID.judge(&seen.node_id, |id| node_id(id.as_deref())),
        DAEMONS.judge(&seen.processes, daemons),
        CONSOLE.judge(&seen.consoles, |said| consoles(said, in_band)),
        DOMAIN.judge(&seen.domain, |said| domain(said)),
        keys(seen.keys),
        NAMES.judge(&seen.verification, |said| names(said)),
    ];
    findings.extend(escalation(&findings));
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
fn node_id(id: Option<&str>) -> Finding {
    let renew = "/opt/rsct/install/bin/recfgct, on a partition that is in no cluster; images must not have the file";
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

/// `HMCName = "9042DR7*16BB22D"`, once a console.
fn consoles(said: &str, in_band: bool) -> Finding {
    let value = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        (key.trim() == "HMCName").then(|| value.trim().trim_matches('"').to_owned())
    };
    let names: Vec<String> = said.lines().filter_map(value).collect();
    match (names.is_empty(), in_band) {
        (false, _) => CONSOLE.ok(names.join(", ")),
        (true, true) => CONSOLE.ok("none by address; mcproxy runs: the console comes through the hypervisor"),
        (true, false) => CONSOLE.fail(
            "none: the hypervisor has not told RSCT of a console, or the connection was never made",
            "/opt/rsct/bin/rmcctrl -z && /opt/rsct/bin/rmcctrl -A && /opt/rsct/bin/rmcctrl -p, then wait five minutes",
        ),
    }
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
    let points = said.lines().skip_while(|line| !line.contains("Management Control Points")).skip(1);
    points.take_while(|line| line.starts_with(char::is_whitespace)).filter_map(control_point).collect()
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

/// The keys are a pair, and each name and address of this partition stands for them in its own list of trusted hosts. What is not
/// so has a line with "Attention"; that there is one, and that `Identity:` names whom it is about, is all that is relied on.
fn names(said: &str) -> Finding {
    let value = |line: &str| line.trim().strip_prefix("Identity:").map(|value| value.trim().to_owned());
    let (mut about, mut wrong) = (None, Vec::new());
    for line in said.lines() {
        about = value(line).or(about);
        if line.contains("Attention") {
            wrong.push(about.clone().unwrap_or_else(|| "the key pair".to_owned()));
        }
    }
    if wrong.is_empty() {
        if about.is_none() {
            return NAMES.cannot_tell("ctsvhbac does not say", Some("/opt/rsct/bin/ctsvhbac"));
        }
        return NAMES.ok("ctsvhbac finds nothing wrong");
    }
    NAMES.fail(
        format!("not as it should be: {}; so it is after another name or address was given", wrong.join(", ")),
        "/opt/rsct/bin/ctsvhbac says what; ctsthl -a adds a name with this partition's key (ctskeygen -d); then rmcctrl -z; rmcctrl \
         -A; rmcctrl -p",
    )
}

/// The ritual, in its order, with what it must not be used on.
fn escalation(findings: &[Finding]) -> Option<Finding> {
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    (failed > 0).then(|| {
        ESCALATION.warn(
            format!("{failed} checks of RSCT failed"),
            "rmcctrl -z; rmcctrl -A; rmcctrl -p; wait five minutes; then recfgct and rmcctrl -p. Never recfgct on a node of a \
             cluster (CAA, peer domain): it deletes the cluster's configuration",
        )
    })
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
            domain: Ok(status('I')),
            keys: [true; 3],
            verification: Ok(verified("Trusted host")),
        }
    }

    /// Of its shape only what is documented publicly is relied on.
    fn verified(second: &str) -> String {
        format!(
            "Key Parity: Public and private keys are in pair\n  Identity:  lpar1\n    Status:  Trusted host\n  Identity:  10.0.0.9\n    \
             Status:  {second}\n"
        )
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
            assert_eq!(node_id(id).verdict, verdict, "{id:?}");
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
        assert_eq!(names(&verified("Trusted host")).verdict, Good);
        assert!(names(&verified("Attention - another key")).found.contains("10.0.0.9"));
        assert!(names("Key Parity: Attention - no pair\nIdentity: lpar1\n").found.contains("the key pair"));
        assert_eq!(names("").verdict, CannotTell);
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
    fn in_band_needs_no_address() {
        assert_eq!(consoles("", true).verdict, Good);
        assert_eq!(consoles("", false).verdict, Fail);
    }

    #[test]
    fn keys_come_together_or_not_at_all() {
        assert_eq!(keys([true; 3]).verdict, Good);
        assert_eq!(keys([false; 3]).verdict, Warn);
        assert_eq!(keys([true, true, false]).verdict, Fail);
    }
}
