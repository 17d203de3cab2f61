//! Is there an adapter to the management network, and can it be used?
//!
//! The hypervisor does not say which adapter leads to the console; it is the one that the administrator named, else what the agent
//! takes for it, else the one with link-local addresses only. All checks but the first are about that one.

use platform::adapter::{Adapter, AddressState, Candidate, Interface, management_candidates, management_interface};

use super::{Finding, Subject, Told};

const FOUND: Subject = Subject::new("adapter", "/sys/bus/vio/devices, /proc/net/if_inet6, /proc/net/route");
const ONE: Subject = Subject::new("only one", "/sys/bus/vio/devices");
const LINK: Subject = Subject::new("link", "/sys/class/net/*/carrier");
const IPV6: Subject = Subject::new("IPv6 is on", "/proc/sys/net/ipv6/conf/*/disable_ipv6");
const ADDRESS: Subject = Subject::new("link-local address", "/proc/net/if_inet6");
const MTU: Subject = Subject::new("MTU", "/sys/class/net/*/mtu");
const MANAGER: Subject = Subject::new("NetworkManager keeps off", "/proc, /etc/NetworkManager");
const IFUPDOWN: Subject = Subject::new("ifupdown keeps off", "/etc/network/interfaces, /etc/network/interfaces.d");

/// IPv6 does not work over less (RFC 8200, section 5).
pub(super) const MTU_LEAST_BYTES: u32 = 1280;
/// What Ethernet has without jumbo frames: what the other side has too, unless somebody changed it.
pub(super) const MTU_USUAL_BYTES: u32 = 1500;

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) adapters: Told<Vec<Adapter>>,
    pub(crate) configured: Option<Configured>,
    /// What the agent takes for the interface of the management network: it knows which one it was when it had a link.
    pub(crate) taken: Option<String>,
    /// The names of interfaces whose IPv6 is switched off.
    pub(crate) ipv6_off: Told<Vec<String>>,
    pub(crate) network_manager: Told<NetworkManager>,
    /// The text of all files of ifupdown.
    pub(crate) ifupdown: Told<String>,
}

/// `console.adapter` of the agent's configuration: it goes before what is likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(crate) name: String,
    /// The kernel has an interface of this name, of whatever kind.
    pub(crate) is_there: bool,
}

impl Seen {
    /// The interface that the agent calls consoles through.
    pub(crate) fn management_interface(&self) -> Option<&str> {
        let named = self.configured.as_ref().map(|configured| configured.name.as_str());
        let adapters = self.adapters.as_deref().unwrap_or_default();
        let taken =
            self.taken.as_deref().filter(|name| adapters.iter().any(|adapter| adapter.interface_name() == Some(name)));
        management_interface(named.or(taken), adapters)
    }
}

/// What NetworkManager does here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NetworkManager {
    Absent,
    /// It runs; this is the text of its configuration.
    Runs(String),
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let adapters = match &seen.adapters {
        Ok(adapters) => adapters,
        Err(why) => return vec![FOUND.cannot_tell(why.clone(), None)],
    };
    let candidates = management_candidates(adapters);
    let name = seen.management_interface();
    let taken = candidates.iter().find(|candidate| name.is_some() && candidate.adapter.interface_name() == name);
    let best = match &seen.configured {
        None => taken.or(candidates.first()),
        Some(configured) if taken.is_none() => return vec![no_adapter_of_ours(configured)],
        Some(_) => taken,
    };
    let Some(best) = best else {
        let mend = "add a virtual Ethernet adapter on the management switch (MGMTSWITCH) at the console";
        return vec![FOUND.fail("the partition has no virtual Ethernet adapter", mend)];
    };
    let mut findings = match seen.configured {
        Some(_) => vec![FOUND.ok(format!("{}, as console.adapter says", title(best.adapter))), ONE.ok("it is named")],
        None => vec![found(best), only_one(&candidates)],
    };
    findings.push(link(best.adapter));
    if let Some(interface) = &best.adapter.interface {
        findings.push(IPV6.judge(&seen.ipv6_off, |off| ipv6_on(&interface.name, off)));
        findings.push(address(interface));
        findings.push(mtu(interface));
        findings.push(MANAGER.judge(&seen.network_manager, |manager| left_alone(best.adapter, interface, manager)));
        findings.push(IFUPDOWN.judge(&seen.ifupdown, |text| not_static(&interface.name, text)));
    }
    findings
}

