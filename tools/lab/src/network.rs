//! The lab's network, in a network namespace of its own: what to do (pure, as steps) and doing it.
//!
//! ```text
//!   mgmt-0 fe80::…          mgmt-1 fe80::…            lan0 10.77.0.1/24
//!    |    console of 0       |    console of 1         |   everything outside the partitions
//!    +-- t0p1m (isolated)    +-- t1p1m (isolated)      +-- t0p1l
//!    +-- t0p2m (isolated)                              +-- t0p2l, t1p1l, …
//! ```
//!
//! Each managed system has a MGMTSWITCH in VEPA mode: isolated ports reach the bridge's own port, where the console
//! listens, and not each other; nothing is sent back through the port it came from. One ordinary network is shared by all
//! systems, as a migrating partition must find itself on the same one. Names come from indices and fit into 15 bytes.
//!
//! Nothing outside the namespace is touched: steps run only through a [`Namespace`], and one is given out only where the
//! network is not the one that the caller came from.

use std::fs;
use std::io;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;

use crate::machine::MacAddress;

/// The ordinary network.
pub const LAN: &str = "lan0";

/// The lab's own address on it, with its prefix.
pub const LAN_ADDRESS: &str = "10.77.0.1/24";

/// Longest name of an interface: `IFNAMSIZ` has 16 bytes, the last is NUL (linux/if.h).
pub const NAME_MAX_BYTES: usize = 15;

/// Locally administered addresses of the lab: 02, "LP".
const MAC_PREFIX: [u8; 3] = [0x02, 0x4c, 0x50];

/// A network that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A command failed.
    #[error("`{command}` failed ({status}): {stderr}")]
    Failed {
        /// As one would type it.
        command: String,
        /// Exit status.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// A command could not be run.
    #[error("cannot run {program}; `tools/setup` installs iproute2")]
    Run {
        /// The program.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A setting could not be written.
    #[error("cannot write {value} to {path}", path = path.display())]
    Setting {
        /// Below /proc/sys/net.
        path: PathBuf,
        /// What was to be written.
        value: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// What the kernel says of this process cannot be read.
    #[error("cannot read {path}", path = path.display())]
    Observe {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// This network belongs to somebody else.
    #[error("refusing to change this network: {reason}. `lparlab up` makes a namespace for its own (unshare --net)")]
    NotOurs {
        /// How that is known.
        reason: String,
    },
}

/// Which network namespace: what `readlink /proc/self/ns/net` prints, `net:[4026531833]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceId(String);

/// A text that names no network namespace.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} names no network namespace: it looks like net:[4026531833]")]
pub struct NoNamespaceId(String);

impl NamespaceId {
    /// The one of this process.
    pub fn current() -> Result<Self, NetworkError> {
        let path = PathBuf::from("/proc/self/ns/net");
        let link = fs::read_link(&path).map_err(|source| NetworkError::Observe { path, source })?;
        Ok(Self(link.to_string_lossy().into_owned()))
    }

    /// As it is handed to a child.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NamespaceId {
    type Err = NoNamespaceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix("net:[").and_then(|rest| rest.strip_suffix(']'));
        match number {
            Some(number) if !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NoNamespaceId(text.to_owned())),
        }
    }
}

/// The right to change this process's network: it is a namespace that was made for the lab.
///
/// How that is known: whoever starts the lab reads [`NamespaceId::current`] *before* unsharing and hands it down, and the
/// child finds itself elsewhere. (Comparing with /proc/1/ns/net would not do: in a new process namespace process 1 is
/// the lab itself, and without privilege it cannot be read.) Besides, a network just made has no routes: one that has is
/// in use by somebody.
#[derive(Debug)]
pub struct Namespace(());

impl Namespace {
    /// Claims the network of this process, once, before anything is set up in it.
    pub fn claim(outer: &NamespaceId) -> Result<Self, NetworkError> {
        let read =
            |path: &str| fs::read_to_string(path).map_err(|source| NetworkError::Observe { path: path.into(), source });
        let current = NamespaceId::current()?;
        let routes = read("/proc/self/net/route")?;
        match objection(&current, outer, &routes) {
            Some(reason) => Err(NetworkError::NotOurs { reason }),
            None => Ok(Self(())),
        }
    }

    /// Does the steps in their order; the first that fails ends it.
    pub fn apply(&self, steps: &[Step]) -> Result<(), NetworkError> {
        steps.iter().try_for_each(perform)
    }
}

/// Why this network must not be changed, if so.
fn objection(current: &NamespaceId, outer: &NamespaceId, routes: &str) -> Option<String> {
    if current == outer {
        return Some(format!("it is the one that the lab was started from ({})", current.0));
    }
    // The first line is a heading.
    let interface = routes.lines().nth(1)?.split_whitespace().next()?;
    Some(format!("it has a route already, over {interface}, and a network made for the lab has none"))
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A program and its arguments.
    Run(Vec<String>),
    /// A setting below /proc/sys/net, which belongs to the namespace.
    Set {
        /// Relative to /proc/sys/net.
        key: &'static str,
        /// Its value.
        value: &'static str,
    },
}

/// The bridge of a managed system's MGMTSWITCH.
pub fn management_bridge(system: u16) -> String {
    format!("mgmt-{system}")
}

/// The Ethernet address of that bridge. It is fixed: a bridge without one of its own takes the lowest of its ports'.
pub fn management_mac(system: u16) -> MacAddress {
    let [high, low] = system.to_be_bytes();
    let [a, b, c] = MAC_PREFIX;
    MacAddress([a, b, c, 0, high, low])
}

/// The console's address on a system's management network.
pub fn console_address(system: u16) -> Ipv6Addr {
    management_mac(system).link_local()
}

/// What an adapter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// On the MGMTSWITCH of its system.
    Management,
    /// On the ordinary network.
    Lan,
}

