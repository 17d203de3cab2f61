//! Every verb that asks the agent, with an agent that answers as it is told: what is said, and what was asked.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use nix::pty::openpty;
use program::{Machine, differs};
use serde_json::{Value, json};

/// An agent that takes one connection and keeps what it is asked; its answers do not depend on it.
struct Agent {
    machine: Machine,
    asked: JoinHandle<Option<Value>>,
}

/// Listens where an agent does.
fn listen(machine: &Machine) -> UnixListener {
    fs::create_dir_all(machine.root().join("run/lpard")).unwrap();
    UnixListener::bind(machine.root().join("run/lpard/control")).unwrap()
}

/// Takes one connection: hears one question, sends these bytes, and hangs up. Gives the question.
fn converse(listener: &UnixListener, bytes: &[u8]) -> Option<Value> {
    let (mut socket, _) = listener.accept().unwrap();
    let mut question = Vec::new();
    BufReader::new(socket.try_clone().unwrap()).read_until(0, &mut question).unwrap();
    // Who has heard enough hangs up.
    let _ = socket.write_all(bytes);
    question.pop();
    serde_json::from_slice(&question).ok()
}

impl Agent {
    fn answering(answers: &[Value]) -> Self {
        let bytes: Vec<u8> = answers.iter().flat_map(|answer| format!("{answer}\0").into_bytes()).collect();
        Self::sending(bytes)
    }

    fn sending(bytes: Vec<u8>) -> Self {
        let machine = Machine::bare();
        let listener = listen(&machine);
        let asked = thread::spawn(move || converse(&listener, &bytes));
        Self { machine, asked }
    }

    /// Runs `lpar`; gives what it says and what it asked.
    fn hears(self, line: &str) -> (String, Value) {
        let said = self.machine.lpar(line).whole();
        (said, self.asked.join().unwrap().unwrap_or_default())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "its callers make it on the spot")]
fn answer(parameters: Value) -> Value {
    json!({ "parameters": parameters })
}

#[expect(clippy::needless_pass_by_value, reason = "its callers make it on the spot")]
fn continued(parameters: Value) -> Value {
    json!({ "parameters": parameters, "continues": true })
}

/// What is said is in `tests/expected/lpar/agent/NAME.txt`.
fn says(name: &str, line: &str, answers: &[Value]) -> Value {
    let (said, asked) = Agent::answering(answers).hears(line);
    assert!(!differs(&format!("agent/{name}.txt"), &said), "{name}");
    asked
}

const KEY: &str = "ed25519:GbKIVKk6y1BxhULOTQ9SpJ8UHwg9SBmnBFpdi1lJkKI=";

#[test]
fn trust_is_shown_and_changed() {
    let console = json!({
        "name": "hmc1", "key": KEY, "fingerprint": "SHA256:abc", "addresses": ["fe80::1"], "port": 657,
        "because": "an administrator added it", "unknown_to_this_lpar": 1,
    });
    let list =
        |consoles: Value| [answer(json!({ "own_key": KEY, "own_fingerprint": "SHA256:own", "consoles": consoles }))];
    let discovered =
        json!({ "name": "lab", "key": KEY, "fingerprint": "SHA256:lab", "addresses": [], "port": 657, "because": "" });
    let asked = says("trust-list", "trust list", &list(json!([console, discovered])));
    assert_eq!(asked, json!({ "method": "org.lparkit.lpard.TrustList", "parameters": {} }));
    says("trust-list-json", "trust list --json", &list(json!([console])));
    says("trust-list-empty", "trust list", &list(json!([])));
    let line = format!("trust add {KEY} --name hmc1 --address fe80::1");
    let asked = says("trust-add", &line, &[answer(json!({ "added": true }))]);
    let parameters = json!({ "key": KEY, "name": "hmc1", "addresses": ["fe80::1"], "port": 657 });
    assert_eq!(asked, json!({ "method": "org.lparkit.lpard.TrustAdd", "parameters": parameters }));
    says("trust-add-again", &line, &[answer(json!({ "added": false }))]);
    let asked = says("trust-remove", "trust remove hmc1", &[answer(json!({ "removed": console }))]);
    assert_eq!(asked["parameters"], json!({ "console": "hmc1" }));
}