/// The administrator may name what he likes: the agent goes through it, and only virtual Ethernet adapters are known here.
fn no_adapter_of_ours(Configured { name, is_there }: &Configured) -> Finding {
    let mend = "correct console.adapter in /etc/lparkit/lpard.toml, or remove it";
    if *is_there {
        return FOUND
            .cannot_tell(format!("console.adapter names {name}, which is no virtual Ethernet adapter"), Some(mend));
    }
    FOUND.fail(format!("console.adapter names {name}, and there is no such interface"), mend)
}

/// `env4 (slot 4)`.
fn title(adapter: &Adapter) -> String {
    let name = adapter.interface_name().unwrap_or("without interface");
    format!("{name} (slot {})", adapter.slot)
}

fn found(best: &Candidate<'_>) -> Finding {
    let traffic = best.against.iter().filter(|objection| objection.is_traffic());
    let against: Vec<String> = traffic.map(ToString::to_string).collect();
    let title = title(best.adapter);
    if against.is_empty() {
        return FOUND.ok(title);
    }
    FOUND.warn(
        format!("{title} is the likeliest, but {}", against.join(" and ")),
        "if it is another one, name it: console.adapter in /etc/lparkit/lpard.toml",
    )
}

fn only_one(candidates: &[Candidate<'_>]) -> Finding {
    let good = candidates.iter().filter(|candidate| candidate.against.is_empty());
    let titles: Vec<String> = good.map(|candidate| title(candidate.adapter)).collect();
    if titles.len() < 2 {
        return ONE.ok("yes");
    }
    ONE.warn(
        format!("{} look alike", titles.join(", ")),
        "name the right one: console.adapter in /etc/lparkit/lpard.toml",
    )
}

fn link(adapter: &Adapter) -> Finding {
    let Some(interface) = &adapter.interface else {
        return LINK.fail("the kernel has no interface for the adapter", "modprobe ibmveth");
    };
    let name = &interface.name;
    match interface.carrier {
        Some(true) => LINK.ok(format!("{name} has one")),
        Some(false) => {
            LINK.fail(format!("{name} has none"), "look at the virtual switch: its trunk adapter may be down")
        }
        None => LINK.fail(format!("{name} is down"), format!("ip link set {name} up")),
    }
}

fn ipv6_on(name: &str, off: &[String]) -> Finding {
    if off.iter().any(|other| other == name) {
        return IPV6.fail(format!("off on {name}"), format!("sysctl -w net.ipv6.conf.{name}.disable_ipv6=0"));
    }
    IPV6.ok(format!("on {name}"))
}

fn address(interface: &Interface) -> Finding {
    let name = &interface.name;
    let again = format!("ip link set {name} down && ip link set {name} up");
    let Some(found) = interface.ipv6.iter().find(|ipv6| ipv6.link_local) else {
        return ADDRESS
            .fail(format!("{name} has none"), format!("sysctl -w net.ipv6.conf.{name}.addr_gen_mode=0 && {again}"));
    };
    match found.state {
        AddressState::Valid => ADDRESS.ok(found.address.to_string()),
        AddressState::Tentative => {
            ADDRESS.warn(format!("{} is still being checked", found.address), "look again in a second")
        }
        AddressState::Duplicate => ADDRESS.fail(
            format!("{} belongs to another machine: two adapters have one hardware address", found.address),
            format!("give one of them another hardware address at the console, then {again}"),
        ),
    }
}

fn mtu(interface: &Interface) -> Finding {
    match interface.mtu_bytes {
        None => MTU.cannot_tell("the kernel does not say", None),
        Some(bytes) if bytes < MTU_LEAST_BYTES => {
            let mend = format!("ip link set {} mtu {MTU_USUAL_BYTES}", interface.name);
            MTU.fail(format!("{bytes} bytes: IPv6 needs {MTU_LEAST_BYTES}"), mend)
        }
        Some(bytes) if bytes > MTU_USUAL_BYTES => MTU.warn(
            format!("{bytes} bytes: large packets are lost where the console has less, and small ones hide it"),
            format!("ping -6 -M do -s {} CONSOLE%{}", bytes.saturating_sub(48), interface.name),
        ),
        Some(bytes) => MTU.ok(format!("{bytes} bytes")),
    }
}

/// NetworkManager takes links down that it thinks nobody needs.
fn left_alone(adapter: &Adapter, interface: &Interface, manager: &NetworkManager) -> Finding {
    let NetworkManager::Runs(configuration) = manager else { return MANAGER.ok("it does not run") };
    let mac = adapter.mac.map(|mac| mac.to_string());
    let unmanaged = configuration.lines().filter_map(|line| line.trim().strip_prefix("unmanaged-devices"));
    let names_it = |line: &str| {
        let line = line.to_lowercase();
        line.contains(&interface.name) || mac.as_deref().is_some_and(|mac| line.contains(mac))
    };
    if unmanaged.into_iter().any(names_it) {
        return MANAGER.ok(format!("{} is not its business", interface.name));
    }
    let key = mac.map_or_else(|| format!("interface-name:{}", interface.name), |mac| format!("mac:{mac}"));
    MANAGER.warn(
        format!("it runs and may take {} down", interface.name),
        format!("[keyfile] unmanaged-devices={key} in /etc/NetworkManager/conf.d/lparkit.conf"),
    )
}

/// What cloud-init writes for this adapter on Debian: `ifup` fails, because the kernel has made the address before.
fn not_static(name: &str, files: &str) -> Finding {
    let mut in_stanza = false;
    for line in files.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("iface ") {
            in_stanza = rest.split_ascii_whitespace().eq([name, "inet6", "static"]);
        }
        let is_link_local = line.strip_prefix("address ").is_some_and(|address| address.trim().starts_with("fe80:"));
        if in_stanza && is_link_local {
            return IFUPDOWN.warn(
                format!("a static link-local address is configured for {name}: ifup fails, the kernel has it already"),
                format!("iface {name} inet6 manual, with: up ip link set $IFACE up"),
            );
        }
    }
    IFUPDOWN.ok("no static link-local address")
}

