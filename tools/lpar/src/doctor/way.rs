//! Whom does the agent call, which way, and does a large packet get there?
//!
//! An address is known from the configuration, from the string in which the hypervisor names consoles, or from a trusted key. Where
//! there is a session, its address is the one that matters, and nobody is called.

use std::net::IpAddr;

use platform::console_string::ConsoleString;
use platform::route::{self, Route};

use super::{Finding, Subject, Told, Verdict};

const NAMED: Subject = Subject::new("console that the hypervisor names", "the hypervisor's console string");
const KNOWN: Subject = Subject::new("whom to call", "/etc/lparkit/lpard.toml, trusted keys, the console string");
const ROUTE: Subject = Subject::new("way to the console", "/proc/net/route, /proc/net/ipv6_route");
const REACHED: Subject = Subject::new("console answers", "a connection");
const LARGE: Subject = Subject::new("large packets pass", "echo requests (ICMP)");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The consoles that the hypervisor names.
    pub(crate) named: Told<Vec<ConsoleString>>,
    /// Where the session of the agent is.
    pub(crate) session: Option<IpAddr>,
    /// There is somebody to believe: without that nobody is called.
    pub(crate) believes: bool,
    /// The agent may ask the management network who is there.
    pub(crate) discovers: bool,
    /// Trusted consoles of which no address is known, by their names.
    pub(crate) without_address: Vec<String>,
    /// The interface of the management network.
    pub(crate) interface: Option<String>,
    /// Whom it calls; with a session only that console.
    pub(crate) calls: Vec<Call>,
    pub(crate) routes: Told<Vec<Route>>,
    /// RSCT is there, which knows whom to call; whether a console has the partition through it.
    pub(crate) rsct: Option<bool>,
}

/// An address that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    /// The interface that a link-local address belongs to.
    pub(crate) interface: Option<String>,
    /// What came of a connection; none where there is a session.
    pub(crate) reach: Option<Reach>,
    /// What came of echo requests, one of them large; none where nobody answered before.
    pub(crate) echo: Option<Echo>,
}

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    Connected,
    /// Somebody answered that nobody listens.
    Refused,
    /// Nobody on the link has the address.
    NoNeighbour,
    /// The kernel has no route.
    NoRoute,
    /// Nothing came back.
    Silent,
    /// It could not be tried.
    Untried(String),
}

/// What came of two echo requests, a small one and one as large as the interface sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Both came back; the large one had so many bytes.
    Both(u32),
    /// Only the small one did.
    OnlySmall(u32),
    /// Not even the small one.
    Neither,
    /// They could not be sent.
    Untried(String),
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let mut findings = vec![NAMED.judge(&seen.named, |named| names(named, seen.session))];
    if seen.rsct.is_none() {
        findings.push(known(seen));
    }
    let one_is_enough = seen.session.is_some()
        || seen.rsct == Some(true)
        || seen.calls.iter().any(|call| call.reach == Some(Reach::Connected));
    for call in &seen.calls {
        let mut found = vec![ROUTE.judge(&seen.routes, |routes| way(call, routes, seen.interface.as_deref()))];
        found.extend(call.reach.as_ref().map(|reach| reached(call, reach)));
        findings.extend(found.into_iter().map(|finding| if one_is_enough { softened(finding) } else { finding }));
    }
    findings.push(large(&seen.calls));
    findings
}

/// A console has several addresses, and a partition several consoles.
fn softened(finding: Finding) -> Finding {
    match finding.verdict {
        Verdict::Fail => Finding { verdict: Verdict::Warn, ..finding },
        _ => finding,
    }
}

