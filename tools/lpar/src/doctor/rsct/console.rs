//! The consoles that RSCT remembers: what `lsrsrc IBM.MCP` prints.
//!
//! What it remembers can be of earlier days: after a migration, with another HMC, or when an address was given anew. The
//! hypervisor's console string has the same fields, and is of today.

use std::net::IpAddr;

use platform::console_string::ConsoleString;

use crate::doctor::{Finding, Subject};

const KNOWN: Subject = Subject::new("console known", "lsrsrc IBM.MCP");
const OWN: Subject = Subject::new("own address", "lsrsrc IBM.MCP, /proc/net/fib_trie, /proc/net/if_inet6");

/// What makes RSCT ask the hypervisor again whom there is.
const ASK_AGAIN: &str =
    "/opt/rsct/bin/rmcctrl -z && /opt/rsct/bin/rmcctrl -A && /opt/rsct/bin/rmcctrl -p, then wait five minutes";

/// A console.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Console {
    /// `9042DR7*16BB22D`.
    name: String,
    /// Where it is.
    pub(super) address: Option<IpAddr>,
    /// Where it has this partition; none where that is a name.
    own_address: Option<IpAddr>,
    /// The peer domain that this partition is in.
    pub(super) peer_domain: Option<String>,
}

impl Console {
    fn title(&self) -> &str {
        if self.name.is_empty() { "a console" } else { &self.name }
    }
}