#[test]
fn hooks_are_shown_in_their_order() {
    let hooks = json!([
        { "point": "check", "name": "10-database", "path": "/etc/lparkit/hooks.d/check/10-database" },
        { "point": "after-suspend", "name": "drmgr/20-licence", "path": "/etc/drmgr.d/pmig/20-licence" },
    ]);
    assert_eq!(says("hooks", "hooks", &[answer(json!({ "hooks": hooks }))])["method"], "org.lparkit.lpard.Hooks");
    says("hooks-none", "hooks", &[answer(json!({ "hooks": [] }))]);
}

#[test]
fn a_veto_keeps_its_lines() {
    let findings = json!([
        { "from": "10-database", "vetoes": true, "text": "the backup is running\n(until 04:00)\u{1b}[31m" },
        { "from": "agent", "vetoes": false, "text": "2 parts of the machine could not be read" },
    ]);
    let asked = says(
        "migrate-check-veto",
        "migrate-check --deadline 5",
        &[answer(json!({ "ready": false, "findings": findings }))],
    );
    assert_eq!(asked["parameters"], json!({ "deadline_ms": 5000 }));
    says("migrate-check-ready", "migrate-check", &[answer(json!({ "ready": true, "findings": [] }))]);
}

#[test]
fn a_change_is_asked_for_and_its_outcome_shown() {
    let outcome =
        json!({ "verdict": "complete", "asked": 2, "done": 2, "items": ["CPU 2", "CPU 3"], "shortfall": null });
    let answers = [
        continued(json!({ "progress": { "done": 1, "of": 2, "text": "add CPU 2: done" } })),
        answer(json!({ "outcome": outcome })),
    ];
    let asked = says("dlpar-complete", "dlpar cpu add 2", &answers);
    let change = json!({ "cpu": { "action": "add", "target": { "count": 2 } } });
    let resize = json!({ "change": change, "deadline_ms": 300_000, "allow_partial": false, "dry_run": false });
    let parameters = json!({ "resize": resize });
    assert_eq!(asked, json!({ "method": "org.lparkit.lpard.Dlpar", "parameters": parameters, "more": true }));
    let shortfall = json!({ "cause": "in_use", "text": "the memory block holds pages that cannot be moved", "errno": 16,
                            "firmware": null, "index": "0x80000004" });
    for (name, verdict, done) in
        [("dlpar-partial", "partial", 1), ("dlpar-unchanged", "unchanged", 0), ("dlpar-stuck", "stuck", 1)]
    {
        let outcome = json!({ "verdict": verdict, "asked": 2, "done": done, "items": [], "shortfall": shortfall });
        says(name, "dlpar mem remove 2", &[answer(json!({ "outcome": outcome }))]);
    }
    let found = json!({ "verdict": "complete", "asked": 1, "done": 0, "items": ["PHB 0"], "shortfall": null });
    says("dlpar-query", "dlpar phb query 0x20000000", &[answer(json!({ "outcome": found }))]);
    says("dlpar-cut-off", "dlpar cpu add", &answers[..1]);
}

#[test]
fn events_are_shown_and_followed() {
    let event = |number: u64, sentence: &str, severity: &str| json!({ "number": number, "sentence": sentence, "event": { "header": { "severity": severity } } });
    let (lost, back) = (event(1, "Power is lost.", "error"), event(2, "Power is back.", "event"));
    let answers = [continued(json!({ "events": [lost] })), answer(json!({ "events": [back] }))];
    let asked = says("events-follow", "events --follow", &answers);
    assert_eq!(asked, json!({ "method": "org.lparkit.lpard.Events", "parameters": {}, "more": true }));
    let kept = [answer(json!({ "events": [lost, back] }))];
    assert_eq!(says("events", "events", &kept)["more"], Value::Null);
    says("events-json", "events --json", &kept);
    says("events-none", "events", &[answer(json!({ "events": [] }))]);
}