/// `10.0.0.1 port 657`, `fe80::1%env4 port 657`.
fn title(call: &Call) -> String {
    let interface = call.interface.as_ref().map(|interface| format!("%{interface}")).unwrap_or_default();
    format!("{}{interface} port {}", call.ip, call.port)
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// A console has addresses of several kinds. Only those of the kind of the session's can tell that it is another console.
fn names(named: &[ConsoleString], session: Option<IpAddr>) -> Finding {
    let addresses: Vec<IpAddr> = named.iter().flat_map(|console| console.addresses.iter().copied()).collect();
    let titles: Vec<String> = named.iter().map(console).collect();
    if titles.is_empty() {
        return NAMED.ok("none: this hypervisor has no such string, or knows no console");
    }
    let alike = |ip: IpAddr| {
        move |other: &&IpAddr| is_link_local(**other) == is_link_local(ip) && other.is_ipv4() == ip.is_ipv4()
    };
    let is_stale =
        session.is_some_and(|ip| addresses.iter().any(|other| alike(ip)(&other)) && !addresses.contains(&ip));
    match session.filter(|_| is_stale) {
        Some(ip) => NAMED.warn(
            format!("{}, and the session is with {ip}: one of them is of earlier days", titles.join("; ")),
            "look at the console whether it still manages this system; systemctl reload lpard calls those that are named",
        ),
        None => NAMED.ok(titles.join("; ")),
    }
}

fn console(console: &ConsoleString) -> String {
    let names: Vec<&str> =
        [console.host_name.as_str(), console.name.as_str()].into_iter().filter(|name| !name.is_empty()).collect();
    let addresses: Vec<String> = console.addresses.iter().map(ToString::to_string).collect();
    format!("{} at {}", if names.is_empty() { "a console".into() } else { names.join(" ") }, addresses.join(", "))
}

fn known(seen: &Seen) -> Finding {
    let mend = "lpar trust add KEY --address ADDRESS, or console.addresses in /etc/lparkit/lpard.toml";
    match (seen.session, seen.calls.len(), seen.discovers) {
        (Some(_), ..) => KNOWN.ok("there is a session"),
        (None, ..) if !seen.believes => KNOWN.fail("nobody: no console is trusted", "lpar trust add KEY"),
        (None, 0, false) => KNOWN.fail("nobody: no address is known, and the management network is not asked", mend),
        (None, 0, true) => KNOWN.ok("the management network is asked who is there"),
        (None, _, false) if !seen.without_address.is_empty() => KNOWN.warn(
            format!(
                "of {} no address is known, and the management network is not asked",
                seen.without_address.join(", ")
            ),
            mend,
        ),
        (None, count, discovers) => {
            let also = if discovers { ", and the management network is asked" } else { "" };
            KNOWN.ok(format!("{count} address{}{also}", if count == 1 { "" } else { "es" }))
        }
    }
}

fn way(call: &Call, routes: &[Route], management: Option<&str>) -> Finding {
    let title = title(call);
    if is_link_local(call.ip) {
        return match &call.interface {
            Some(interface) => ROUTE.ok(format!("{title}: on the link of {interface}")),
            None => {
                ROUTE.fail(format!("{title}: no interface leads to the management network"), "see the adapter above")
            }
        };
    }
    match route::ways(routes, call.ip).as_slice() {
        [] => ROUTE
            .fail(format!("{title}: no route"), format!("ip route get {} says so; add an address or a route", call.ip)),
        [one] if Some(*one) == management => ROUTE.ok(format!("{title}: through {one}")),
        [one] => ROUTE.ok(format!("{title}: through {one}, which is not the management adapter")),
        several => ROUTE.warn(
            format!(
                "{title}: through {}; the console may see another address than it answers to",
                several.join(" and ")
            ),
            "leave one of them: two interfaces in one network confuse consoles",
        ),
    }
}

fn reached(call: &Call, reach: &Reach) -> Finding {
    let address = title(call);
    match reach {
        Reach::Connected => REACHED.ok(format!("{address} does")),
        Reach::Refused => REACHED.fail(
            format!("{address} refuses: the machine is there, its service is not"),
            "start the console's service",
        ),
        Reach::NoNeighbour => REACHED.fail(
            format!("{address}: nobody on the link has this address"),
            "look at the address, and at the virtual switch (MGMTSWITCH): its trunk adapter, and the VLAN of both sides",
        ),
        Reach::NoRoute => REACHED.fail(format!("{address}: the kernel has no route"), "see the way to the console"),
        Reach::Silent => REACHED.fail(
            format!("{address} does not answer"),
            "look at the firewalls of both sides, and at the way back from the console",
        ),
        Reach::Untried(why) => REACHED.cannot_tell(format!("{address}: {why}"), None),
    }
}

/// Small heartbeats pass, and the session stands still with the first large message: the worst of all faults to find.
fn large(calls: &[Call]) -> Finding {
    let Some((call, echo)) = calls.iter().find_map(|call| Some((call, call.echo.as_ref()?))) else {
        return LARGE.cannot_tell("no console could be asked", None);
    };
    let ip = call.ip;
    match echo {
        Echo::Both(bytes) => LARGE.ok(format!("{bytes} bytes to {ip} and back")),
        Echo::OnlySmall(bytes) => LARGE.fail(
            format!("{bytes} bytes to {ip} are lost, small ones pass: somebody on the way takes only smaller ones"),
            "ip link set INTERFACE mtu 1500 here, or jumbo frames on all of the way: virtual switch, trunk adapter, console",
        ),
        Echo::Neither => LARGE.cannot_tell(format!("{ip} does not answer echo requests"), None),
        Echo::Untried(why) => LARGE.cannot_tell(format!("{ip}: {why}"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{CannotTell, Fail, Ok as Good, Warn};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn call(address: &str) -> Call {
        let ip = ip(address);
        Call { ip, port: 657, interface: is_link_local(ip).then(|| "env4".into()), reach: None, echo: None }
    }

    fn route(interface: &str, metric: u32) -> Route {
        Route { destination: ip("10.0.0.0"), prefix_bits: 24, interface: interface.into(), metric }
    }

    fn named(addresses: &[&str]) -> ConsoleString {
        let addresses = addresses.iter().map(|address| ip(address)).collect();
        ConsoleString { name: "7042-CR9*1".into(), host_name: "hmc1".into(), addresses }
    }

    fn seen(calls: Vec<Call>) -> Seen {
        Seen {
            named: Ok(vec![]),
            session: None,
            believes: true,
            discovers: false,
            without_address: vec![],
            interface: Some("env4".into()),
            calls,
            routes: Ok(vec![route("eth0", 100)]),
            rsct: None,
        }
    }

    #[test]
    fn a_session_that_is_not_with_one_who_is_named_is_of_earlier_days() {
        let consoles = [named(&["10.0.0.1", "fe80::1"])];
        for (session, verdict) in [
            (None, Good),
            (Some("fe80::1"), Good),
            (Some("fe80::2"), Warn),
            (Some("10.0.0.2"), Warn),
            (Some("2001:db8::1"), Good), // of this kind none is named
        ] {
            let finding = names(&consoles, session.map(ip));
            assert_eq!(finding.verdict, verdict, "{session:?}");
            assert!(finding.found.starts_with("hmc1 7042-CR9*1 at 10.0.0.1, fe80::1"), "{}", finding.found);
        }
        assert_eq!(names(&[], Some(ip("fe80::1"))).verdict, Good);
        let unread = Seen { named: Err("no right".into()), ..seen(vec![]) };
        assert_eq!(judge(&unread)[0].verdict, CannotTell);
    }

    #[test]
    fn somebody_has_to_be_known() {
        let with = |calls: usize, discovers, without: &[&str]| {
            let without_address = without.iter().map(|name| (*name).to_owned()).collect();
            known(&Seen { discovers, without_address, ..seen(vec![call("10.0.0.1"); calls]) }).verdict
        };
        let cases: [(usize, bool, &[&str], Verdict); 5] = [
            (0, false, &["frame1"], Fail),
            (0, true, &["frame1"], Good),
            (1, false, &["frame2"], Warn),
            (1, true, &["frame2"], Good),
            (2, false, &[], Good),
        ];
        for (calls, discovers, without, verdict) in cases {
            assert_eq!(with(calls, discovers, without), verdict, "{calls} {discovers} {without:?}");
        }
        assert_eq!(known(&Seen { session: Some(ip("fe80::1")), ..seen(vec![]) }).verdict, Good);
        assert_eq!(known(&Seen { believes: false, discovers: true, ..seen(vec![]) }).verdict, Fail);
        let with_rsct = judge(&Seen { rsct: Some(false), ..seen(vec![]) });
        assert!(with_rsct.iter().all(|finding| finding.subject != KNOWN.name), "RSCT knows whom");
    }

    #[test]
    fn there_should_be_one_way() {
        let two = [route("eth0", 100), route("eth1", 200)];
        let cases: [(Call, &[Route], Verdict, &str); 6] = [
            (call("fe80::1"), &[], Good, "on the link of env4"),
            (Call { interface: None, ..call("fe80::1") }, &[], Fail, "no interface"),
            (call("10.0.0.1"), &two[..1], Good, "through eth0, which is not"),
            (call("10.0.0.1"), &[route("env4", 0)], Good, "through env4"),
            (call("10.0.0.1"), &two, Warn, "through eth0 and eth1"),
            (call("10.0.9.1"), &two, Fail, "no route"),
        ];
        for (call, routes, verdict, words) in cases {
            let finding = way(&call, routes, Some("env4"));
            assert_eq!((finding.verdict, finding.found.contains(words)), (verdict, true), "{finding:?}");
        }
    }

    #[test]
    fn reaching_a_console_can_go_wrong_in_many_ways_and_each_has_its_own_advice() {
        let mut advice = Vec::new();
        for reach in [Reach::Refused, Reach::NoNeighbour, Reach::NoRoute, Reach::Silent] {
            let finding = reached(&call("10.0.0.1"), &reach);
            assert_eq!(finding.verdict, Fail);
            advice.push(finding.mend.unwrap());
        }
        advice.sort();
        advice.dedup();
        assert_eq!(advice.len(), 4);
        assert_eq!(reached(&call("10.0.0.1"), &Reach::Connected).verdict, Good);
        assert_eq!(reached(&call("10.0.0.1"), &Reach::Untried("recorded".into())).verdict, CannotTell);
    }

    #[test]
    fn where_one_console_is_reached_the_others_are_no_failure() {
        let with = |reach, rsct| {
            let calls = vec![
                Call { reach: Some(Reach::Silent), ..call("10.0.0.1") },
                Call { reach: Some(reach), ..call("10.0.0.2") },
            ];
            let findings = judge(&Seen { rsct, ..seen(calls) });
            findings.iter().filter(|finding| finding.verdict == Fail).count()
        };
        assert_eq!((with(Reach::Refused, None), with(Reach::Connected, None)), (2, 0));
        assert_eq!((with(Reach::Refused, Some(false)), with(Reach::Refused, Some(true))), (2, 0));
    }

    #[test]
    fn the_first_console_that_was_asked_tells_of_large_packets() {
        let with = |echo| large(&[call("10.0.0.9"), Call { echo: Some(echo), ..call("10.0.0.1") }]).verdict;
        assert_eq!(with(Echo::Both(1500)), Good);
        assert_eq!(with(Echo::OnlySmall(9000)), Fail);
        assert_eq!((with(Echo::Neither), with(Echo::Untried("no right".into()))), (CannotTell, CannotTell));
        assert_eq!(large(&[call("10.0.0.9")]).verdict, CannotTell);
    }
}