/// `resource 1:`, and below it a line an attribute: `HMCName = "9042DR7*16BB22D"`. Unknown ones are passed over.
pub(super) fn parse(said: &str) -> Vec<Console> {
    let mut consoles = Vec::new();
    for line in said.lines().map(str::trim) {
        if line.starts_with("resource ") && line.ends_with(':') {
            consoles.push(Console::default());
        }
        let Some((console, (key, value))) = consoles.last_mut().zip(line.split_once('=')) else { continue };
        let value = value.trim().trim_matches('"');
        match key.trim() {
            "HMCName" => value.clone_into(&mut console.name),
            "HMCIPAddr" => console.address = address(value),
            "MNName" => console.own_address = address(value),
            "ActivePeerDomain" => console.peer_domain = Some(value.to_owned()).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
    consoles
}

/// A link-local one may have its interface behind it.
fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

/// Whether there is one, and whether the hypervisor names it too.
pub(super) fn known(consoles: &[Console], named: &[ConsoleString], in_band: bool) -> Finding {
    if consoles.is_empty() {
        return nobody(in_band);
    }
    let earlier: Vec<String> = consoles.iter().filter_map(|console| earlier(console, named)).collect();
    if earlier.is_empty() {
        return KNOWN.ok(consoles.iter().map(Console::title).collect::<Vec<_>>().join(", "));
    }
    KNOWN.warn(
        format!("{}: RSCT remembers what was", earlier.join("; ")),
        format!("{ASK_AGAIN}; if it stays so, chsysstate -o rebuild -r sys on the HMC"),
    )
}

fn nobody(in_band: bool) -> Finding {
    if in_band {
        return KNOWN.ok("none by address; mcproxy runs: the console comes through the hypervisor");
    }
    KNOWN.fail("none: the hypervisor has not told RSCT of a console, or the connection was never made", ASK_AGAIN)
}

/// What is of earlier days in what is remembered of a console. A hypervisor that names nobody contradicts nobody.
fn earlier(console: &Console, named: &[ConsoleString]) -> Option<String> {
    let mut with_name = named.iter().filter(|named| !named.name.is_empty()).peekable();
    with_name.peek()?;
    let Some(today) = with_name.find(|named| named.name == console.name) else {
        return Some(format!("{} is known, and the hypervisor does not name it", console.title()));
    };
    let ip = console.address?;
    let mut alike = today.addresses.iter().filter(|other| other.is_ipv4() == ip.is_ipv4()).peekable();
    alike.peek()?;
    let is_stale = !alike.any(|other| *other == ip);
    is_stale.then(|| format!("{} is known at {ip}, and the hypervisor does not name that address", console.name))
}

/// Whether the address by which a console knows this partition is one of its own still. None where no address is told.
pub(super) fn own_address(consoles: &[Console], own: &crate::doctor::Told<Vec<IpAddr>>) -> Option<Finding> {
    let told: Vec<IpAddr> = consoles.iter().filter_map(|console| console.own_address).collect();
    let first = told.first()?;
    Some(OWN.judge(own, |own| match told.iter().find(|ip| !own.contains(ip)) {
        None => OWN.ok(first.to_string()),
        Some(gone) => {
            OWN.warn(
                format!("a console has this partition at {gone}, and that is none of its addresses now"),
                ASK_AGAIN,
            )
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{CannotTell, Fail, Ok as Good, Warn};

    /// As it is published, with the lines that nothing is made of.
    const SAID: &str = "\
Resource Persistent Attributes for IBM.MCP
resource 1:
        MNName            = \"192.168.100.1\"
        KeyToken          = \"svrhmc2\"
        IPAddresses       = {\"10.172.111.33\"}
        HMCName           = \"9042DR7*16BB22D\"
        HMCIPAddr         = \"10.172.111.33\"
        HMCAddIPv6s       = \"\"
        ActivePeerDomain  = \"\"
resource 2:
        MNName            = \"fe80::7%env4\"
        HMCName           = \"7042CR9*1234567\"
        ActivePeerDomain  = \"ha\"
";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn named(name: &str, addresses: &[&str]) -> ConsoleString {
        let addresses = addresses.iter().map(|address| ip(address)).collect();
        ConsoleString { name: name.into(), host_name: String::new(), addresses }
    }

    #[test]
    fn what_is_printed_of_each_console_is_its_own() {
        let found = parse(SAID);
        let first = Console {
            name: "9042DR7*16BB22D".into(),
            address: Some(ip("10.172.111.33")),
            own_address: Some(ip("192.168.100.1")),
            peer_domain: None,
        };
        let second = Console {
            name: "7042CR9*1234567".into(),
            address: None,
            own_address: Some(ip("fe80::7")),
            peer_domain: Some("ha".into()),
        };
        assert_eq!(found, [first, second]);
        for nothing in ["", "HMCName = \"before any\"\n", "resource\n=\n", "\u{0}\u{fffd}=resource 1:x"] {
            assert_eq!(parse(nothing), [], "{nothing:?}");
        }
    }

    #[test]
    fn who_is_remembered_and_not_named_any_more_is_of_earlier_days() {
        let one = &parse(SAID)[..1];
        let cases = [
            (vec![], Good, "9042DR7*16BB22D"),
            (vec![named("9042DR7*16BB22D", &["10.172.111.33"])], Good, "9042DR7*16BB22D"),
            (vec![named("9042DR7*16BB22D", &["fe80::1"])], Good, "9042DR7*16BB22D"),
            (vec![named("9042DR7*16BB22D", &["10.0.0.1"])], Warn, "does not name that address"),
            (vec![named("7042CR9*1234567", &["10.172.111.33"])], Warn, "does not name it"),
            (vec![named("", &["10.0.0.1"])], Good, "9042DR7*16BB22D"),
        ];
        for (named, verdict, words) in cases {
            let finding = known(one, &named, false);
            assert_eq!((finding.verdict, finding.found.contains(words)), (verdict, true), "{finding:?}");
        }
    }

    #[test]
    fn in_band_needs_no_address() {
        assert_eq!((known(&[], &[], true).verdict, known(&[], &[], false).verdict), (Good, Fail));
    }

    #[test]
    fn the_address_that_a_console_has_of_this_partition_is_its_own() {
        let consoles = parse(SAID);
        let with = |own: &[&str]| own_address(&consoles, &Ok(own.iter().map(|own| ip(own)).collect())).unwrap();
        assert_eq!(with(&["127.0.0.1", "192.168.100.1", "fe80::7"]).verdict, Good);
        assert_eq!(with(&["192.168.100.2", "fe80::7"]).verdict, Warn);
        assert!(with(&["192.168.100.1"]).found.contains("fe80::7"));
        assert_eq!(own_address(&consoles, &Err("no /proc".into())).unwrap().verdict, CannotTell);
        assert_eq!(own_address(&parse("resource 1:\n MNName = \"lpar1\"\n"), &Ok(vec![])), None);
    }
}
