//! `lspartition -dlpar`: what the consoles know of their partitions, in the lines that the HMC's command prints.
//!
//! ```text
//! <#N> Partition:<ID*TYPE-MODEL*SERIAL, HOST, ADDRESS>
//!        Active:<0|1>, OS:<NAME, VERSION, KERNEL>, DCaps:<HEX>, CmdCaps:<HEX, HEX>, PinnedMem:<MIB>
//! ```
//!
//! Scripts take these lines apart at `<`, `,` and `>`; words of a partition cannot forge such a line.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wire::hex::Capabilities;
use wire::message::inventory::{Inventory, OperatingSystem};

use crate::agent::AgentView;

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Partition number.
    pub id: u32,
    /// Managed system: `8286-41A*2166666`.
    pub machine: String,
    /// Host name; empty until the partition told it.
    pub host: String,
    /// Where the partition called from last.
    pub address: Option<IpAddr>,
    /// Whether there is a session in which it told what it is.
    pub active: bool,
    /// What runs in it, as long as it is active.
    pub system: Option<OperatingSystem>,
    /// What can be done to it while it runs; 0x0 is nothing.
    pub dlpar_capabilities: Capabilities,
    /// CmdCaps, both words.
    pub command_capabilities: [Capabilities; 2],
    /// Memory that cannot be moved, as told last.
    pub pinned_memory_mib: u64,
}

impl Entry {
    /// Of a partition of a managed system, and what its agent said. A session alone does not make it active: that is shown
    /// together with what can be done to it, and who waits for it then finds that too. Without a session nothing is claimed that
    /// may not hold any more: only where it was heard of and its pinned memory stay, as they do on an HMC.
    pub fn new(id: u8, machine: String, agent: &AgentView) -> Self {
        let told = agent.inventory.as_ref();
        let now = agent.now();
        Self {
            id: id.into(),
            machine,
            host: told.map(|told| told.host_name.clone()).unwrap_or_default(),
            address: agent.address,
            active: now.is_some(),
            system: now.map(|told| told.system.clone()),
            dlpar_capabilities: now.map_or(Capabilities(0), |told| told.dlpar_capabilities),
            command_capabilities: now.map_or([Capabilities(0); 2], |told| told.command_capabilities),
            pinned_memory_mib: told.map_or(0, |told: &Inventory| told.pinned_memory_mib),
        }
    }
}

/// The lines of all entries.
pub fn lines(entries: &[Entry]) -> String {
    entries.iter().enumerate().map(|(number, entry)| format!("<#{number}> {entry}\n")).collect()
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, machine, pinned_memory_mib, dlpar_capabilities, .. } = self;
        let address = self.address.map(|address| address.to_string()).unwrap_or_default();
        let words = |of: fn(&OperatingSystem) -> &str| self.system.as_ref().map(|system| plain(of(system)));
        let [name, version, kernel] =
            [words(|system| &system.name), words(|system| &system.version), words(|system| &system.kernel)]
                .map(Option::unwrap_or_default);
        let [first, second] = self.command_capabilities;
        writeln!(formatter, "Partition:<{id}*{machine}, {}, {address}>", plain(&self.host))?;
        write!(
            formatter,
            "       Active:<{}>, OS:<{name}, {version}, {kernel}>, DCaps:<{dlpar_capabilities}>, \
             CmdCaps:<{first}, {second}>, PinnedMem:<{pinned_memory_mib}>",
            u8::from(self.active),
        )
    }
}

