//! systemd's varlinkctl on the control socket of the real agent.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod agent;

use std::process::Command;

use agent::control::Client;
use agent::machine::Machine;
use serde_json::json;

fn main() {
    if Command::new("varlinkctl").arg("--version").output().is_err() {
        println!("skip - varlinkctl: it is not installed (systemd has it from 255 on)");
        return;
    }
    let machine = Machine::new();
    let agent = machine.start();
    Client::connect(machine.root()).ask("Status", &json!({}));
    let socket = machine.path("run/lpard/control");
    let socket = socket.to_str().unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["info", socket], "lpard"),
        (&["list-interfaces", socket], "org.lparkit.lpard"),
        (&["introspect", socket, "org.lparkit.lpard"], "TrustAdd"),
        (&["call", socket, "org.lparkit.lpard.Status", "{}"], "observer"),
    ];
    for (arguments, expected) in cases {
        let output = Command::new("varlinkctl").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(expected), "{arguments:?}: {said} {output:?}");
        println!("ok - varlinkctl {}", arguments[0]);
    }
    agent.stop();
}
