//! Consoles: whose keys are trusted, whether they can be reached, and who has the port.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sysroot::Sysroot;

use super::told;
use crate::agent::answer::{Status, Trust};
use crate::agent::{Agent, Method, PROMPT};
use crate::doctor::Told;
use crate::doctor::console::{PortUse, Reach, Seen};

const TRUST: &str = "var/lib/lparkit/trust";
/// The port of the session, which is also that of IBM's RMC.
const PORT: u16 = 657;
/// Within a link an answer comes in a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);
/// The state of a TCP socket that waits for connections (Linux, net/tcp_states.h, TCP_LISTEN).
const LISTEN: &str = "0A";

/// `interface` is that of the management network, if there is one.
pub(super) fn read(sysroot: &Sysroot, interface: Option<&str>, status: Option<&Status>, has_rsct: bool) -> Seen {
    let trust =
        Agent::connect(sysroot).and_then(|mut agent| agent.ask::<Trust>(Method::TrustList, json!({}), PROMPT)).ok();
    let has_session = status.is_some_and(|status| status.session.is_some());
    let consoles = trust.iter().flat_map(|trust| &trust.consoles).filter(|_| !has_session);
    let addresses = consoles.flat_map(|console| console.addresses.iter().map(|ip| (*ip, console.port)));
    Seen {
        status: status.cloned(),
        trusted: match &trust {
            Some(trust) => Ok(trust.consoles.len()),
            None => trusted_files(sysroot),
        },
        reached: addresses
            .map(|(ip, port)| (format!("{ip} port {port}"), reach(sysroot, interface, ip, port)))
            .collect(),
        port: port_use(sysroot),
        has_rsct,
    }
}

/// One file a console. Only root may look.
fn trusted_files(sysroot: &Sysroot) -> Told<usize> {
    let names = told(sysroot.list_if_present(TRUST))?;
    let is_key =
        |name: &&String| !name.starts_with('.') && Path::new(name).extension().is_some_and(|end| end == "toml");
    Ok(names.iter().filter(is_key).count())
}

/// Connects and hangs up: a console sees a partition that changed its mind.
fn reach(sysroot: &Sysroot, interface: Option<&str>, ip: IpAddr, port: u16) -> Reach {
    if !sysroot.is_live() {
        return Reach::Untried("a recorded machine calls nobody".into());
    }
    let Some(address) = resolve(sysroot, interface, ip, port) else {
        return Reach::Untried("there is no management adapter to call it through".into());
    };
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Reach::Connected,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Reach::Refused,
        Err(error) if error.kind() == io::ErrorKind::TimedOut || error.kind() == io::ErrorKind::HostUnreachable => {
            Reach::Silent
        }
        Err(error) => Reach::Untried(error.to_string()),
    }
}

/// A link-local address belongs to the management adapter.
fn resolve(sysroot: &Sysroot, interface: Option<&str>, ip: IpAddr, port: u16) -> Option<SocketAddr> {
    match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            let index = sysroot.read_text(format!("sys/class/net/{}/ifindex", interface?)).ok()?;
            Some(SocketAddrV6::new(ip, port, 0, index.trim().parse().ok()?).into())
        }
        ip => Some(SocketAddr::new(ip, port)),
    }
}

fn port_use(sysroot: &Sysroot) -> Told<PortUse> {
    // A kernel without IPv6 has only half of the files.
    let sockets = |file: &str| -> Told<String> { Ok(told(sysroot.read_text_if_present(file))?.unwrap_or_default()) };
    let tcp = [told(sysroot.read_text("proc/net/tcp"))?, sockets("proc/net/tcp6")?];
    let udp = [told(sysroot.read_text("proc/net/udp"))?, sockets("proc/net/udp6")?];
    Ok(PortUse {
        tcp_listens: tcp.iter().any(|table| has_socket(table, Some(LISTEN))),
        udp_bound: udp.iter().any(|table| has_socket(table, None)),
    })
}

/// `   0: 00000000:0291 00000000:0000 0A …`: number, local address and port, the other side's, state.
fn has_socket(table: &str, wanted_state: Option<&str>) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let port = fields.next().and_then(|local| u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok());
        let state = fields.nth(1);
        port == Some(PORT) && wanted_state.is_none_or(|wanted| state == Some(wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_found_by_port_and_state() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
                     \x20  0: 00000000:0016 00000000:0000 0A 0:0\n   1: 0100007F:0291 0100007F:1234 01 0:0\n";
        assert!(!has_socket(table, Some(LISTEN)));
        assert!(has_socket(table, None));
        assert!(has_socket(&table.replace(":0016", ":0291"), Some(LISTEN)));
        assert!(!has_socket("", None));
    }

    #[test]
    fn a_link_local_address_is_called_through_the_management_adapter() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sys/class/net/env4/ifindex");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "7\n").unwrap();
        let sysroot = Sysroot::at(dir.path()).unwrap();
        let env4 = Some("env4");
        let link_local = "fe80::1".parse().unwrap();
        let found = resolve(&sysroot, env4, link_local, 657);
        assert_eq!(found, Some(SocketAddrV6::new("fe80::1".parse().unwrap(), 657, 0, 7).into()));
        assert_eq!(resolve(&sysroot, None, link_local, 657), None);
        assert_eq!(resolve(&sysroot, None, "10.0.0.1".parse().unwrap(), 657), "10.0.0.1:657".parse().ok());
        let untried = Reach::Untried("a recorded machine calls nobody".into());
        assert_eq!(reach(&sysroot, env4, link_local, 657), untried);
    }
}