/// A partition's own words, without what would end a field or a line.
fn plain(words: &str) -> String {
    words.chars().map(|c| if c.is_control() || "<>,".contains(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::agent::Agents;
    use crate::console::message::News;

    fn entry() -> Entry {
        Entry {
            id: 3,
            machine: "8286-41A*2166666".into(),
            host: "lpar1".into(),
            address: Some("fe80::4c:50ff:fe01:3".parse().unwrap()),
            active: true,
            system: Some(OperatingSystem {
                name: "Linux/Debian".into(),
                version: "13".into(),
                kernel: "6.12.107+deb13-powerpc64le".into(),
            }),
            dlpar_capabilities: Capabilities(0x2c7f),
            command_capabilities: [Capabilities(0x19); 2],
            pinned_memory_mib: 0,
        }
    }

    /// The form of the article's two lines: seeds, "Live Partition Mobility with Debian".
    #[test]
    fn the_lines_are_those_of_the_article() {
        let article = Entry {
            id: 45,
            machine: "8231-E2D*06AB35T".into(),
            host: "ststnagios02.lan.ssbag".into(),
            address: Some("10.8.251.102".parse().unwrap()),
            system: Some(OperatingSystem {
                name: "Linux/Debian".into(),
                version: "3.2.0-0.bpo.4.ssb.1-powerUnknown".into(),
                kernel: "Unknown".into(),
            }),
            ..entry()
        };
        assert_eq!(
            lines(&[article]),
            "<#0> Partition:<45*8231-E2D*06AB35T, ststnagios02.lan.ssbag, 10.8.251.102>\n       Active:<1>, \
             OS:<Linux/Debian, 3.2.0-0.bpo.4.ssb.1-powerUnknown, Unknown>, DCaps:<0x2c7f>, CmdCaps:<0x19, 0x19>, \
             PinnedMem:<0>\n"
        );
    }

    #[test]
    fn who_has_no_session_can_do_nothing() {
        let silent = Entry {
            active: false,
            system: None,
            dlpar_capabilities: Capabilities(0),
            command_capabilities: [Capabilities(0); 2],
            pinned_memory_mib: 768,
            ..entry()
        };
        let unheard_of = Entry { host: String::new(), address: None, ..silent.clone() };
        assert_eq!(
            lines(&[silent, unheard_of]),
            "<#0> Partition:<3*8286-41A*2166666, lpar1, fe80::4c:50ff:fe01:3>\n       \
             Active:<0>, OS:<, , >, DCaps:<0x0>, CmdCaps:<0x0, 0x0>, PinnedMem:<768>\n\
             <#1> Partition:<3*8286-41A*2166666, , >\n       \
             Active:<0>, OS:<, , >, DCaps:<0x0>, CmdCaps:<0x0, 0x0>, PinnedMem:<768>\n"
        );
    }

    fn told() -> Box<Inventory> {
        let told = serde_json::json!({
            "identity": { "id": 3, "name": null, "uuid": null, "machine": { "type_model": "8286-41A", "serial": "2166666" } },
            "phase": "ready", "host_name": "lpar1",
            "system": { "name": "Linux/Debian", "version": "13", "kernel": "6.12" },
            "processors": { "virtual_processors": 2, "threads_online": 2, "entitled_hundredths": null, "weight": null },
            "memory": { "total_mib": 1024, "block_mib": 256, "removable_blocks": 0 },
            "slots": [], "dlpar_capabilities": "0x2c7f", "command_capabilities": ["0x19", "0x19"],
            "pinned_memory_mib": 0, "uptime_ms": 1000, "last_migration": null, "health": { "state": "ok", "findings": [] },
        });
        Box::new(serde_json::from_value(told).unwrap())
    }

    #[test]
    fn a_partition_is_active_when_it_told_in_this_session_what_it_is() {
        let agents = Agents::default();
        let shown = |news: News| {
            agents.take("frame1", "lpar1", news);
            let entry = Entry::new(3, "8286-41A*2166666".into(), &agents.view("frame1", "lpar1"));
            (entry.active, entry.system.is_some(), entry.dlpar_capabilities.0, entry.host)
        };
        let opened = || News::Opened { address: "fe80::3".parse().unwrap(), agent: "lpard 0.1".into() };
        let closed = || News::Closed { cause: "silence".into() };
        let host = String::from("lpar1");
        assert_eq!(shown(opened()), (false, false, 0, String::new()));
        assert_eq!(shown(News::Inventory(told())), (true, true, 0x2c7f, host.clone()));
        assert_eq!(shown(News::Heard), (true, true, 0x2c7f, host.clone()));
        assert_eq!(shown(closed()), (false, false, 0, host.clone()));
        assert_eq!(shown(opened()), (false, false, 0, host.clone()), "of the session before");
        assert_eq!(shown(News::Inventory(told())), (true, true, 0x2c7f, host.clone()));
        assert_eq!(shown(opened()), (false, false, 0, host), "of the session that was replaced");
    }

    proptest! {
        #[test]
        fn whatever_a_partition_is_called_its_lines_have_the_same_fields(
            host: String, name: String, version: String, kernel: String,
        ) {
            let told = Entry { host, system: Some(OperatingSystem { name, version, kernel }), ..entry() };
            let text = lines(&[told]);
            let [first, second] = text.lines().collect::<Vec<_>>()[..] else {
                return Err(TestCaseError::fail(text));
            };
            let fields = |line: &str| line.matches(['<', '>']).count();
            prop_assert_eq!((fields(first), first.matches(',').count()), (4, 2), "{}", first);
            prop_assert_eq!((fields(second), second.matches(',').count()), (10, 7), "{}", second);
        }
    }
}
