//! Whom the agent calls, and what comes of calling them.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream};
use std::thread;
use std::time::Duration;

use lpard::{ConfiguredConsole, ConsoleAddress};
use platform::console_string::{self, ConsoleString};
use platform::route::{self, Route};
use sysroot::{Outcome, Program, Sysroot};

use super::{echo, told};
use crate::agent::answer::{Status, Trust};
use crate::doctor::way::{Call, Echo, Reach, Seen, through};
use crate::doctor::{Told, rsct};

/// The port of the session, which is also that of IBM's RMC.
const PORT: u16 = 657;
/// The kernel asks three times, a second apart, whether anybody on the link has an address.
const PATIENCE: Duration = Duration::from_secs(4);
/// The kernel's way to the hypervisor's parameters.
const PARAMETERS: &str = "dev/papr-sysparm";
const IP_PROGRAMS: [&str; 4] = ["usr/bin/ip", "usr/sbin/ip", "bin/ip", "sbin/ip"];
/// Unless it is 0, packets of IPv4 do not forbid to be cut (Linux, Documentation/networking/ip-sysctl.rst).
const MAY_BE_CUT: &str = "proc/sys/net/ipv4/ip_no_pmtu_disc";
const RECORDED: &str = "a recorded machine calls nobody";

/// The consoles that the hypervisor names.
pub(super) fn named(sysroot: &Sysroot) -> Told<Vec<ConsoleString>> {
    let named = told(console_string::read(sysroot))?;
    if named.is_empty() && !sysroot.exists(PARAMETERS) {
        return Err(format!("/{PARAMETERS} is not there to ask it (Linux 6.8 has it)"));
    }
    Ok(named)
}

/// `interface` is that of the management network, if there is one.
pub(super) fn read(
    sysroot: &Sysroot,
    interface: Option<&str>,
    named: Told<Vec<ConsoleString>>,
    status: Option<&Status>,
    trust: &Told<Trust>,
    rsct: Option<&rsct::Seen>,
) -> Seen {
    let routes = told(route::read(sysroot));
    let session = status.and_then(|status| status.session.as_ref()?.address.parse::<ConsoleAddress>().ok());
    // A configuration that cannot be read is the agent's topic.
    let nothing = ConfiguredConsole { addresses: Vec::new(), adapter: None, discovers: true, first_use: false };
    let configured = lpard::configured_console(sysroot).unwrap_or(nothing);
    let consoles = trust.as_ref().map_or(&[][..], |trust| trust.consoles.as_slice()).iter();
    let without_address = consoles.clone().filter(|console| console.addresses.is_empty());
    let without_address = without_address.map(|console| console.name.clone()).collect();
    let trusted: Vec<(IpAddr, u16)> =
        consoles.flat_map(|console| console.addresses.iter().map(|ip| (*ip, console.port))).collect();
    let of_rsct: Vec<(IpAddr, u16)> = rsct.into_iter().flat_map(rsct::Seen::addresses).map(|ip| (ip, PORT)).collect();
    let addresses = if let Some(session) = &session {
        vec![session.clone()]
    } else {
        let asked = named.as_deref().ok().filter(|_| configured.discovers).unwrap_or_default();
        lpard::addresses_to_call(&configured.addresses, asked, [of_rsct, trusted.clone()].concat(), interface)
    };
    let calls = try_all(sysroot, addresses, session.is_none(), routes.as_deref().unwrap_or_default());
    Seen {
        named,
        session: session.map(|session| session.ip),
        believes: configured.first_use || trust.as_ref().is_ok_and(|trust| !trust.consoles.is_empty()),
        discovers: configured.discovers && interface.is_some(),
        without_address,
        configured: configured.addresses.iter().map(|address| address.ip).collect(),
        trusted: trusted.into_iter().map(|(ip, _)| ip).collect(),
        interface: interface.map(str::to_owned),
        calls,
        routes,
        rsct: rsct.map(|rsct| rsct.is_connected() == Some(true)),
    }
}