fn status(session: &Value) -> Value {
    answer(json!({
        "version": "0.1.0", "mode": "native", "reason": "there is a console to call, and no RSCT", "phase": "ready",
        "session": session, "network": { "unprivileged": true, "no_new_privileges": true, "landlock": "full" },
        "last_migration": {
            "migration": null, "suspended_ms": 1067,
            "from": { "type_model": "8286-41A", "serial": "2166666" }, "to": { "type_model": "8286-41A", "serial": "2166667" },
        },
        "events_from": "the kernel",
    }))
}

#[test]
fn the_status_has_the_agents_own_words() {
    says("status", "status", &[status(&json!({ "console": "hmc1", "key": KEY, "address": "[fe80::1%env4]:657" }))]);
    says("status-without-session", "status", &[status(&Value::Null)]);
}

/// A guest of the lab with an agent in it, as it should be.
#[test]
fn a_partition_in_order_has_nothing_to_mend() {
    let machine = Machine::recorded("qemu-debian-sid")
        .with("usr/sbin/lpard", "")
        .with("proc/77/comm", "lpard\n")
        .with("run/systemd/timesync/synchronized", "");
    let listener = listen(&machine);
    let console =
        json!({ "name": "lab", "key": KEY, "fingerprint": "SHA256:lab", "addresses": ["fe80::1"], "port": 657 });
    let trust = answer(json!({ "own_key": KEY, "own_fingerprint": "SHA256:own", "consoles": [console] }));
    let session = json!({ "console": "lab", "key": KEY, "address": "[fe80::1%eth0]:657" });
    let agent = thread::spawn(move || {
        [status(&session), trust]
            .map(|reply| converse(&listener, format!("{reply}\0").as_bytes()).unwrap()["method"].clone())
    });
    let said = machine.lpar("doctor");
    assert!(!differs("doctor/in-order.txt", &said.whole()));
    assert_eq!(said.status, 0);
    assert_eq!(agent.join().unwrap(), ["org.lparkit.lpard.Status", "org.lparkit.lpard.TrustList"]);
}

#[test]
fn what_can_go_wrong_with_an_agent_is_said() {
    let refused = |error: &str, parameters: Value| json!({ "error": error, "parameters": parameters });
    let cases = [
        ("not-permitted", refused("org.lparkit.lpard.NotPermitted", json!({ "group": "lpar" }))),
        ("old-agent", refused("org.varlink.service.MethodNotFound", json!({ "method": "org.lparkit.lpard.Hooks" }))),
        (
            "busy",
            refused("org.lparkit.lpard.Refused", json!({ "reason": "busy", "text": "the partition is resuming" })),
        ),
        ("failed", refused("org.lparkit.lpard.Failed", json!({ "text": "64 consoles are trusted already" }))),
        ("other-answer", answer(json!({ "hooks": "none" }))),
    ];
    for (name, reply) in cases {
        says(name, "hooks", &[reply]);
    }
    says("closed", "hooks", &[]);
    let (said, _) = Agent::sending(b"220 mail.example.com ESMTP\0".to_vec()).hears("hooks");
    assert!(!differs("agent/garbled.txt", &said));
}

#[test]
fn without_an_agent_the_exit_status_is_three() {
    for line in ["trust remove hmc1", "events --follow"] {
        let said = Machine::bare().lpar(line);
        assert_eq!((said.status, said.out.as_str()), (3, ""), "{line}");
        assert!(!differs("agent/none.txt", &said.whole()), "{line}");
    }
}

