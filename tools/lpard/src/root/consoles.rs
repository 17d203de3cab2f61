//! Whom the network part shall call, from the configuration, from what the hypervisor says, from what is trusted and from what the
//! machine shows.

use platform::adapter::{self, Adapter, Candidate};
use platform::console_string::ConsoleString;
use sysroot::Sysroot;

use crate::addresses_to_call::addresses_to_call;
use crate::config::{ConsoleAddress, ConsoleSettings};
use crate::parts::message::Consoles;
use crate::trust::{Trusted, keys};

/// Who answered last. An agent that is started again calls there first: others that are not there each take their time to fail.
/// Gone with the next boot, which may be on another system.
const LAST: &str = "run/lpard/console";

/// Notes who answered.
pub(super) fn answered(sysroot: &Sysroot, address: &ConsoleAddress) -> sysroot::Result<()> {
    sysroot.replace_file(LAST, address.to_string().as_bytes(), 0o600)
}

/// Who answered last, to this agent or the one before it.
pub(super) fn last(sysroot: &Sysroot) -> Option<ConsoleAddress> {
    sysroot.read_text_if_present(LAST).ok()??.parse().ok()
}

/// The same with the one that answered last (`first`) before the others. One that nobody told, because it was discovered, is
/// called after them, if there is somebody to believe.
pub(super) fn with_first(mut consoles: Consoles, first: Option<&ConsoleAddress>) -> Consoles {
    let is_known = first.is_some_and(|first| consoles.addresses.contains(first));
    let discovered = first.filter(|_| !is_known && consoles.discover_on.is_some());
    consoles.addresses.sort_by_key(|address| Some(address) != first);
    consoles.addresses.extend(discovered.cloned());
    consoles
}

/// What is taken for the interface of the management network.
#[derive(Debug, Default)]
pub(super) struct Management {
    interface: Option<String>,
    /// The one that was taken last when it had a link.
    before: Option<String>,
}

impl Management {
    /// The one that is taken now.
    pub(super) fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// Takes the one that the administrator has named, else the likeliest.
    pub(super) fn choose(&mut self, named: Option<&str>, adapters: &[Adapter]) {
        let chosen = named.or_else(|| likeliest(self.before.as_deref(), adapters)).map(str::to_owned);
        if let Some(name) = chosen.as_ref().filter(|name| named.is_none() && !is_without_link(name, adapters)) {
            self.before = Some(name.clone());
        }
        self.interface = chosen;
    }
}

/// The likeliest, when the one before was taken for it. That stays as long as no other is better, and also when it is better only
/// because of the link: with that gone more speaks against it than against an adapter that carries other traffic, and it is the one
/// all the same. Then only one with nothing against it takes its place.
fn likeliest<'a>(before: Option<&'a str>, adapters: &'a [Adapter]) -> Option<&'a str> {
    let candidates = adapter::management_candidates(adapters);
    let is_before = |candidate: &&Candidate<'_>| before.is_some() && candidate.adapter.interface_name() == before;
    let is_good = |candidate: &Candidate<'_>| candidate.against.is_empty();
    let stays = candidates.iter().find(is_before).is_some_and(|it| {
        let mut usable = candidates.iter().filter(|other| other.adapter.interface.is_some());
        let is_best = usable.all(|other| other.against.len() >= it.against.len());
        is_best || !(it.carries_traffic() || candidates.iter().any(is_good))
    });
    before.filter(|_| stays).or_else(|| adapter::management_interface(None, adapters))
}

/// Whether an interface has no link: nobody can be called through it. Of one that is none of the hypervisor's adapters nobody knows.
pub(super) fn is_without_link(name: &str, adapters: &[Adapter]) -> bool {
    let mut interfaces = adapters.iter().filter_map(|adapter| adapter.interface.as_ref());
    interfaces.find(|interface| interface.name == name).is_some_and(|interface| interface.carrier != Some(true))
}

/// The same as long as an interface has no link. A partition without a way to its console sleeps: when the link changes, the
/// network part wants to know again whom to call.
pub(super) fn not_through(interface: &str, mut consoles: Consoles) -> Consoles {
    consoles.addresses.retain(|address| address.interface.as_deref() != Some(interface));
    consoles.discover_on = consoles.discover_on.filter(|discovers_on| discovers_on != interface);
    consoles
}

