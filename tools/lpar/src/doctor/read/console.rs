//! Consoles: whose keys are trusted, and who has the port.

use sysroot::Sysroot;

use super::told;
use crate::agent::answer::{Status, Trust};
use crate::doctor::Told;
use crate::doctor::console::{PortUse, Seen};

/// The port of the session, which is also that of IBM's RMC.
const PORT: u16 = 657;
/// The state of a TCP socket that waits for connections (Linux, net/tcp_states.h, TCP_LISTEN).
const LISTEN: &str = "0A";

pub(super) fn read(sysroot: &Sysroot, status: Option<&Status>, trust: &Told<Trust>, has_rsct: bool) -> Seen {
    Seen {
        status: status.cloned(),
        trusted: trust.as_ref().map(|trust| trust.consoles.len()).map_err(Clone::clone),
        port: port_use(sysroot),
        has_rsct,
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
}