#[cfg(test)]
mod tests {
    use platform::adapter::{Ipv6, Mac};

    use super::*;
    use crate::doctor::Verdict::{self, CannotTell, Fail, Ok as Good, Warn};

    fn adapter(slot: u16, interface: Option<Interface>) -> Adapter {
        let mac = Mac::from_property(&[0xfa, 0xd4, 0x43, 0x3e, 0xd1, 0x20]);
        let unit_address = 0x3000_0000 | u32::from(slot);
        Adapter { unit_address, slot, location_code: None, drc_index: None, mac, interface }
    }

    fn interface(state: AddressState) -> Interface {
        let ipv6 = Ipv6 { address: "fe80::1".parse().unwrap(), prefix_bits: 64, link_local: true, state };
        Interface {
            name: "env4".into(),
            state: Some("up".into()),
            carrier: Some(true),
            mtu_bytes: Some(1500),
            ipv6: vec![ipv6],
            has_ipv4_route: false,
        }
    }

    fn good() -> Interface {
        interface(AddressState::Valid)
    }

    fn seen(adapters: Vec<Adapter>) -> Seen {
        Seen {
            adapters: Ok(adapters),
            configured: None,
            taken: None,
            ipv6_off: Ok(vec![]),
            network_manager: Ok(NetworkManager::Absent),
            ifupdown: Ok(String::new()),
        }
    }