/// Whom to call. Where the first that answers would be believed for ever, nobody is asked but through an adapter that the
/// administrator has named: which one leads to consoles is a guess, and when its link has just come up nothing shows yet who else is
/// on it.
pub(super) fn consoles(
    settings: &ConsoleSettings,
    trusted: &[Trusted],
    interface: Option<String>,
    announced: &[ConsoleString],
) -> Consoles {
    let first_use = settings.trust_on_first_use && trusted.is_empty();
    let announced = if settings.discover { announced } else { &[] };
    let known = trusted.iter().flat_map(|console| console.addresses.iter().map(|ip| (*ip, console.port)));
    let addresses = addresses_to_call(&settings.addresses, announced, known, interface.as_deref());
    let somebody_to_believe = first_use || !trusted.is_empty();
    let asks = settings.discover && if first_use { settings.adapter.is_some() } else { !trusted.is_empty() };
    Consoles {
        trusted: keys(trusted).into_iter().collect(),
        first_use,
        addresses: if somebody_to_believe { addresses } else { Vec::new() },
        discover_on: interface.filter(|_| asks),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use platform::adapter::{AddressState, Interface, Ipv6};
    use wire::key::PublicKey;

    use super::*;

    fn console(byte: u8, addresses: &[&str]) -> Trusted {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let key = PublicKey::from_bytes([byte; 32]);
        Trusted { name: "x".into(), key, addresses, port: 657, because: "a test says so".into() }
    }

    fn shown(consoles: &Consoles) -> Vec<String> {
        consoles.addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_configured_come_first_and_nobody_is_called_twice() {
        let addresses = vec!["[fe80::1%mgmt]:657".parse().unwrap()];
        let settings = ConsoleSettings { addresses, ..ConsoleSettings::default() };
        let trusted = [console(1, &["fe80::1"]), console(2, &["10.0.0.2", "fe80::2"])];
        let found = consoles(&settings, &trusted, Some("mgmt".into()), &[]);
        assert_eq!(shown(&found), ["[fe80::1%mgmt]:657", "10.0.0.2:657", "[fe80::2%mgmt]:657"]);
        assert_eq!((found.discover_on.as_deref(), found.first_use, found.trusted.len()), (Some("mgmt"), false, 2));
    }

    #[test]
    fn whom_the_hypervisor_names_is_called_before_those_of_earlier_days() {
        let announced = [ConsoleString { addresses: vec!["fe80::9".parse().unwrap()], ..ConsoleString::default() }];
        let mut settings = ConsoleSettings::default();
        let trusted = [console(1, &["fe80::1"])];
        let found = consoles(&settings, &trusted, Some("mgmt".into()), &announced);
        assert_eq!(shown(&found), ["[fe80::9%mgmt]:657", "[fe80::1%mgmt]:657"]);
        settings.discover = false;
        let found = consoles(&settings, &trusted, Some("mgmt".into()), &announced);
        assert_eq!(shown(&found), ["[fe80::1%mgmt]:657"]);
    }

    #[test]
    fn who_answered_last_is_called_first_by_the_next_agent() {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        sysroot.create_directories("run/lpard").unwrap();
        assert_eq!(last(&sysroot), None);
        let trusted = [console(1, &["fe80::1"]), console(2, &["10.0.0.2", "fe80::2"])];
        let found = || consoles(&ConsoleSettings::default(), &trusted, Some("mgmt".into()), &[]);
        let cases: [(_, &[&str]); 2] = [
            ("[fe80::2%mgmt]:657", &["[fe80::2%mgmt]:657", "[fe80::1%mgmt]:657", "10.0.0.2:657"]),
            ("10.9.9.9:657", &["[fe80::1%mgmt]:657", "10.0.0.2:657", "[fe80::2%mgmt]:657", "10.9.9.9:657"]),
        ];
        for (answers, expected) in cases {
            answered(&sysroot, &answers.parse().unwrap()).unwrap();
            assert_eq!(shown(&with_first(found(), last(&sysroot).as_ref())), expected, "{answers}");
        }
        sysroot.replace_file(LAST, b"\xff nonsense", 0o600).unwrap();
        assert_eq!(last(&sysroot), None);
    }

    fn adapter(interface: Option<Interface>) -> Adapter {
        Adapter { unit_address: 0x3000_0004, slot: 4, location_code: None, drc_index: None, mac: None, interface }
    }

    fn good(name: &str) -> Interface {
        let address = "fe80::1".parse().unwrap();
        let ipv6 = vec![Ipv6 { address, prefix_bits: 64, link_local: true, state: AddressState::Valid }];
        let (state, carrier, mtu_bytes) = (None, Some(true), None);
        Interface { name: name.into(), state, carrier, mtu_bytes, ipv6, has_ipv4_route: false }
    }

    fn down(name: &str) -> Interface {
        Interface { carrier: None, ipv6: vec![], ..good(name) }
    }

    fn busy(name: &str) -> Interface {
        Interface { has_ipv4_route: true, ..good(name) }
    }

    fn with_global(mut interface: Interface) -> Interface {
        let address = "2001:db8::1".parse().unwrap();
        interface.ipv6.push(Ipv6 { address, prefix_bits: 64, link_local: false, state: AddressState::Valid });
        interface
    }

    fn adapters(interfaces: Vec<Interface>) -> Vec<Adapter> {
        interfaces.into_iter().map(|interface| adapter(Some(interface))).collect()
    }

    #[test]
    fn the_likeliest_stays_while_its_link_is_gone_and_makes_place_for_a_better_one() {
        let quiet = |name| Interface { ipv6: vec![], ..good(name) };
        let cases: [(_, Vec<Interface>, _); 10] = [
            (None, vec![busy("lan"), good("mgmt")], "mgmt"),
            (Some("mgmt"), vec![busy("lan"), down("mgmt")], "mgmt"),
            (Some("lan"), vec![busy("lan"), good("mgmt")], "mgmt"),
            (Some("mgmt"), vec![good("other"), good("mgmt")], "mgmt"),
            (Some("mgmt"), vec![good("other"), down("mgmt")], "other"),
            // One that was never brought up is not better than the only one that leads anywhere.
            (None, vec![down("spare"), busy("lan")], "lan"),
            (Some("gone"), vec![down("spare"), busy("lan")], "lan"),
            // It was quiet when it was taken, and is not any more.
            (Some("lan"), vec![with_global(busy("lan")), busy("mgmt")], "mgmt"),
            (Some("lan"), vec![busy("lan"), quiet("mgmt")], "lan"),
            (Some("lan"), vec![with_global(busy("lan")), quiet("mgmt")], "mgmt"),
        ];
        for (before, interfaces, expected) in cases {
            let adapters = adapters(interfaces);
            assert_eq!(likeliest(before, &adapters), Some(expected), "{before:?} {adapters:?}");
        }
        assert_eq!(likeliest(Some("mgmt"), &[]), None);
        assert_eq!(likeliest(None, &[adapter(None), adapter(Some(down("mgmt")))]), Some("mgmt"));
    }

    #[test]
    fn one_that_never_had_a_link_or_was_named_is_not_kept() {
        let mut management = Management::default();
        let all_down = adapters(vec![down("spare"), down("lan")]);
        let one_up = adapters(vec![down("spare"), busy("lan")]);
        let mgmt_too = adapters(vec![down("mgmt"), busy("lan")]);
        for (named, adapters, expected) in [
            (None, &all_down, "spare"),
            (None, &one_up, "lan"),
            (Some("spare"), &one_up, "spare"),
            (None, &one_up, "lan"),
            (Some("bond0"), &mgmt_too, "bond0"),
            (None, &mgmt_too, "lan"),
        ] {
            management.choose(named, adapters);
            assert_eq!(management.interface(), Some(expected));
        }
        management.choose(None, &[]);
        assert_eq!(management.interface(), None);
    }

    #[test]
    fn where_there_is_no_link_nobody_is_called_through_it() {
        // That of one that is down cannot be read.
        for (carrier, expected) in [(Some(true), false), (Some(false), true), (None, true)] {
            let interface = Interface { carrier, ..good("mgmt") };
            assert_eq!(is_without_link("mgmt", &[adapter(None), adapter(Some(interface))]), expected);
        }
        assert!(!is_without_link("bond0", &[adapter(Some(down("mgmt")))]));
        let trusted = [console(1, &["fe80::1", "10.0.0.2"])];
        let found = consoles(&ConsoleSettings::default(), &trusted, Some("mgmt".into()), &[]);
        let found = not_through("mgmt", found);
        assert_eq!((shown(&found), &found.discover_on), (vec!["10.0.0.2:657".to_owned()], &None));
        assert_eq!(not_through("bond0", found.clone()), found);
    }

    #[test]
    fn where_nobody_can_be_believed_nobody_is_called() {
        let addresses = vec!["10.0.0.1".parse().unwrap()];
        let mut settings = ConsoleSettings { addresses, ..ConsoleSettings::default() };
        assert_eq!(consoles(&settings, &[], Some("mgmt".into()), &[]), Consoles::default());
        settings.trust_on_first_use = true;
        let found = consoles(&settings, &[], Some("mgmt".into()), &[]);
        assert_eq!((shown(&found), found.first_use), (vec!["10.0.0.1:657".to_owned()], true));
        settings.discover = false;
        let found = consoles(&settings, &[console(1, &[])], Some("mgmt".into()), &[]);
        assert_eq!((found.discover_on, found.first_use), (None, false), "there is somebody to believe now");
    }

    #[test]
    fn the_first_is_not_looked_for_where_it_may_be_a_stranger() {
        let mut settings = ConsoleSettings { trust_on_first_use: true, ..ConsoleSettings::default() };
        let asks = |settings: &ConsoleSettings, trusted: &[Trusted]| {
            consoles(settings, trusted, Some("lan".into()), &[]).discover_on.is_some()
        };
        assert_eq!((asks(&settings, &[]), asks(&settings, &[console(1, &[])])), (false, true));
        settings.adapter = Some("lan".into());
        assert!(asks(&settings, &[]), "the administrator says that consoles are there");
    }
}
