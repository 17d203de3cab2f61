//! `lparlab exec`.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use lab::control::{self, Reply, Request};

/// What the channel takes in one line, as base64.
const MAX_STDIN_BYTES: u64 = 512 << 10;

pub(crate) fn run(
    lab: &Path,
    lpar: String,
    argv: Vec<String>,
    deadline_s: u64,
    interactive: bool,
) -> anyhow::Result<ExitCode> {
    let mut stdin = Vec::new();
    if interactive {
        std::io::stdin().take(MAX_STDIN_BYTES + 1).read_to_end(&mut stdin)?;
        anyhow::ensure!(stdin.len() as u64 <= MAX_STDIN_BYTES, "standard input has more than 512 KiB");
    }
    let reply = control::ask(lab, &Request::Exec { lpar, argv, stdin, deadline_s }, |_| ())?;
    let Reply::Exited { status, stdout, stderr, truncated } = reply else {
        anyhow::bail!("the lab answered something else");
    };
    std::io::stdout().write_all(&stdout)?;
    std::io::stderr().write_all(&stderr)?;
    if truncated {
        eprintln!("lparlab: the output was longer than the channel takes; it is cut");
    }
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)))
}
