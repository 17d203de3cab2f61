//! The real agent and a console: a session, a migration to another console, and what goes wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // a test may panic, and looks for itself

mod agent;

use std::io::Write as _;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use wire::hex::{MigrationId, StreamId};
use wire::message::dlpar::{Cause, Change, CpuTarget, Direction, Resize, Verdict};
use wire::message::inventory::Machine as System;
use wire::message::migration::{Check, ConsoleContact, NewIdentity, Prepare, Suspend};
use wire::message::{Answer, Event, Request};
use wire::phase::Phase;

use agent::console::TestConsole;
use agent::control::Client;
use agent::machine::{Machine, until};

/// A machine that believes a console and calls it.
fn machine_with(console: &TestConsole) -> Machine {
    let machine = Machine::new();
    let (path, text) = console.trust_file();
    machine.file(&path, text);
    machine.configure(&format!("[console]\naddresses = ['{}']\n", console.address()));
    machine
}

fn destination(console: &TestConsole) -> Prepare {
    Prepare {
        migration: MigrationId(7),
        destination: System { type_model: "9009-22A".into(), serial: "7800001".into() },
        console: ConsoleContact {
            name: "frame2".into(),
            key: console.key,
            addresses: vec!["::1".parse().unwrap()],
            port: console.port,
        },
        deadline_ms: 30_000,
    }
}

#[test]
fn the_agent_calls_its_console_and_tells_who_it_is() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    let agent = machine.start();
    let hello = console.welcomed();
    assert_eq!((hello.identity.id, hello.identity.name.as_deref()), (3, Some("lpar1")));
    assert_eq!(hello.identity.machine.to_string(), "8286-41A*2166666");
    let Answer::Inventory(inventory) = console.ask(Request::Inventory {}) else { panic!() };
    assert_eq!((inventory.host_name.as_str(), inventory.phase), ("lpar1", Phase::Ready));
    assert_eq!((inventory.system.name.as_str(), inventory.system.version.as_str()), ("Linux/Debian", "12"));

    let status = Client::connect(machine.root()).ask("Status", &json!({}));
    assert_eq!((&status["mode"], &status["phase"]), (&json!("native"), &json!("ready")));
    assert_eq!(status["session"]["address"], json!(console.address()));
    assert_eq!(status["network"]["no_new_privileges"], json!(true));
    let is_root = nix::unistd::geteuid().is_root();
    assert_eq!(status["network"]["unprivileged"], json!(true), "as root: {is_root}");
    agent.stop();
    console.disconnected();
}

#[test]
fn a_console_that_is_trusted_no_more_is_not_waited_for() {
    let (console, silent) = (TestConsole::start(1), std::net::TcpListener::bind("[::1]:0").unwrap());
    let machine = machine_with(&console);
    // Called before the other one: files are read in the order of their names, which keys give.
    let (path, text) = TestConsole::start(2).trust_file();
    let (before, _) = text.split_once("port").unwrap();
    let port = silent.local_addr().unwrap().port();
    machine.file(&path, format!("{before}port = {port}\naddresses = ['::1']\nbecause = 'a test'\n"));
    let (path, text) = console.trust_file();
    machine.file(&path, text.replace("because", "addresses = ['::1']\nbecause").replace("'test'", "'other'"));
    machine.configure("");
    let agent = machine.start();
    let _connection = silent.accept().unwrap();
    let begun = Instant::now();
    Client::connect(machine.root()).ask("TrustRemove", &json!({ "console": "test" }));
    console.welcomed();
    // It would have had ten seconds to answer.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    agent.stop();
}

