//! The control socket of the real agent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod agent;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};

use nix::libc;
use serde_json::{Value, json};
use wire::key::PublicKey;

use agent::control::Client;
use agent::machine::{Machine, until};

fn key(byte: u8) -> String {
    PublicKey::from_bytes([byte; 32]).to_string()
}

#[test]
fn the_service_describes_itself_and_what_it_knows() {
    let machine = Machine::new();
    let agent = machine.start();
    let mut client = Client::connect(machine.root());
    let info = client.ask("org.varlink.service.GetInfo", &json!({}));
    assert_eq!(info["interfaces"], json!(["org.varlink.service", "org.lparkit.lpard"]));
    let described =
        client.ask("org.varlink.service.GetInterfaceDescription", &json!({ "interface": "org.lparkit.lpard" }));
    assert!(described["description"].as_str().unwrap().contains("method Status()"));
    let status = client.ask("Status", &json!({}));
    assert_eq!((&status["mode"], &status["session"]), (&json!("observer"), &Value::Null));
    assert!(status["reason"].as_str().unwrap().contains("lpar trust add"), "{status}");
    let identity = client.ask("Identity", &json!({}));
    assert_eq!(identity["inventory"]["identity"]["machine"]["serial"], json!("2166666"));
    assert!(client.ask("DCaps", &json!({}))["dcaps"].as_str().unwrap().starts_with("0x"));
    assert_eq!(client.ask("Events", &json!({})), json!({ "events": [] }));
    assert_eq!(client.refused("Nonsense", &json!({})), "org.varlink.service.MethodNotFound");
    assert_eq!(client.refused("Status", &json!({ "x": 1 })), "org.varlink.service.InvalidParameter");
    agent.stop();
}

#[test]
fn trust_is_added_listed_and_removed() {
    let machine = Machine::new();
    let agent = machine.start();
    let mut client = Client::connect(machine.root());
    let added = client.ask("TrustAdd", &json!({ "name": "hmc", "key": key(1), "addresses": ["fe80::1"] }));
    assert_eq!(added, json!({ "added": true }));
    assert_eq!(client.ask("Status", &json!({}))["mode"], json!("native"), "there is a console now");
    let list = client.ask("TrustList", &json!({}));
    assert_eq!((&list["consoles"][0]["name"], &list["consoles"][0]["port"]), (&json!("hmc"), &json!(657)));
    assert!(list["own_key"].as_str().unwrap().starts_with("ed25519:"));
    assert_eq!(client.refused("TrustRemove", &json!({ "console": "other" })), "org.lparkit.lpard.Failed");
    let removed = client.ask("TrustRemove", &json!({ "console": "hmc" }));
    assert_eq!(removed["removed"]["key"], json!(key(1)));
    assert_eq!(client.ask("Status", &json!({}))["mode"], json!("observer"));
    agent.stop();
}

#[test]
fn a_check_runs_the_hooks_and_takes_it_back() {
    let machine = Machine::new();
    machine.hook("etc/lparkit/hooks.d/check/check-hook", 0, "a remark");
    machine.hook("etc/lparkit/hooks.d/undo/undo-hook", 0, "");
    let agent = machine.start();
    let mut client = Client::connect(machine.root());
    let hooks = client.ask("Hooks", &json!({}));
    assert_eq!(hooks["hooks"][0]["path"], json!("/etc/lparkit/hooks.d/check/check-hook"));
    let readiness = client.ask("MigrateCheck", &json!({}));
    assert_eq!(readiness["ready"], json!(true), "{readiness}");
    let findings = readiness["findings"].as_array().unwrap();
    let said = findings.iter().find(|finding| finding["from"] == json!("check-hook")).unwrap();
    assert_eq!(said["text"], json!("hook check-hook succeeded: a remark"));
    until("it is taken back", || machine.asked() == ["check-hook", "undo-hook"]);
    until("it is over", || client.ask("Status", &json!({}))["phase"] == json!("ready"));
    agent.stop();
}

#[test]
fn a_migration_by_others_is_noticed_and_followed_up() {
    let machine = Machine::new();
    machine.hook("etc/lparkit/hooks.d/post/post-hook", 0, "");
    let agent = machine.start();
    let mut client = Client::connect(machine.root());
    client.ask("Status", &json!({}));
    machine.system("9009-22A", "7800001");
    machine.kernel_says("mobility: calling ibm,suspend-me on CPU 0");
    machine.kernel_says("mobility: CPU 0 waking all threads");
    machine.kernel_says("mobility: memory transfer completed.");
    until("the hook ran", || machine.asked() == ["post-hook"]);
    let migration = client.ask("Status", &json!({}))["last_migration"].clone();
    assert_eq!((&migration["from"]["serial"], &migration["to"]["serial"]), (&json!("2166666"), &json!("7800001")));
    let log = agent.stop();
    assert!(log.contains("has moved from 8286-41A*2166666 to 9009-22A*7800001"), "{log}");
}

