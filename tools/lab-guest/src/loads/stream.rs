//! `load stream`: numbered blocks over TCP to a host that echoes them, one at a time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab_guest::load::StreamState;

use super::{Pace, Report, scrambled};

const BLOCK_BYTES: usize = 4096;

/// A connection that says nothing for so long is broken: TCP itself would wait for many minutes.
const SILENCE: Duration = Duration::from_secs(120);

/// For ever, or until the connection breaks; what happened then is in the state too.
pub(crate) fn run(to: &str, state: &Path) -> Result<()> {
    let mut progress = StreamState::default();
    let mut report = Report::to(state);
    let ended = exchange(to, &mut progress, &mut report);
    progress.failure = ended.as_ref().err().map(|error| format!("{error:#}"));
    report.now(&progress)?;
    ended
}

fn exchange(to: &str, progress: &mut StreamState, report: &mut Report<'_>) -> Result<()> {
    let mut peer = TcpStream::connect(to).with_context(|| format!("connect to {to}"))?;
    peer.set_nodelay(true)?;
    peer.set_read_timeout(Some(SILENCE))?;
    peer.set_write_timeout(Some(SILENCE))?;
    let mut echoed = vec![0; BLOCK_BYTES];
    let mut pace = Pace::new(4);
    for number in 0.. {
        pace.rest();
        report.now_and_then(progress)?;
        let sent = block(number);
        let begun = Instant::now();
        peer.write_all(&sent).with_context(|| format!("send block {number}"))?;
        peer.read_exact(&mut echoed).with_context(|| format!("wait for block {number}"))?;
        progress.longest_ms = progress.longest_ms.max(u64::try_from(begun.elapsed().as_millis())?);
        progress.errors += u64::from(echoed != sent);
        progress.blocks += 1;
    }
    Ok(())
}

fn block(number: u64) -> Vec<u8> {
    let mut block = number.to_be_bytes().to_vec();
    let mut part = number;
    while block.len() < BLOCK_BYTES {
        part = scrambled(part);
        block.extend_from_slice(&part.to_be_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn a_garbled_echo_and_a_broken_connection_are_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let host = thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut block = vec![0; BLOCK_BYTES];
            for number in 0..10 {
                peer.read_exact(&mut block).unwrap();
                if number == 4 {
                    block[4000] ^= 1;
                }
                peer.write_all(&block).unwrap();
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        assert!(run(&to, &state).is_err());
        host.join().unwrap();
        let progress: StreamState = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
        assert_eq!((progress.blocks, progress.errors), (10, 1));
        let failure = progress.failure.unwrap();
        assert!(failure.contains("block 10"), "{failure}");
    }
}