#[test]
fn a_migration_goes_to_the_next_console_with_its_hooks() {
    let (first, second) = (TestConsole::start(1), TestConsole::start(2));
    let machine = machine_with(&first);
    for point in ["check", "prepare", "post"] {
        machine.hook(&format!("etc/lparkit/hooks.d/{point}/{point}-hook"), 0, "");
    }
    machine.hook("etc/drmgr.d/pmig/theirs", 0, "");
    let agent = machine.start();
    let run = first.welcomed().run;
    let check = first.ask(Request::MigrationCheck(Check { destination: None, deadline_ms: 30_000 }));
    let Answer::Readiness(readiness) = check else { panic!("{check:?}") };
    assert!(readiness.ready, "{readiness:?}");
    assert_eq!(first.ask(Request::MigrationPrepare(destination(&second))), Answer::Done {});
    first.order(Request::MigrationSuspend(Suspend { migration: MigrationId(7), stream: StreamId(0x0123_4567) }));

    assert_eq!(second.welcomed().run, run, "the same agent");
    let Event::Resumed(record) = second.event() else { panic!() };
    assert_eq!(record.migration, Some(MigrationId(7)));
    assert_eq!(machine.read("sys/kernel/mobility/migration"), "0x1234567\n");
    let new = System { type_model: "9009-22A".into(), serial: "7800001".into() };
    let identity = Request::Identity(NewIdentity { machine: new, id: 5 });
    second.order(identity);
    let mut settled = None;
    let mut answered = None;
    while settled.is_none() || answered.is_none() {
        match second.told() {
            agent::console::Told::Happened(Event::Settled { hooks }) => settled = Some(hooks),
            agent::console::Told::Ended(_, outcome) => answered = Some(outcome),
            _ => {}
        }
    }
    assert!(matches!(answered, Some(agent::console::Outcome::Answered(Answer::Done {}))), "{answered:?}");
    assert_eq!(settled.unwrap().iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>(), ["post-hook"]);
    // A plain file keeps the last of the requests.
    let last = machine.read("proc/ppc64/ofdt");
    assert!(last.starts_with("update_property ") && last.contains(" U9009.22A.7800001-V5-"), "{last}");
    assert_eq!(machine.asked(), ["check-hook", "theirs", "prepare-hook", "theirs", "theirs", "post-hook"]);
    agent.stop();
}

#[test]
fn a_veto_is_passed_on_in_its_own_words() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    machine.hook("etc/lparkit/hooks.d/check/10-cluster", 3, "the cluster is busy");
    machine.hook("etc/lparkit/hooks.d/undo/undo-hook", 0, "");
    let agent = machine.start();
    console.welcomed();
    let check = console.ask(Request::MigrationCheck(Check { destination: None, deadline_ms: 30_000 }));
    let Answer::Readiness(readiness) = check else { panic!("{check:?}") };
    assert!(!readiness.ready);
    let said: Vec<_> = readiness.findings.iter().filter(|finding| finding.vetoes).map(|f| f.text.as_str()).collect();
    assert_eq!(said, ["hook 10-cluster ended with status 3: the cluster is busy"]);
    assert_eq!(machine.asked(), ["10-cluster", "undo-hook"]);
    agent.stop();
}

#[test]
fn a_veto_of_a_change_is_passed_on_in_its_own_words_and_the_next_one_is_done() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    machine.hook("etc/lparkit/hooks.d/dlpar-pre/10-backup", 3, "the backup is running");
    machine.hook("etc/lparkit/hooks.d/dlpar-post/after", 0, "");
    let agent = machine.start();
    console.welcomed();
    let ask = || {
        let change = Change::Cpu { action: Direction::Add, target: CpuTarget::Count(NonZeroU32::MIN) };
        let resize = Resize { change, deadline_ms: 30_000, allow_partial: false, dry_run: false };
        let Answer::Resize(outcome) = console.ask(Request::Resize(resize)) else { panic!() };
        outcome
    };
    let untouched = machine.read("sys/kernel/dlpar");
    let vetoed = ask();
    let shortfall = vetoed.shortfall.unwrap();
    assert_eq!((vetoed.verdict, shortfall.cause), (Verdict::Unchanged, Cause::Hook));
    assert_eq!(shortfall.text, "hook 10-backup ended with status 3: the backup is running");
    assert_eq!((machine.read("sys/kernel/dlpar"), machine.asked()), (untouched, vec!["10-backup".to_owned()]));

    machine.hook("etc/lparkit/hooks.d/dlpar-pre/10-backup", 0, "");
    let outcome = ask();
    assert_eq!(outcome.verdict, Verdict::Complete, "{outcome:?}");
    assert!(machine.read("sys/kernel/dlpar").starts_with("cpu add index "));
    assert_eq!(machine.asked(), ["10-backup", "10-backup", "after"]);
    agent.stop();
}