/// As long as the kernel's file is a pipe, what one has read nobody else reads.
#[test]
fn events_are_told_whoever_reads_them_from_the_kernel() {
    const NO_ERROR: [u8; 8] = [0x06, 0, 0, 0xe0, 0, 0, 0, 0];
    const LOG: &str = "var/log/platform";
    let machine = Machine::new();
    machine.fifo("proc/powerpc/rtas/error_log");
    let mut kernel =
        OpenOptions::new().read(true).write(true).open(machine.path("proc/powerpc/rtas/error_log")).unwrap();
    let mut reports = |number: u32| kernel.write_all(&[&number.to_ne_bytes()[..], &NO_ERROR].concat()).unwrap();
    let written = |number: u32| {
        format!("RTAS: {number} - RTAS event begin -\nRTAS 0: 060000e0 00000000\nRTAS: {number} - RTAS event end -\n")
    };
    machine.file(LOG, written(1));
    let mut errd = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    machine.file(&format!("proc/{}/comm", errd.id()), "rtas_errd\n");
    let agent = machine.start();
    let mut client = Client::connect(machine.root());
    let mut source = || client.ask("Status", &json!({}))["events_from"].as_str().unwrap().to_owned();
    assert_eq!(source(), "the log of rtas_errd");
    let mut follower = Client::connect(machine.root());
    follower.call_with("Events", &json!({}), &json!({ "more": true }));
    let mut next = || follower.answer().unwrap()["parameters"]["events"].clone();
    assert_eq!(next(), json!([]), "what was there before is history");
    reports(3);
    machine.file(LOG, written(1) + &written(2));
    assert_eq!(next()[0]["number"], json!(2));
    errd.kill().unwrap();
    assert_eq!(next()[0]["number"], json!(3), "what waited in the kernel is taken when nobody else would");
    assert_eq!(source(), "the kernel");
    reports(4);
    assert_eq!(next()[0]["number"], json!(4));
    errd.wait().unwrap();
    agent.stop();
}

/// One hook takes its time, 64 events wait behind it: so many and not more.
#[test]
fn hooks_of_too_many_events_are_not_run_and_the_log_says_so() {
    const ACCEPTED: u32 = 1 + 64;
    const ALL: u32 = ACCEPTED + 6;
    /// The agent takes no more at once, and so no two at once.
    const RECORD_BYTES: usize = 4096;
    let machine = Machine::new();
    machine.fifo("proc/powerpc/rtas/error_log");
    machine.hook("etc/lparkit/hooks.d/event/slow", 0, "");
    machine.fifo("commands/slow.status");
    let mut kernel =
        OpenOptions::new().read(true).write(true).open(machine.path("proc/powerpc/rtas/error_log")).unwrap();
    let mut reports = |number: u32| {
        let mut record = [&number.to_ne_bytes()[..], &[0x06, 0, 0, 0xe0, 0, 0, 0, 0]].concat();
        record.resize(RECORD_BYTES, 0);
        kernel.write_all(&record).unwrap();
    };
    let agent = machine.start();
    let mut follower = Client::connect(machine.root());
    follower.call_with("Events", &json!({}), &json!({ "more": true }));
    assert_eq!(follower.answer().unwrap()["parameters"]["events"], json!([]));
    reports(1);
    let mut hook = None;
    until("the first hook runs", || {
        let end =
            OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(machine.path("commands/slow.status"));
        hook = end.ok();
        hook.is_some()
    });
    (2..=ALL).for_each(&mut reports);
    for number in 1..=ALL {
        let event = follower.answer().unwrap()["parameters"]["events"][0].clone();
        assert_eq!(event["number"], json!(number), "everybody else is told of each");
    }
    std::fs::remove_file(machine.path("commands/slow.status")).unwrap();
    machine.hook("etc/lparkit/hooks.d/event/slow", 0, "");
    drop(hook);
    until("the hooks of those that waited run", || machine.asked().len() == ACCEPTED as usize);
    let log = agent.stop();
    let said = "warning: the hooks of this event are not run: too many events wait for theirs";
    assert_eq!(log.matches(said).count(), 6, "{log}");
    assert_eq!(machine.asked().len(), ACCEPTED as usize);
}

#[test]
fn who_does_not_speak_varlink_is_let_go_and_nobody_else_notices() {
    let machine = Machine::new();
    let agent = machine.start();
    let mut good = Client::connect(machine.root());
    let endless = vec![b'x'; 70 << 10];
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n\0"[..], &endless, b"{}\0", b"[]\0"] {
        let mut bad = Client::connect(machine.root());
        bad.send(garbage);
        assert_eq!(bad.answer(), None);
    }
    let mut idle: Vec<Client> = (0..40).map(|_| Client::connect(machine.root())).collect();
    assert_eq!(good.ask("Status", &json!({}))["phase"], json!("ready"));
    idle.clear();
    until("there is room again", || Client::connect(machine.root()).finds_room());
    // Several calls at once are answered in their order, and one that wants no answer gets none.
    good.call_with("Status", &json!({}), &json!({ "oneway": true }));
    good.call("org.varlink.service.GetInfo", &json!({}));
    assert_eq!(good.answer().unwrap()["parameters"]["product"], json!("lpard"));
    agent.stop();
}

#[test]
fn a_second_agent_takes_the_place_of_one_that_was_killed() {
    let machine = Machine::new();
    let agent = machine.start();
    Client::connect(machine.root()).ask("Status", &json!({}));
    agent.signal(nix::sys::signal::Signal::SIGKILL);
    let _ = agent.ended();
    let agent = machine.start();
    Client::connect(machine.root()).ask("Status", &json!({}));
    agent.stop();
}

#[test]
fn a_configuration_that_cannot_be_used_is_named() {
    let machine = Machine::new();
    machine.configure("[hooks]\ndeadlin_s = 3\n");
    let (status, log) = machine.start().ended();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("/etc/lparkit/lpard.toml") && log.contains("deadlin_s"), "{log}");
}