/// The Ethernet address of a partition's adapter: it moves with the partition.
pub fn partition_mac(partition: u16, role: Role) -> MacAddress {
    let [high, low] = partition.to_be_bytes();
    let [a, b, c] = MAC_PREFIX;
    let fourth = match role {
        Role::Management => 1,
        Role::Lan => 2,
    };
    MacAddress([a, b, c, fourth, high, low])
}

/// The tap of a partition's adapter on one system: a migrating partition has one on each of two.
pub fn tap_name(system: u16, partition: u16, role: Role) -> String {
    let letter = match role {
        Role::Management => 'm',
        Role::Lan => 'l',
    };
    format!("t{system}p{partition}{letter}")
}

/// The bridge that a tap joins.
pub fn bridge_of(system: u16, role: Role) -> String {
    match role {
        Role::Management => management_bridge(system),
        Role::Lan => LAN.to_owned(),
    }
}

/// Everything that is there before any partition: the settings, loopback, the ordinary network, each system's MGMTSWITCH.
pub fn base(systems: &[u16]) -> Vec<Step> {
    // Addresses are usable at once: nobody else can have them here, so there is no duplicate to be detected.
    let mut steps: Vec<Step> =
        ["ipv6/conf/all/accept_dad", "ipv6/conf/default/accept_dad", "ipv6/conf/default/accept_ra"]
            .map(|key| Step::Set { key, value: "0" })
            .into();
    steps.push(ip("link set dev lo up"));
    steps.extend(bridge(LAN, MacAddress([MAC_PREFIX[0], MAC_PREFIX[1], MAC_PREFIX[2], 0xff, 0, 0])));
    steps.push(ip(&format!("addr add {LAN_ADDRESS} dev {LAN}")));
    steps.extend(systems.iter().flat_map(|system| management(*system)));
    steps
}

/// One system's MGMTSWITCH, with the console's address.
pub fn management(system: u16) -> Vec<Step> {
    let name = management_bridge(system);
    let mut steps = bridge(&name, management_mac(system));
    // The kernel would make this address itself when the first port comes up; the console wants to listen before.
    steps.push(ip(&format!("-6 addr replace {}/64 dev {name} nodad", console_address(system))));
    steps
}