#[test]
fn what_was_prepared_is_taken_back_by_the_next_agent_when_this_one_is_killed() {
    let (first, second) = (TestConsole::start(1), TestConsole::start(2));
    let machine = machine_with(&first);
    for point in ["prepare", "abort", "undo"] {
        machine.hook(&format!("etc/lparkit/hooks.d/{point}/{point}-hook"), 0, "");
    }
    let agent = machine.start();
    first.welcomed();
    assert_eq!(first.ask(Request::MigrationPrepare(destination(&second))), Answer::Done {});
    let parts = agent.children();
    assert_eq!(parts.len(), 1);
    agent.signal(Signal::SIGKILL);
    let _ = agent.ended();
    until("the network part ends with the root part", || {
        !std::path::Path::new(&format!("/proc/{}", parts[0])).exists()
    });

    let agent = machine.start();
    first.welcomed();
    until("the next agent takes it back", || machine.asked().contains(&"undo-hook".to_owned()));
    assert_eq!(machine.asked(), ["prepare-hook", "abort-hook", "undo-hook"]);
    let trusted = Client::connect(machine.root()).ask("TrustList", &json!({}));
    assert_eq!(trusted["consoles"].as_array().unwrap().len(), 1, "the destination's console is forgotten");
    agent.stop();
}

#[test]
fn a_network_part_that_dies_is_started_again() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    let mut agent = machine.start();
    console.welcomed();
    let [part] = agent.children()[..] else { panic!() };
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(part), Signal::SIGKILL).unwrap();
    console.welcomed();
    assert!(agent.is_running());
    assert_ne!(agent.children(), [part]);
    agent.stop();
}

#[test]
fn a_console_with_another_key_is_refused_and_the_real_one_is_found() {
    let (real, wrong) = (TestConsole::start(1), TestConsole::start(9));
    let machine = Machine::new();
    let (path, text) = real.trust_file();
    machine.file(&path, text);
    machine.configure(&format!("[console]\naddresses = ['{}', '{}']\n", wrong.address(), real.address()));
    let agent = machine.start();
    real.welcomed();
    let log = agent.stop();
    assert!(log.contains("is not a trusted key"), "{log}");
}

#[test]
fn what_is_no_console_is_left_and_the_real_one_is_found() {
    let real = TestConsole::start(1);
    let garbage = std::net::TcpListener::bind(("::1", 0)).unwrap();
    let port = garbage.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in garbage.incoming() {
            // Whatever comes of it: the agent hangs up.
            let _ = stream.unwrap().write_all(&[b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[0xff; 4096]].concat());
        }
    });
    let machine = Machine::new();
    let (path, text) = real.trust_file();
    machine.file(&path, text);
    // The first is nobody at all.
    machine.configure(&format!("[console]\naddresses = ['[::1]:1', '[::1]:{port}', '{}']\n", real.address()));
    let agent = machine.start();
    real.welcomed();
    agent.stop();
}

#[test]
fn a_console_that_falls_silent_is_left_and_called_again() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    let agent = machine.start();
    console.welcomed();
    console.go_deaf();
    let mut client = Client::connect(machine.root());
    until("the session is over", || client.ask("Status", &json!({}))["session"].is_null());
    console.hear_again();
    console.welcomed();
    agent.stop();
}

#[test]
fn the_first_console_is_believed_only_where_the_configuration_says_so() {
    let console = TestConsole::start(1);
    let machine = Machine::new();
    machine.configure(&format!("[console]\naddresses = ['{}']\ntrust_on_first_use = true\n", console.address()));
    let agent = machine.start();
    console.welcomed();
    let mut client = Client::connect(machine.root());
    until("it is trusted", || !client.ask("TrustList", &json!({}))["consoles"].as_array().unwrap().is_empty());
    let trusted = client.ask("TrustList", &json!({}));
    assert_eq!(trusted["consoles"][0]["key"], json!(console.key.to_string()));
    agent.stop();
}

