//! `lsslot`: lists what can be reconfigured. It only reads, and takes no lock.

mod cpu;
mod memory;
mod options;
mod phb;
mod slots;

use std::io::Write;

use sysroot::Sysroot;

use self::options::{Misuse, Options, View};
use crate::run::WithSource;
use crate::{Streams, machine};

/// Above this level of `-d`, what the partition does not own is listed too.
const LEVEL_ALL: u32 = 4;
const STATUS_FAILED: u8 = 1;
/// What a list that cannot be made ends with.
const STATUS_NO_LIST: u8 = 255;

/// Why there is no list.
enum Trouble {
    /// What there is could not be read.
    Unreadable(String),
    /// There is nothing of this kind; said on standard error, and the exit status.
    Nothing(&'static str, u8),
}

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Unreadable(WithSource(&error).to_string())
    }
}

/// Runs lsslot; `program` is the name it was called by, `arguments` what followed. The answer is the exit status.
pub fn run(program: &str, arguments: &[String], streams: &mut Streams<'_>) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(misuse) => {
            // This one has always been on standard output.
            let _ = match misuse {
                Misuse::Connector => streams.out.write_all(b"\nThe specified connector type is invalid.\n\n"),
                _ => Ok(()),
            };
            let _ = streams.out.flush().and_then(|()| streams.err.write_all(misuse.to_string().as_bytes()));
            return STATUS_FAILED;
        }
    };
    let sysroot = match Sysroot::at(&options.sysroot) {
        Ok(sysroot) => sysroot,
        Err(error) => {
            let _ = writeln!(streams.err, "{program}: {error}");
            return STATUS_FAILED;
        }
    };
    if let Err(elsewhere) = machine::check(&sysroot) {
        let _ = writeln!(streams.err, "{program}: is not supported on the {} platform", elsewhere.platform);
        return STATUS_FAILED;
    }
    let mut list = String::new();
    let made = match options.view {
        View::Cpu => cpu::list(&sysroot, &options, &mut list),
        View::Memory => memory::list(&sysroot, &options, &mut list),
        View::Phb => phb::list(&sysroot, &options, &mut list),
        View::Slot | View::Pci => slots::list(&sysroot, &options, &mut list),
        View::Port => Err(Trouble::Nothing("There are no LHEA ports on this system.\n", STATUS_FAILED)),
    };
    let _ = streams.out.write_all(list.as_bytes()).and_then(|()| streams.out.flush());
    match made {
        Ok(()) => 0,
        Err(trouble) => fail(trouble, streams.err),
    }
}

fn fail(trouble: Trouble, err: &mut dyn Write) -> u8 {
    let (text, status) = match trouble {
        Trouble::Unreadable(reason) => (format!("{reason}\n"), STATUS_NO_LIST),
        Trouble::Nothing(text, status) => (text.to_owned(), status),
    };
    let _ = err.write_all(text.as_bytes());
    status
}