/// A bridge that forwards at once, floods multicast (a switch without an IGMP or MLD querier must), and is up.
fn bridge(name: &str, mac: MacAddress) -> Vec<Step> {
    vec![
        ip(&format!("link add name {name} address {mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")),
        ip(&format!("link set dev {name} addrgenmode eui64")),
        ip(&format!("link set dev {name} up")),
    ]
}

/// A tap for QEMU to open.
pub fn add_tap(tap: &str) -> Vec<Step> {
    vec![ip(&format!("tuntap add dev {tap} mode tap"))]
}

/// Makes a tap a port of a bridge. The host has no address on it: only what is behind it has.
pub fn join(tap: &str, bridge: &str) -> Vec<Step> {
    vec![
        ip(&format!("link set dev {tap} addrgenmode none")),
        ip(&format!("link set dev {tap} master {bridge}")),
        ip(&format!("link set dev {tap} up")),
    ]
}

/// Takes a tap off its bridge: its cable is pulled.
pub fn leave(tap: &str) -> Vec<Step> {
    vec![ip(&format!("link set dev {tap} nomaster"))]
}

/// Whether a port of a bridge is kept from other isolated ports; what comes in is never sent back out of it.
pub fn isolation(tap: &str, isolated: bool) -> Vec<Step> {
    let word = if isolated { "on" } else { "off" };
    let arguments = ["bridge", "link", "set", "dev", tap, "isolated", word, "hairpin", "off"];
    vec![Step::Run(arguments.map(str::to_owned).to_vec())]
}

/// The tap of a partition's adapter, made, isolated where its network is so, and joined.
pub fn plug(system: u16, partition: u16, role: Role) -> Vec<Step> {
    let tap = tap_name(system, partition, role);
    let mut steps = add_tap(&tap);
    let joined = join(&tap, &bridge_of(system, role));
    let (up, before) = joined.split_last().map_or((None, &joined[..]), |(up, before)| (Some(up.clone()), before));
    steps.extend_from_slice(before);
    // Before it is up: no frame passes unisolated.
    if role == Role::Management {
        steps.extend(isolation(&tap, true));
    }
    steps.extend(up);
    steps
}

/// Removes a tap.
pub fn remove_tap(tap: &str) -> Vec<Step> {
    remove(tap)
}

/// Removes a system's MGMTSWITCH.
pub fn remove_management(system: u16) -> Vec<Step> {
    remove(&management_bridge(system))
}

fn remove(interface: &str) -> Vec<Step> {
    vec![ip(&format!("link delete dev {interface}"))]
}

/// `ip` with these words; none of them can hold a space, as names, numbers and addresses are all there is.
fn ip(words: &str) -> Step {
    Step::Run(std::iter::once("ip").chain(words.split(' ')).map(str::to_owned).collect())
}

fn perform(step: &Step) -> Result<(), NetworkError> {
    match step {
        Step::Run(argv) => run(argv),
        Step::Set { key, value } => {
            let path = PathBuf::from("/proc/sys/net").join(key);
            fs::write(&path, value).map_err(|source| NetworkError::Setting { path, value, source })
        }
    }
}

/// Runs one command; a failure names it and has what it said.
fn run(argv: &[String]) -> Result<(), NetworkError> {
    let Some((program, arguments)) = argv.split_first() else { return Ok(()) };
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", search_path())
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| NetworkError::Run { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NetworkError::Failed { command: argv.join(" "), status: output.status.to_string(), stderr })
}