#[test]
fn a_console_that_is_removed_loses_its_session() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    machine.configure(&format!("mode = 'native'\n[console]\naddresses = ['{}']\n", console.address()));
    let agent = machine.start();
    console.welcomed();
    Client::connect(machine.root()).ask("TrustRemove", &json!({ "console": "test" }));
    console.disconnected();
    agent.stop();
}

#[test]
fn what_no_console_has_heard_of_a_migration_is_told_by_the_next_agent() {
    let (first, second) = (TestConsole::start(1), TestConsole::start(2));
    let machine = machine_with(&first);
    machine.hook("etc/lparkit/hooks.d/post/post-hook", 0, "");
    let agent = machine.start();
    first.welcomed();
    assert_eq!(first.ask(Request::MigrationPrepare(destination(&second))), Answer::Done {});
    second.go_deaf();
    first.order(Request::MigrationSuspend(Suspend { migration: MigrationId(7), stream: StreamId(0x0123_4567) }));
    until("the journal is closed", || machine.read("var/lib/lparkit/migration.journal").contains("\"closed\""));
    agent.signal(Signal::SIGKILL);
    agent.ended();
    // Nobody is there who would answer first.
    drop(first);
    second.hear_again();

    let agent = machine.start();
    second.welcomed();
    let Event::Resumed(record) = second.event() else { panic!() };
    assert_eq!(record.migration, Some(MigrationId(7)));
    let Event::Settled { hooks } = second.event() else { panic!() };
    assert_eq!(hooks.iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>(), ["post-hook"]);
    assert_eq!(machine.asked(), ["post-hook"], "and it did not run again");
    let Answer::Inventory(inventory) = second.ask(Request::Inventory {}) else { panic!() };
    assert_eq!((inventory.phase, inventory.last_migration), (Phase::Ready, Some(record)));
    // What was seen is not told a third time.
    until("it is forgotten", || machine.read("run/lpard/unseen") == "[]");
    agent.stop();
}

#[test]
fn while_nobody_answers_it_looks_whom_else_to_call() {
    let console = TestConsole::start(1);
    let machine = Machine::new();
    let somebody_else = std::net::TcpListener::bind("[::1]:0").unwrap();
    let (path, text) = console.trust_file();
    let (before, _) = text.split_once("port").unwrap();
    let with_port = |port| format!("{before}port = {port}\naddresses = ['::1']\nbecause = 'a test'\n");
    machine.file(&path, with_port(somebody_else.local_addr().unwrap().port()));
    let agent = machine.start();
    let call = somebody_else.accept().unwrap();
    machine.file(&path, with_port(console.port));
    drop(call);
    console.welcomed();
    agent.stop();
}

#[test]
fn rsct_that_comes_takes_over_and_gives_back_when_it_goes() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    std::fs::create_dir(machine.path("opt")).unwrap();
    let agent = machine.start();
    console.welcomed();
    std::fs::create_dir(machine.path("opt/rsct")).unwrap();
    console.disconnected();
    let status = Client::connect(machine.root()).ask("Status", &json!({}));
    assert_eq!((&status["mode"], &status["session"]), (&json!("observer"), &json!(null)));
    std::fs::remove_dir(machine.path("opt/rsct")).unwrap();
    console.welcomed();
    agent.stop();
}

#[test]
fn an_observer_for_the_sake_of_rscts_daemon_is_none_any_more_when_that_ends() {
    let console = TestConsole::start(1);
    let machine = machine_with(&console);
    let mut daemon = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    machine.file(&format!("proc/{}/comm", daemon.id()), "rmcd\n");
    let agent = machine.start();
    let mode = || Client::connect(machine.root()).ask("Status", &json!({}))["mode"].clone();
    until("it answers", || machine.path("run/lpard/control").exists());
    assert_eq!(mode(), json!("observer"));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    console.welcomed();
    assert_eq!(mode(), json!("native"));
    agent.stop();
}
