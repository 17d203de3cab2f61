//! Every verb that reads the machine itself, on every recorded machine.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use program::{Machine, differs, machines};

/// The name of what is expected, and the line.
const LINES: [(&str, &str); 18] = [
    ("dcaps", "dcaps"),
    ("dcaps-explain", "dcaps --explain"),
    ("dcaps-json", "dcaps --json"),
    ("dlpar/cpu-remove", "dlpar cpu remove 1 --dry-run"),
    ("dlpar/mem-add", "dlpar mem add 1 --dry-run --json"),
    ("doctor", "doctor"),
    ("events-recorded", "events"),
    ("events-recorded-json", "events --json"),
    ("hooks", "hooks"),
    ("identity", "identity"),
    ("identity-json", "identity --json"),
    ("migrate-check", "migrate-check"),
    ("migrate-check-json", "migrate-check --json"),
    ("slots", "slots"),
    ("slots-json", "slots --json"),
    ("status", "status"),
    ("status-json", "status --json"),
    ("trust", "trust list"),
];

#[test]
fn every_verb_says_of_every_machine_what_is_expected() {
    let mut different = Vec::new();
    for name in machines() {
        let machine = Machine::recorded(&name);
        for (verb, line) in LINES {
            let path = format!("{verb}/{name}.txt");
            if differs(&path, &machine.lpar(line).whole()) {
                different.push(path);
            }
        }
    }
    assert!(different.is_empty(), "{different:?}");
}

/// The two forms of a report are made from one value.
#[test]
fn doctor_says_the_same_in_json() {
    for name in machines() {
        let machine = Machine::recorded(&name);
        let (text, json) = (machine.lpar("doctor"), machine.lpar("doctor --json"));
        let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        let sections = report["sections"].as_array().unwrap();
        let findings: Vec<_> = sections.iter().flat_map(|section| section["findings"].as_array().unwrap()).collect();
        assert_eq!(text.status, json.status);
        assert_eq!(text.status == 1, findings.iter().any(|finding| finding["verdict"] == "fail"));
        for finding in findings {
            let first = finding["found"].as_str().unwrap().lines().next().unwrap();
            assert!(text.out.contains(first), "{name}: {finding}");
        }
    }
}

/// A check that finds something wrong says what to do about it.
#[test]
fn doctor_knows_a_remedy_for_everything_that_is_wrong() {
    for name in machines() {
        let report: serde_json::Value =
            serde_json::from_str(&Machine::recorded(&name).lpar("doctor --json").out).unwrap();
        for finding in report["sections"].as_array().unwrap().iter().flat_map(|s| s["findings"].as_array().unwrap()) {
            let is_wrong = finding["verdict"] == "fail" || finding["verdict"] == "warn";
            assert!(!is_wrong || finding["mend"].is_string(), "{name}: {finding}");
        }
    }
}

#[test]
fn slots_are_the_same_in_json() {
    for name in machines().into_iter().filter(|name| name.starts_with("qemu-")) {
        let json = Machine::recorded(&name).lpar("slots --json");
        let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(json.status, 0);
        assert!(report["processors"].is_array() && report["virtual_slots"].is_array(), "{name}");
    }
}

/// A console as `lsrsrc IBM.MCP` prints it.
fn remembered(name: &str, address: &str, own_address: &str) -> String {
    format!(
        "Resource Persistent Attributes for IBM.MCP\nresource 1:\n        MNName            = \"{own_address}\"\n        \
         HMCName           = \"{name}\"\n        HMCIPAddr         = \"{address}\"\n        ActivePeerDomain  = \"\"\n"
    )
}

/// The files of an RSCT that is connected, over a guest of the lab.
fn with_rsct(machine: Machine) -> Machine {
    let files = ["rmcd", "rmcctrl", "lsrsrc", "IBM.DRMd"].map(|name| format!("opt/rsct/bin/{name}"));
    let keys = ["ct_has.qkf", "ct_has.pkf", "ct_has.thl"].map(|name| format!("var/ct/cfg/{name}"));
    let machine = files.iter().chain(&keys).fold(machine, |machine, file| machine.with(file, ""));
    let processes = [("101", "rmcd"), ("102", "IBM.DRMd"), ("103", "IBM.MgmtDomainR")];
    let machine = processes
        .iter()
        .fold(machine, |machine, (pid, name)| machine.with(&format!("proc/{pid}/comm"), &format!("{name}\n")));
    let socket = |state: &str| format!("  sl  local_address\n   0: 00000000:0291 00000000:0000 {state} 0:0\n");
    machine
        .with("opt/rsct/cfg/rmdefs/IBM.DRM.mdef", "")
        .with("usr/sbin/drmgr", "")
        .with("etc/ct_node_id", "96586cb4b5fc641c\nmore\n")
        .with("proc/net/tcp", &socket("0A"))
        .with("proc/net/udp", &socket("07"))
        .with("commands/lsrsrc+IBM.MCP.stdout", &remembered("9042DR7*16BB22D", "9.57.24.139", "10.77.0.3"))
        .with("proc/net/fib_trie", "Main:\n  |-- 10.77.0.3\n     /32 host LOCAL\n")
        .with(
            "commands/rmcdomainstatus+-s+ctrmc.stdout",
            "Management Domain Status: Management Control Points\n  I A  0xef889c809d9617c7  0001  9.57.24.139\n",
        )
        .with("commands/ctsvhbac.stdout", "Identity: lpar1\n  Status: Trusted host\n")
        .with(
            "system-parameters/0",
            "HmcStat=1;HscName=9042DR7*16BB22D;HscHostName=hmc1;HscIPAddr=9.57.24.139;HscAddIPs=;\0",
        )
}