/// Each may take its time to fail: all at once.
fn try_all(sysroot: &Sysroot, addresses: Vec<ConsoleAddress>, connects: bool, routes: &[Route]) -> Vec<Call> {
    thread::scope(|scope| {
        let begun: Vec<_> = addresses
            .into_iter()
            .map(|address| scope.spawn(move || try_one(sysroot, address, connects, routes)))
            .collect();
        begun.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

fn try_one(sysroot: &Sysroot, address: ConsoleAddress, connects: bool, routes: &[Route]) -> Call {
    let to = resolve(sysroot, &address);
    let through = through(address.ip, address.interface.as_deref(), routes);
    let reach = connects.then(|| match to {
        None if sysroot.is_live() && address.interface.is_some() => Reach::NoInterface,
        to => reach(sysroot, to, through),
    });
    let may_answer = matches!(reach, None | Some(Reach::Connected | Reach::Refused));
    let echo = through.zip(to).filter(|_| may_answer).map(|(through, to)| echoed(sysroot, through, to));
    let ConsoleAddress { ip, interface, port } = address;
    Call { ip, port, interface, reach, echo }
}

/// Connects and hangs up: a console sees a partition that changed its mind.
fn reach(sysroot: &Sysroot, to: Option<SocketAddr>, interface: Option<&str>) -> Reach {
    if !sysroot.is_live() {
        return Reach::Untried(RECORDED.into());
    }
    let Some(to) = to else { return Reach::Untried("there is no management adapter to call it through".into()) };
    match TcpStream::connect_timeout(&to, PATIENCE) {
        Ok(_) => Reach::Connected,
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Reach::Refused,
            io::ErrorKind::NetworkUnreachable => Reach::NoRoute,
            // Who filters may say so: of IPv6 the kernel makes EACCES of it, of IPv4 the error of one that nobody has.
            io::ErrorKind::PermissionDenied => Reach::Filtered,
            io::ErrorKind::HostUnreachable => unreachable(neighbour(sysroot, to.ip(), interface)),
            io::ErrorKind::TimedOut => silent(neighbour(sysroot, to.ip(), interface)),
            _ => Reach::Untried(error.to_string()),
        },
    }
}

/// Somebody said that it cannot be reached: the kernel when nobody on the link has the address, else who filters or routes.
fn unreachable(neighbour: Option<Neighbour>) -> Reach {
    match neighbour {
        Some(Neighbour::Missing) => Reach::NoNeighbour,
        Some(Neighbour::Answers) => Reach::Filtered,
        None => Reach::Unreachable,
    }
}

fn silent(neighbour: Option<Neighbour>) -> Reach {
    if neighbour == Some(Neighbour::Missing) { Reach::NoNeighbour } else { Reach::Silent }
}

/// What the kernel remembers of an address on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    /// Nobody has it.
    Missing,
    Answers,
}

/// Of an IPv6 address on the link the kernel says only in its table of neighbours that nobody has it, and shows that table through
/// netlink only: `ip` asks. Nothing is remembered of one behind a router, and nothing is told where there is no `ip`.
fn neighbour(sysroot: &Sysroot, ip: IpAddr, interface: Option<&str>) -> Option<Neighbour> {
    let (interface, path) = interface.zip(IP_PROGRAMS.iter().find(|path| sysroot.exists(path)))?;
    let program = ["neigh", "show", "to", &ip.to_string(), "dev", interface]
        .into_iter()
        .fold(Program::new(*path, PATIENCE), Program::argument);
    let outcome = sysroot.run(&program).ok().filter(Outcome::succeeded)?;
    remembered(&String::from_utf8_lossy(&outcome.output))
}

/// `fe80::99 FAILED`: nobody answered, or nobody has so far. `fe80::1 lladdr 02:00:00:00:00:01 REACHABLE`: somebody did.
fn remembered(shown: &str) -> Option<Neighbour> {
    let has = |wanted: &str| shown.split_ascii_whitespace().any(|word| word == wanted);
    match (has("FAILED") || has("INCOMPLETE"), has("lladdr")) {
        (true, _) => Some(Neighbour::Missing),
        (false, true) => Some(Neighbour::Answers),
        (false, false) => None,
    }
}

/// Neither asks a recorded machine anybody.
fn echoed(sysroot: &Sysroot, through: &str, mut to: SocketAddr) -> Echo {
    if !sysroot.is_live() {
        return Echo::Untried(RECORDED.into());
    }
    let setting = |path: String| sysroot.read_text(path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let Some(mtu_bytes) = setting(format!("sys/class/net/{through}/mtu")) else {
        return Echo::Untried(format!("how large a packet {through} takes is not told"));
    };
    if to.is_ipv4() && setting(MAY_BE_CUT.into()) != Some(0) {
        return Echo::Untried(format!("by /{MAY_BE_CUT} packets may be cut into pieces on the way, and would pass so"));
    }
    // To a raw socket a port is a protocol.
    to.set_port(0);
    echo::ask(to, mtu_bytes)
}

/// A link-local address needs the number of its interface.
fn resolve(sysroot: &Sysroot, address: &ConsoleAddress) -> Option<SocketAddr> {
    match (address.ip, &address.interface) {
        (IpAddr::V6(ip), Some(interface)) => {
            let index = sysroot.read_text(format!("sys/class/net/{interface}/ifindex")).ok()?;
            Some(SocketAddrV6::new(ip, address.port, 0, index.trim().parse().ok()?).into())
        }
        (IpAddr::V6(ip), None) if ip.is_unicast_link_local() => None,
        (ip, _) => Some(SocketAddr::new(ip, address.port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_link_local_address_is_called_through_its_adapter() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sys/class/net/env4/ifindex");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "7\n").unwrap();
        let sysroot = Sysroot::at(dir.path()).unwrap();
        let address = |text: &str| text.parse::<ConsoleAddress>().unwrap();
        let found = resolve(&sysroot, &address("[fe80::1%env4]:657"));
        assert_eq!(found, Some(SocketAddrV6::new("fe80::1".parse().unwrap(), 657, 0, 7).into()));
        let nowhere = ConsoleAddress { ip: ip("fe80::1"), interface: None, port: 657 };
        assert_eq!(resolve(&sysroot, &nowhere), None);
        assert_eq!(resolve(&sysroot, &address("10.0.0.1")), "10.0.0.1:657".parse().ok());
    }

    #[test]
    fn an_address_on_an_interface_that_is_not_there_is_not_called() {
        let live = Sysroot::at("/").unwrap();
        let calls = try_all(&live, vec!["[fe80::1%no-such-if]:657".parse().unwrap()], true, &[]);
        assert_eq!((&calls[0].reach, &calls[0].echo), (&Some(Reach::NoInterface), &None));
    }

    #[test]
    fn a_recorded_machine_calls_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(dir.path()).unwrap();
        let calls = try_all(&sysroot, vec!["127.0.0.1:9".parse().unwrap()], true, &[]);
        assert_eq!(calls[0].reach, Some(Reach::Untried(RECORDED.into())));
        assert_eq!(calls[0].echo, None);
    }

    #[test]
    fn what_is_remembered_of_a_neighbour_tells_what_an_error_means() {
        use Neighbour::{Answers, Missing};
        let cases = [
            ("", None, Reach::Unreachable, Reach::Silent),
            ("\u{0}\u{fffd} lladdress\n", None, Reach::Unreachable, Reach::Silent),
            ("fe80::99 FAILED\n", Some(Missing), Reach::NoNeighbour, Reach::NoNeighbour),
            ("fe80::99 INCOMPLETE\n", Some(Missing), Reach::NoNeighbour, Reach::NoNeighbour),
            ("10.0.0.9 lladdr 02:00:00:00:00:01 FAILED\n", Some(Missing), Reach::NoNeighbour, Reach::NoNeighbour),
            ("fe80::1 lladdr 02:00:00:00:00:01 REACHABLE\n", Some(Answers), Reach::Filtered, Reach::Silent),
        ];
        for (shown, expected, when_unreachable, when_silent) in cases {
            let found = remembered(shown);
            assert_eq!(
                (found, unreachable(found), silent(found)),
                (expected, when_unreachable, when_silent),
                "{shown}"
            );
        }
    }

    #[test]
    fn who_refuses_is_there_and_is_told_from_who_listens() {
        let live = Sysroot::at("/").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(reach(&live, Some(address), None), Reach::Connected);
        drop(listener);
        assert_eq!(reach(&live, Some(address), None), Reach::Refused);
    }
}