    fn verdicts(adapters: Vec<Adapter>) -> Vec<Verdict> {
        judge(&seen(adapters)).into_iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn what_the_administrator_named_is_what_is_checked() {
        let likely = Interface { name: "env5".into(), ..good() };
        let named = Interface { has_ipv4_route: true, carrier: None, ..good() };
        let mut seen = seen(vec![adapter(5, Some(likely)), adapter(4, Some(named))]);
        assert_eq!(seen.management_interface(), Some("env5"));
        let mut with = |name: &str, is_there| {
            seen.configured = Some(Configured { name: name.into(), is_there });
            assert_eq!(seen.management_interface(), Some(name));
            judge(&seen)
        };
        let findings = with("env4", true);
        let texts: Vec<_> = findings[..3].iter().map(|finding| (finding.verdict, finding.found.as_str())).collect();
        let found = "env4 (slot 4), as console.adapter says";
        assert_eq!(texts, [(Good, found), (Good, "it is named"), (Fail, "env4 is down")]);
        assert!(findings.iter().all(|finding| !finding.mend.iter().any(|mend| mend.contains("console.adapter"))));
        for (is_there, verdict) in [(true, CannotTell), (false, Fail)] {
            let verdicts: Vec<_> = with("eth9", is_there).iter().map(|finding| finding.verdict).collect();
            assert_eq!(verdicts, [verdict]);
        }
    }

    #[test]
    fn where_nobody_has_named_one_it_is_what_the_agent_takes() {
        let lan = Interface { name: "env2".into(), has_ipv4_route: true, ..good() };
        let down = Interface { carrier: None, ipv6: vec![], ..good() };
        let mut seen = seen(vec![adapter(2, Some(lan)), adapter(4, Some(down))]);
        for (taken, interface, verdict) in
            [(None, "env2", Good), (Some("env4"), "env4", Fail), (Some("gone"), "env2", Good)]
        {
            seen.taken = taken.map(str::to_owned);
            assert_eq!(seen.management_interface(), Some(interface));
            assert_eq!(judge(&seen)[2].verdict, verdict, "its link: {taken:?}");
        }
    }

    #[test]
    fn one_good_adapter_is_all_ok() {
        assert_eq!(verdicts(vec![adapter(4, Some(good()))]), [Good; 8]);
    }

    #[test]
    fn what_is_wrong_with_the_adapter_is_found() {
        let none: [Adapter; 0] = [];
        assert_eq!(verdicts(none.into()), [Fail]);
        assert_eq!(verdicts(vec![adapter(4, None)]), [Good, Good, Fail]);
        assert_eq!(verdicts(vec![adapter(4, Some(good())), adapter(5, Some(good()))])[..2], [Good, Warn]);
        let routed = Interface { has_ipv4_route: true, ..good() };
        assert_eq!(verdicts(vec![adapter(4, Some(routed))])[0], Warn);
    }

    #[test]
    fn links_are_there_or_absent_or_down() {
        let cases = [(Some(true), Good), (Some(false), Fail), (None, Fail)];
        for (carrier, verdict) in cases {
            assert_eq!(link(&adapter(4, Some(Interface { carrier, ..good() }))).verdict, verdict);
        }
    }

    #[test]
    fn an_address_has_to_be_there_and_to_be_ours() {
        let cases = [(AddressState::Valid, Good), (AddressState::Tentative, Warn), (AddressState::Duplicate, Fail)];
        for (state, verdict) in cases {
            assert_eq!(address(&interface(state)).verdict, verdict);
        }
        assert_eq!(address(&Interface { ipv6: vec![], ..good() }).verdict, Fail);
        assert_eq!(ipv6_on("env4", &["env4".into()]).verdict, Fail);
        assert_eq!(ipv6_on("env4", &["env2".into()]).verdict, Good);
    }

    #[test]
    fn packets_have_to_fit_on_both_sides() {
        for (mtu_bytes, verdict) in
            [(None, CannotTell), (Some(1279), Fail), (Some(1280), Good), (Some(1500), Good), (Some(9000), Warn)]
        {
            assert_eq!(mtu(&Interface { mtu_bytes, ..good() }).verdict, verdict);
        }
    }

    #[test]
    fn network_manager_has_to_be_told_to_keep_off() {
        let left = |text: &str| left_alone(&adapter(4, None), &good(), &NetworkManager::Runs(text.into())).verdict;
        assert_eq!(left(""), Warn);
        assert_eq!(left("[keyfile]\nunmanaged-devices=interface-name:env4"), Good);
        assert_eq!(left("unmanaged-devices=mac:FA:D4:43:3E:D1:20"), Good);
        assert_eq!(left("#unmanaged-devices=interface-name:env4"), Warn);
        assert_eq!(left_alone(&adapter(4, None), &good(), &NetworkManager::Absent).verdict, Good);
    }

    /// What cloud-init writes from the config drive of a management adapter.
    #[test]
    fn the_stanza_that_cloud_init_writes_is_found() {
        let stanza = "auto env4\niface env4 inet6 static\n    address fe80::f8d4:43ff:fe3e:d120/64\n    accept-ra 0\n";
        assert_eq!(not_static("env4", stanza).verdict, Warn);
        assert_eq!(not_static("env2", stanza).verdict, Good);
        assert_eq!(not_static("env4", "iface env4 inet6 manual\n").verdict, Good);
        let other = "iface env4 inet6 static\n address 2001:db8::1/64\niface lo inet6 static\n address fe80::1\n";
        assert_eq!(not_static("env4", other).verdict, Good);
    }
}