/// Where ip and bridge are; a user's PATH lacks the system directories.
pub(crate) fn search_path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/sbin:/sbin:/usr/bin:/bin")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The steps, one a line.
    fn printed(steps: &[Step]) -> String {
        let line = |step: &Step| match step {
            Step::Run(argv) => argv.join(" ") + "\n",
            Step::Set { key, value } => format!("{key} = {value}\n"),
        };
        steps.iter().map(line).collect()
    }

    #[test]
    fn two_systems_have_two_switches_and_one_network() {
        let expected = "\
ipv6/conf/all/accept_dad = 0
ipv6/conf/default/accept_dad = 0
ipv6/conf/default/accept_ra = 0
ip link set dev lo up
ip link add name lan0 address 02:4c:50:ff:00:00 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip link set dev lan0 addrgenmode eui64
ip link set dev lan0 up
ip addr add 10.77.0.1/24 dev lan0
ip link add name mgmt-0 address 02:4c:50:00:00:00 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip link set dev mgmt-0 addrgenmode eui64
ip link set dev mgmt-0 up
ip -6 addr replace fe80::4c:50ff:fe00:0/64 dev mgmt-0 nodad
ip link add name mgmt-1 address 02:4c:50:00:00:01 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip link set dev mgmt-1 addrgenmode eui64
ip link set dev mgmt-1 up
ip -6 addr replace fe80::4c:50ff:fe00:1/64 dev mgmt-1 nodad
";
        assert_eq!(printed(&base(&[0, 1])), expected);
    }

    #[test]
    fn a_management_port_is_isolated_before_it_is_up() {
        let expected = "\
ip tuntap add dev t1p3m mode tap
ip link set dev t1p3m addrgenmode none
ip link set dev t1p3m master mgmt-1
bridge link set dev t1p3m isolated on hairpin off
ip link set dev t1p3m up
";
        assert_eq!(printed(&plug(1, 3, Role::Management)), expected);
        let lan = printed(&plug(1, 3, Role::Lan));
        assert!(lan.contains("t1p3l master lan0") && !lan.contains("isolated"), "{lan}");
    }

    #[test]
    fn what_was_made_can_be_unmade() {
        assert_eq!(printed(&isolation("t0p1m", false)), "bridge link set dev t0p1m isolated off hairpin off\n");
        assert_eq!(printed(&leave("t0p1l")), "ip link set dev t0p1l nomaster\n");
        assert_eq!(printed(&remove_tap("t0p1l")), "ip link delete dev t0p1l\n");
        assert_eq!(printed(&remove_management(7)), "ip link delete dev mgmt-7\n");
    }

    #[test]
    fn every_name_fits_and_every_address_is_its_own() {
        for index in [0, u16::MAX] {
            assert!(management_bridge(index).len() <= NAME_MAX_BYTES);
            assert!(tap_name(index, index, Role::Management).len() <= NAME_MAX_BYTES);
        }
        let addresses = [management_mac(1), partition_mac(1, Role::Management), partition_mac(1, Role::Lan)];
        assert!(addresses.iter().enumerate().all(|(index, a)| !addresses[..index].contains(a)));
        // Locally administered, and no group address.
        assert!(addresses.iter().all(|mac| mac.0[0] & 0b11 == 0b10));
    }

    #[test]
    fn a_network_of_somebody_elses_is_refused() {
        let id = |text: &str| text.parse::<NamespaceId>().unwrap();
        let (ours, theirs) = (id("net:[4026532178]"), id("net:[4026531833]"));
        let heading = "Iface\tDestination\tGateway\n";
        assert_eq!(objection(&ours, &theirs, heading), None);
        assert!(objection(&theirs, &theirs, heading).unwrap().contains("started from"));
        let routes = format!("{heading}eth0\t00000000\t0100A8C0\n");
        assert!(objection(&ours, &theirs, &routes).unwrap().contains("eth0"));
        for bad in ["", "net:[]", "net:[1", "mnt:[1]", "net:[x]"] {
            assert!(bad.parse::<NamespaceId>().is_err(), "{bad}");
        }
        let here = NamespaceId::current().unwrap();
        assert!(Namespace::claim(&here).is_err());
        assert_eq!(id(here.as_str()), here);
    }

    #[test]
    fn a_failed_command_is_told_with_its_words() {
        let error = run(&["ip", "link", "set", "dev", "no-such-if", "up"].map(str::to_owned)).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("`ip link set dev no-such-if up` failed") && said.contains("no-such-if"), "{said}");
    }
}
