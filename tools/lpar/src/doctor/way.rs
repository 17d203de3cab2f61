//! Whom does the agent call, which way, and does a large packet get there?
//!
//! An address is known from the configuration, from the string in which the hypervisor names consoles, or from a trusted key. Where
//! there is a session, its address is the one that matters, and nobody is called.

use std::net::IpAddr;

use platform::console_string::ConsoleString;
use platform::route::{self, Route};

use super::adapter::{MTU_LEAST_BYTES, MTU_USUAL_BYTES};
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
    /// Where consoles are by the configuration.
    pub(crate) configured: Vec<IpAddr>,
    /// Where trusted consoles are.
    pub(crate) trusted: Vec<IpAddr>,
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
    /// A packet filter said no.
    Filtered,
    /// Somebody said that it cannot be reached: here, or on the way.
    Unreachable,
    /// The kernel has no route.
    NoRoute,
    /// Nothing came back.
    Silent,
    /// The interface that the address belongs to is not there.
    NoInterface,
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
    findings.push(large(&seen.calls, seen.routes.as_deref().unwrap_or_default()));
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

/// The interface that packets to an address go through.
pub(super) fn through<'a>(ip: IpAddr, interface: Option<&'a str>, routes: &'a [Route]) -> Option<&'a str> {
    interface.or_else(|| route::ways(routes, ip).first().copied())
}

/// A console has addresses of several kinds. Only those of the kind of the session's can tell that it is another console.
fn are_of_earlier_days(addresses: &[IpAddr], session: IpAddr) -> bool {
    let is_alike =
        |other: &IpAddr| is_link_local(*other) == is_link_local(session) && other.is_ipv4() == session.is_ipv4();
    addresses.iter().any(is_alike) && !addresses.contains(&session)
}

