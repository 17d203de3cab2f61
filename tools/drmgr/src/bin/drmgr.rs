//! The program: arguments and streams in, exit status out.

use std::io::{BufWriter, stderr, stdout};
use std::process::ExitCode;

use drmgr::Streams;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_else(|| "drmgr".to_owned());
    let arguments: Vec<String> = arguments.collect();
    let mut out = BufWriter::new(stdout().lock());
    ExitCode::from(drmgr::run(&program, &arguments, &mut Streams { out: &mut out, err: &mut stderr().lock() }))
}