/// What is only read is in files, and a recorded machine has these too.
#[test]
fn hooks_and_trusted_consoles_are_read_where_no_agent_listens() {
    let machine = Machine::bare()
        .with("etc/lparkit/hooks.d/check/10-database", "#!/bin/sh\n")
        .with("etc/drmgr.d/pmig/20-licence", "#!/bin/sh\n")
        .with("etc/lparkit/lpard.toml", "[hooks]\ndrmgr = false\n");
    for hook in ["etc/lparkit/hooks.d/check/10-database", "etc/drmgr.d/pmig/20-licence"] {
        fs::set_permissions(machine.root().join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let said = machine.lpar("hooks");
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert!(said.out.contains("/10-database") && !said.out.contains("20-licence"), "{}", said.out);
    let said = machine.lpar("trust list");
    assert_eq!(said.status, 0);
    assert!(said.out.contains("none: lpard makes one") && said.out.contains("no console is trusted"), "{}", said.out);
    let console = format!("name = 'hmc1'\nkey = '{KEY}'\nport = 657\nbecause = 'a test says so'\n");
    let machine = machine.with("var/lib/lparkit/trust/hmc.toml", &console);
    let list: Value = serde_json::from_str(&machine.lpar("trust list --json").out).unwrap();
    assert_eq!((&list["own_key"], &list["consoles"][0]["name"]), (&Value::Null, &json!("hmc1")));
    assert!(!machine.root().join("var/lib/lparkit/key").exists(), "reading makes no key");
}

#[test]
fn of_a_recorded_machine_it_is_said_what_speaks_against_a_migration_and_no_hook_runs() {
    let machine = Machine::recorded("qemu-debian-13").with("etc/lparkit/hooks.d/check/10-database", "#!/bin/sh\n");
    let hook = machine.root().join("etc/lparkit/hooks.d/check/10-database");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    let report: Value = serde_json::from_str(&machine.lpar("migrate-check --json").out).unwrap();
    let hooks = json!({ "from": "hooks", "vetoes": false, "text": "not asked: 10-database" });
    assert_eq!(report["findings"].as_array().unwrap().last(), Some(&hooks));
    assert!(!machine.root().join("commands/asked").exists(), "no program is asked for");
}

/// A socket that nobody listens on is what an agent that was killed leaves.
#[test]
fn a_left_over_socket_is_no_agent() {
    let machine = Machine::bare();
    drop(listen(&machine));
    assert_eq!(machine.lpar("events --follow").status, 3);
}

/// What is asked is in the agent's own description of its interface.
#[test]
fn every_question_is_one_that_the_agent_has() {
    let description = include_str!("../../lpard/src/control/org.lparkit.lpard.varlink");
    for method in ["Status", "Events", "Dlpar", "TrustAdd", "TrustList", "TrustRemove", "Hooks", "MigrateCheck"] {
        assert!(description.contains(&format!("\nmethod {method}(")), "{method}");
    }
}

/// Replaces an adapter with somebody at a terminal who answers so, or with nobody. Gives what is said and what was asked.
fn replaced(answer_typed: Option<&str>) -> (Output, Vec<Value>) {
    let machine = Machine::bare();
    let listener = listen(&machine);
    listener.set_nonblocking(false).unwrap();
    let done =
        json!({ "outcome": { "verdict": "complete", "asked": 1, "done": 1, "items": ["C8"], "shortfall": null } });
    let bytes = format!("{}\0", answer(done));
    let asked = thread::spawn(move || {
        let mut asked = Vec::new();
        // Until the test connects without a word.
        while let Some(question) = converse(&listener, bytes.as_bytes()) {
            asked.push(question["parameters"]["resize"]["change"]["slot"]["action"].clone());
        }
        asked
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_lpar"));
    command.arg("--sysroot").arg(machine.root()).args(["dlpar", "slot", "replace", "C8"]);
    let terminal = openpty(None, None).unwrap();
    let command = match answer_typed {
        Some(typed) => {
            fs::File::from(terminal.master.try_clone().unwrap()).write_all(typed.as_bytes()).unwrap();
            command.stdin(terminal.slave)
        }
        None => command.stdin(Stdio::null()),
    };
    let output = command.output().unwrap();
    drop(UnixStream::connect(machine.root().join("run/lpard/control")));
    (output, asked.join().unwrap())
}

#[test]
fn an_adapter_is_replaced_when_somebody_says_that_the_new_one_is_there() {
    let (output, asked) = replaced(Some("\n"));
    assert_eq!((output.status.code(), asked), (Some(0), vec![json!("remove"), json!("add")]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("put the new adapter into C8"), "{output:?}");
    let (output, asked) = replaced(Some("x\n"));
    assert_eq!((output.status.code(), asked), (Some(1), vec![json!("remove")]));
    assert!(String::from_utf8_lossy(&output.stdout).contains("the slot is empty"), "{output:?}");
    let (output, asked) = replaced(None);
    assert_eq!((output.status.code(), asked), (Some(2), vec![]), "nothing is begun that nobody could end");
}