fn names(named: &[ConsoleString], session: Option<IpAddr>) -> Finding {
    let addresses: Vec<IpAddr> = named.iter().flat_map(|console| console.addresses.iter().copied()).collect();
    let titles: Vec<String> = named.iter().map(console).collect();
    if titles.is_empty() {
        return NAMED.ok("none: this hypervisor has no such string, or knows no console");
    }
    match session.filter(|session| are_of_earlier_days(&addresses, *session)) {
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
    format!("{} at {}", if names.is_empty() { "a console".into() } else { names.join(" ") }, list(&console.addresses))
}

fn known(seen: &Seen) -> Finding {
    let mend = "lpar trust add KEY --address ADDRESS, or console.addresses in /etc/lparkit/lpard.toml";
    match (seen.session, seen.calls.len(), seen.discovers) {
        (Some(session), ..) => up_to_date(session, seen),
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

/// There is a session now; the next agent calls those who are noted.
fn up_to_date(session: IpAddr, seen: &Seen) -> Finding {
    if are_of_earlier_days(&seen.configured, session) {
        return KNOWN.warn(
            format!(
                "the session is with {session}, and console.addresses names only others: {}",
                list(&seen.configured)
            ),
            "correct console.addresses in /etc/lparkit/lpard.toml; without it lpard looks by itself",
        );
    }
    // A trusted console without address may be the one of the session.
    if seen.without_address.is_empty() && are_of_earlier_days(&seen.trusted, session) {
        return KNOWN.warn(
            format!(
                "the session is with {session}, and trusted consoles are noted at others only: {}",
                list(&seen.trusted)
            ),
            "lpar trust list; lpar trust add KEY --address ADDRESS notes where a console is now",
        );
    }
    KNOWN.ok("there is a session")
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn way(call: &Call, routes: &[Route], management: Option<&str>) -> Finding {
    let title = title(call);
    if is_link_local(call.ip) {
        return match &call.interface {
            Some(interface) if call.reach == Some(Reach::NoInterface) => ROUTE.fail(
                format!("{title}: there is no interface {interface}"),
                "correct the address in /etc/lparkit/lpard.toml, if it is from there; ip link shows which interfaces there are",
            ),
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
        Reach::Filtered => REACHED.fail(
            format!("{address}: a packet filter says no"),
            "let TCP 657 of this partition in at the console: firewall-cmd --add-port=657/tcp, or its firewall settings on an HMC",
        ),
        Reach::Unreachable => REACHED.fail(
            format!("{address}: somebody on the way says that it cannot be reached"),
            format!("tracepath {} shows who: a router without a way, or a packet filter", call.ip),
        ),
        Reach::NoRoute => REACHED.fail(format!("{address}: the kernel has no route"), "see the way to the console"),
        Reach::Silent => REACHED.fail(
            format!("{address} does not answer"),
            "look at the firewalls of both sides, and at the way back from the console",
        ),
        Reach::NoInterface => REACHED.cannot_tell(format!("{address}: it belongs to no interface"), None),
        Reach::Untried(why) => REACHED.cannot_tell(format!("{address}: {why}"), None),
    }
}

/// Small heartbeats pass, and the session stands still with the first large message: the worst of all faults to find.
fn large(calls: &[Call], routes: &[Route]) -> Finding {
    // What was measured counts before what was not, and a fault before what is well.
    let rank = |echo: &Echo| match echo {
        Echo::OnlySmall(_) => 0,
        Echo::Both(_) => 1,
        Echo::Neither => 2,
        Echo::Untried(_) => 3,
    };
    let asked = calls.iter().filter_map(|call| Some((call, call.echo.as_ref()?)));
    let Some((call, echo)) = asked.min_by_key(|(_, echo)| rank(echo)) else {
        return LARGE.cannot_tell("no console could be asked", None);
    };
    let ip = call.ip;
    match echo {
        Echo::Both(bytes) => LARGE.ok(format!("{bytes} bytes to {ip} and back")),
        Echo::OnlySmall(bytes) => LARGE.fail(
            format!("{bytes} bytes to {ip} are lost, small ones pass: somebody on the way takes only smaller ones"),
            smaller(*bytes, through(ip, call.interface.as_deref(), routes).unwrap_or("INTERFACE")),
        ),
        Echo::Neither => LARGE.cannot_tell(format!("{ip} does not answer echo requests"), None),
        Echo::Untried(why) => LARGE.cannot_tell(format!("{ip}: {why}"), None),
    }
}

fn smaller(bytes: u32, interface: &str) -> String {
    if bytes > MTU_USUAL_BYTES {
        return format!(
            "ip link set {interface} mtu {MTU_USUAL_BYTES} here, or jumbo frames on all of the way: virtual switch, trunk adapter, \
             console"
        );
    }
    format!(
        "tracepath -n CONSOLE finds what passes; ip link set {interface} mtu BYTES, not less than {MTU_LEAST_BYTES}, or mend what \
         makes packets longer on the way (a tunnel, a VLAN)"
    )
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
            configured: vec![],
            trusted: vec![],
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
    fn who_is_noted_is_the_one_of_the_session_or_of_another_kind() {
        type Case<'a> = ([&'a [&'a str]; 3], Verdict, &'a str);
        let cases: [Case<'_>; 7] = [
            ([&[], &[], &[]], Good, "session"),
            ([&["fe80::1"], &["fe80::1"], &[]], Good, "session"),
            ([&["10.0.0.1"], &["2001:db8::1"], &[]], Good, "session"),
            ([&["fe80::2", "fe80::1"], &[], &[]], Good, "session"),
            ([&["fe80::2"], &["fe80::1"], &[]], Warn, "console.addresses names only others: fe80::2"),
            ([&[], &["fe80::2", "fe80::3"], &[]], Warn, "noted at others only: fe80::2, fe80::3"),
            ([&[], &["fe80::2"], &["frame1"]], Good, "session"),
        ];
        for ([configured, trusted, without], verdict, words) in cases {
            let of = |all: &[&str]| all.iter().map(|address| ip(address)).collect();
            let without_address = without.iter().map(|name| (*name).to_owned()).collect();
            let (configured, trusted) = (of(configured), of(trusted));
            let finding =
                known(&Seen { session: Some(ip("fe80::1")), configured, trusted, without_address, ..seen(vec![]) });
            assert_eq!((finding.verdict, finding.found.contains(words)), (verdict, true), "{finding:?}");
        }
    }

    #[test]
    fn there_should_be_one_way() {
        let two = [route("eth0", 100), route("eth1", 200)];
        let cases: [(Call, &[Route], Verdict, &str); 7] = [
            (call("fe80::1"), &[], Good, "on the link of env4"),
            (Call { reach: Some(Reach::NoInterface), ..call("fe80::1") }, &[], Fail, "there is no interface env4"),
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
        let all =
            [Reach::Refused, Reach::NoNeighbour, Reach::NoRoute, Reach::Silent, Reach::Filtered, Reach::Unreachable];
        for reach in all.clone() {
            let finding = reached(&call("10.0.0.1"), &reach);
            assert_eq!(finding.verdict, Fail);
            advice.push(finding.mend.unwrap());
        }
        advice.sort();
        advice.dedup();
        assert_eq!(advice.len(), all.len());
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
    fn what_was_measured_tells_of_large_packets() {
        let asked =
            |echo, routes: &[Route]| large(&[call("10.0.0.9"), Call { echo: Some(echo), ..call("10.0.0.1") }], routes);
        let with = |echo| asked(echo, &[]).verdict;
        assert_eq!(with(Echo::Both(1500)), Good);
        assert_eq!(with(Echo::OnlySmall(9000)), Fail);
        assert_eq!((with(Echo::Neither), with(Echo::Untried("no right".into()))), (CannotTell, CannotTell));
        assert_eq!(large(&[call("10.0.0.9")], &[]).verdict, CannotTell);
        let both = |one, other| {
            let calls = [one, other].map(|echo| Call { echo: Some(echo), ..call("10.0.0.1") });
            large(&calls, &[]).verdict
        };
        assert_eq!(both(Echo::Untried("no right".into()), Echo::OnlySmall(9000)), Fail);
        assert_eq!(both(Echo::Both(9000), Echo::OnlySmall(9000)), Fail);
        assert_eq!(both(Echo::Neither, Echo::Both(1500)), Good);
        let mend = |bytes| asked(Echo::OnlySmall(bytes), &[route("eth0", 0)]).mend.unwrap();
        assert!(mend(9000).starts_with("ip link set eth0 mtu 1500"), "{}", mend(9000));
        assert!(mend(1500).contains("eth0 mtu BYTES"), "what is said of jumbo frames does not help: {}", mend(1500));
    }
}
