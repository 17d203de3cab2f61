//! The kernel's log, as far back as its ring goes.

use std::io::{self, Read};

use sysroot::Sysroot;

use super::told;
use crate::doctor::Told;

const KMSG: &str = "dev/kmsg";
/// The longest record (Linux, kernel/printk/printk.c, PRINTK_MESSAGE_MAX is 2048, and its dictionary).
const RECORD_BYTES: usize = 8192;
/// The largest ring that a kernel can be told to have is far smaller than this.
const LOG_LIMIT_BYTES: usize = 64 << 20;

/// One record a read; at the end there is nothing more for now, or the end of a recorded file.
pub(super) fn read(sysroot: &Sysroot) -> Told<String> {
    let mut stream = told(sysroot.open_stream(KMSG))?;
    let (mut log, mut record) = (Vec::new(), [0; RECORD_BYTES]);
    while log.len() < LOG_LIMIT_BYTES {
        match stream.read(&mut record) {
            Ok(0) => break,
            Ok(length) => log.extend_from_slice(&record[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Records that were overwritten meanwhile, and signals.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(format!("read /{KMSG}: {error}")),
        }
    }
    Ok(String::from_utf8_lossy(&log).into_owned())
}