#[test]
fn doctor_looks_at_rsct_where_it_is_installed() {
    let machine = with_rsct(Machine::recorded("qemu-debian-sid"));
    assert!(!differs("doctor/rsct.txt", &machine.lpar("doctor").whole()));
    let machine = with_rsct(Machine::recorded("qemu-debian-sid"))
        .with("etc/ct_node_id", "0000000000000000\n")
        .with("proc/102/comm", "other\n")
        .with("proc/uptime", "500.00 100.00\n")
        .with("dev/kmsg", "6,9,480000000,-;mobility: memory transfer completed.\n")
        .with("commands/ctsvhbac.status", "1")
        .with("commands/ctsvhbac.stdout", "Identity: lpar1\n  Status: Attention - not in the list\n")
        .with("commands/lsrsrc+IBM.MCP.status", "1")
        .with("commands/lsrsrc+IBM.MCP.stderr", "2612-022 A session could not be established.\n")
        .with(
            "commands/rmcdomainstatus+-s+ctrmc.stdout",
            "Management Domain Status: Management Control Points\n  Z A  0xef889c809d9617c7  0001  9.57.24.139\n",
        );
    assert!(!differs("doctor/rsct-broken.txt", &machine.lpar("doctor").whole()));
}

/// Another HMC and another address since, on a node of a cluster.
#[test]
fn doctor_finds_what_rsct_remembers_of_earlier_days() {
    let domain = "Management Domain Status: Management Control Points\n  O A  0xef889c809d9617c7  0001  9.57.24.1\n\
                  Peer Domain Status\n  S S  0x96586cb4b5fc641c  0001  lpar1\n";
    let machine = with_rsct(Machine::recorded("qemu-debian-sid"))
        .with("commands/lsrsrc+IBM.MCP.stdout", &remembered("7042CR9*1234567", "9.57.24.1", "10.77.0.9"))
        .with("commands/rmcdomainstatus+-s+ctrmc.stdout", domain)
        .with("commands/ctsvhbac.status", "22")
        .with("etc/ct_node_id", "");
    assert!(!differs("doctor/rsct-of-earlier-days.txt", &machine.lpar("doctor").whole()));
}

/// Nobody is called on a recorded machine, but who would be is told. Strings of the hypervisor that are none name nobody.
#[test]
fn doctor_says_whom_the_agent_calls_and_which_way() {
    let route = |interface: &str, metric: u8| {
        format!("{interface}\t00004D0A\t00000000\t0001\t0\t0\t{metric}\t00FFFFFF\t0\t0\t0\n")
    };
    let machine = Machine::recorded("qemu-debian-13")
        .with("proc/net/route", &format!("Iface\n{}{}", route("eth1", 0), route("eth2", 9)))
        .with("system-parameters/0", "HscIPAddr=fe80::9,999.1.1.1,::;HscName=a=b;;=;HmcStat")
        .with("system-parameters/1", "\u{1b}[2J;HscIPAddr=;HscHostName=nobody")
        .with("system-parameters/2", "HscName=\u{1b}[2J;HscIPAddr=10.77.0.1")
        .with("usr/sbin/lpard", "")
        .with(
            "etc/lparkit/lpard.toml",
            "[console]\naddresses = [\"[fe80::1%eth0]\", \"192.0.2.1\"]\ntrust_on_first_use = true\n",
        );
    assert!(!differs("doctor/whom-to-call.txt", &machine.lpar("doctor").whole()));
}

/// Everything that can be wrong with the way to the console, and with what surrounds it.
#[test]
fn doctor_finds_what_is_wrong() {
    let machine = Machine::recorded("qemu-debian-12")
        .with("proc/net/if_inet6", "fe80000000000000004c50fffe010003 02 40 20 c8     eth0\n")
        .with("proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1\n")
        .with("sys/class/net/eth0/carrier", "0\n")
        .with("sys/class/net/eth0/mtu", "9000\n")
        .with("proc/88/comm", "NetworkManager\n")
        .with("etc/network/interfaces", "auto eth0\niface eth0 inet6 static\n    address fe80::4c:50ff:fe01:3/64\n")
        .with("proc/modules", "nf_tables 356352 0 - Live 0x0\n")
        .with("usr/sbin/nft", "")
        .with(
            "commands/nft+list+ruleset.stdout",
            "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n",
        )
        .with("etc/lparkit/lpard.toml", "[console]\nadress = []\n")
        .with("usr/sbin/lpard", "")
        .with("etc/lparkit/hooks.d/check/10-database", "#!/bin/sh\n")
        .with("var/lock/dr_config_lock", "88 drmgr -c mem -r -q 4\n")
        .with("dev/kmsg", "[ 5.0] mobility: Partition suspend attempt 5 of 5 error: -5\n")
        .with("proc/89/comm", "rtas_errd\n")
        .with("space/var", "1073741824 4096\n")
        .with("space/tmp", "1073741824 20971520\n");
    assert!(!differs("doctor/much-is-wrong.txt", &machine.lpar("doctor").whole()));
}
