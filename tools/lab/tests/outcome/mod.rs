//! Test programs without cargo's harness: a test that cannot run here is told as ignored, with the reason, in the
//! harness's own words, which tests/run counts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

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
