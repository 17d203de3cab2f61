//! Test programs without cargo's harness: a test that cannot run here is told as ignored, with the reason, in the
//! harness's own words, which tests/run counts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode};

use lab::network::NamespaceId;

/// Set in the copy of a test program that runs in a namespace of its own: the namespace that it was started from.
const OUTER: &str = "LPARKIT_TEST_OUTER_NETWORK";

/// The namespace that this copy of the test program was started from, if it is such a copy.
pub(crate) fn outer_namespace() -> Option<NamespaceId> {
    std::env::var(OUTER).ok().map(|outer| outer.parse().expect("a namespace"))
}

/// Starts this program again in namespaces of its own; `Err` says why this machine does not allow that.
pub(crate) fn again_in_a_namespace() -> Result<(), String> {
    let seen = lab::doctor::observe(Path::new("/"));
    seen.namespaces?;
    seen.tun?;
    seen.qemu?;
    if seen.bridge_isolates != Some(true) {
        return Err("bridge of iproute2 is not there, or cannot isolate ports".into());
    }
    let outer = NamespaceId::current().expect("our own namespace");
    let ourselves = std::env::current_exe().expect("our own path");
    let status = Command::new("unshare").args(["-Urn", "--"]).arg(ourselves).env(OUTER, outer.as_str()).status();
    let status = status.expect("unshare has just run");
    assert!(status.success(), "in the namespace: {status}");
    Ok(())
}

/// One test: its name, and what it does; `Err` says why it cannot run here.
pub(crate) type Case = (&'static str, fn() -> Result<(), String>);

/// Runs the cases that the command line names (all without one) and prints how each went.
pub(crate) fn run(cases: &[Case]) -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut failed = 0;
    for (name, case) in cases {
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        match catch_unwind(AssertUnwindSafe(case)) {
            Ok(Ok(())) => println!("test {name} ... ok"),
            Ok(Err(reason)) => println!("test {name} ... ignored, {reason}"),
            Err(_) => {
                println!("test {name} ... FAILED");
                failed += 1;
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
