//! One invocation of drmgr, from its arguments to its exit status.

use std::path::Path;
use std::time::Duration;

use lpard::dlpar::act::Watch;
use lpard::dlpar::journal::{self, Leftover, OnDisk};
use lpard::dlpar::kernel::Live;
use lpard::dlpar::lock;
use nix::sys::signal::{SigSet, Signal};
use sysroot::{Guard, Program, Sysroot};

use crate::capabilities::{self, ADD_SLOT};
use crate::cmd::{self, Session};
use crate::exit::Exit;
use crate::log::Log;
use crate::options::{Connector, Options};
use crate::say::{Level, Say};
use crate::{Streams, machine, usage};

/// How long the lock is waited for when `-w` does not say.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
const MODPROBE: &str = "sbin/modprobe";
/// Makes slots known to the kernel.
const SLOT_MODULE: &str = "rpadlpar_io";
const MODPROBE_PATIENCE: Duration = Duration::from_secs(60);
/// What a shell answers for a program that is not there.
const NO_SUCH_PROGRAM: u8 = 127;
const SYSLOG: &str = "dev/log";
/// `LOG_LOCAL0 | LOG_INFO` (syslog.h).
const SYSLOG_PRIORITY: u8 = (16 << 3) | 6;

/// Runs drmgr; `program` is the name it was called by, `arguments` what followed. The answer is the exit status.
pub fn run(program: &str, arguments: &[String], streams: &mut Streams<'_>) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(misuse) => {
            let _ = writeln!(streams.err, "{misuse}");
            return Exit::Failed.status();
        }
    };
    let sysroot = match Sysroot::at(&options.sysroot) {
        Ok(sysroot) => sysroot,
        Err(error) => {
            let _ = writeln!(streams.err, "{program}: {error}");
            return Exit::Failed.status();
        }
    };
    if let Err(elsewhere) = machine::check(&sysroot) {
        let _ = writeln!(streams.err, "{program}: is not supported on the {} platform", elsewhere.platform);
        return Exit::Refused.status();
    }
    if options.help && !options.capabilities {
        let _ = streams.err.write_all(usage::text(&options).as_bytes());
        return Exit::Done.status();
    }
    let log = (!options.dry_run).then(|| Log::open(&sysroot));
    let mut say = Say::new(options.level, streams.err, log);
    let exit = if options.capabilities {
        tell_capabilities(&sysroot, &options, &mut say, streams.out)
    } else {
        change(&sysroot, &options, arguments, &mut say, streams.out)
    };
    let _ = streams.out.flush();
    say.close();
    exit.status()
}

/// `-C`: a question, and so without the lock.
fn tell_capabilities(sysroot: &Sysroot, options: &Options, say: &mut Say<'_>, out: &mut dyn std::io::Write) -> Exit {
    if !options.dry_run {
        if let Err(exit) = load_slot_module(sysroot, say) {
            return exit;
        }
    }
    let line = capabilities::line(sysroot, say);
    let _ = out.write_all(line.as_bytes());
    Exit::Done
}

/// Everything that may change something: under the lock, with signals held back, told to syslog. A dry run changes nothing: it
/// waits for nobody, may be stopped, and is noted nowhere.
fn change(
    sysroot: &Sysroot,
    options: &Options,
    arguments: &[String],
    say: &mut Say<'_>,
    out: &mut dyn std::io::Write,
) -> Exit {
    let _guard = if options.dry_run {
        None
    } else {
        let Some(guard) = take_lock(sysroot, options, arguments, say) else { return Exit::Failed };
        hold_signals_back();
        Some(guard)
    };
    if let Err(exit) = make_ready(sysroot, options, say, out) {
        return exit;
    }
    let invocation = format!("drmgr: {}", arguments.join(" "));
    if !options.dry_run {
        note(sysroot, &invocation);
    }
    say.detail(&invocation);
    cmd::run(&mut Session { sysroot, options, say, out })
}

/// What has to be before the command. A dry run says it instead of doing it.
fn make_ready(
    sysroot: &Sysroot,
    options: &Options,
    say: &mut Say<'_>,
    out: &mut dyn std::io::Write,
) -> Result<(), Exit> {
    let leftover = journal::leftover(sysroot).ok().flatten();
    if options.dry_run {
        if let Some(leftover) = leftover {
            tell_leftover(&leftover, say);
        }
        return if needs_slot_module(options) { plan_slot_module(sysroot, options, say, out) } else { Ok(()) };
    }
    if let Some(leftover) = leftover {
        put_in_order(sysroot, leftover, say);
    }
    if needs_slot_module(options) { load_slot_module(sysroot, say) } else { Ok(()) }
}

fn take_lock(sysroot: &Sysroot, options: &Options, arguments: &[String], say: &mut Say<'_>) -> Option<Guard> {
    let patience = options.patience.unwrap_or(LOCK_PATIENCE);
    let purpose = format!("drmgr {}", arguments.join(" "));
    match lock::take(sysroot, patience, &purpose) {
        Ok(guard) => Some(guard),
        Err(error) => {
            say.error(&format!("{}", WithSource(&error)));
            say.error("Unable to obtain Dynamic Reconfiguration lock. Please try command again later.");
            None
        }
    }
}

/// An error with its cause.
pub(crate) struct WithSource<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for WithSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(source) => write!(f, ": {}", WithSource(source)),
            None => Ok(()),
        }
    }
}

/// A signal must not stop a change half way. What shows a fault of this program still does.
fn hold_signals_back() {
    let mut held = SigSet::all();
    for fault in [
        Signal::SIGBUS,
        Signal::SIGSEGV,
        Signal::SIGILL,
        Signal::SIGFPE,
        Signal::SIGSYS,
        Signal::SIGTRAP,
        Signal::SIGABRT,
    ] {
        held.remove(fault);
    }
    // It cannot fail with a set of the system's own signals.
    let _ = held.thread_block();
}

/// What a killed predecessor left half done comes first.
fn put_in_order(sysroot: &Sysroot, leftover: Leftover, say: &mut Say<'_>) {
    let mut watch = Watch { progress: &mut |_| {}, expired: &|| false };
    match journal::recover(leftover, &mut Live::new(sysroot), &mut OnDisk::new(sysroot), &mut watch) {
        Ok(recovery) => say.say(
            Level::Warning,
            &format!(
                "An earlier request was interrupted ({}): {} steps were undone, {} stay done.\n",
                recovery.request,
                recovery.undone.len(),
                recovery.kept.len()
            ),
        ),
        Err(error) => {
            say.error(&format!("An earlier request was interrupted and cannot be looked at: {}", WithSource(&error)));
        }
    }
}

/// The plan is of the partition as it is; the call that is no dry run finds another one.
fn tell_leftover(leftover: &Leftover, say: &mut Say<'_>) {
    say.error(&format!(
        "An earlier request was interrupted ({}): the next call that is no dry run puts that in order first.",
        leftover.request
    ));
}

fn needs_slot_module(options: &Options) -> bool {
    match options.connector {
        Some(Connector::Pci) => !options.virtio,
        Some(Connector::Slot | Connector::Phb) => true,
        _ => false,
    }
}

/// Loads the module that makes slots known to the kernel, where it is not there yet.
fn load_slot_module(sysroot: &Sysroot, say: &mut Say<'_>) -> Result<(), Exit> {
    if sysroot.exists(ADD_SLOT) {
        return Ok(());
    }
    let status = match sysroot.run(&Program::new(MODPROBE, MODPROBE_PATIENCE).argument(SLOT_MODULE)) {
        Ok(outcome) => match outcome.ended {
            sysroot::Ended::Exited(status) => u8::try_from(status).unwrap_or(u8::MAX),
            _ => u8::MAX,
        },
        Err(_) => NO_SUCH_PROGRAM,
    };
    if status != 0 {
        say.error(&format!("{SLOT_MODULE} module was not loaded"));
        return Err(Exit::OfProgram(status));
    }
    Ok(())
}

/// What [`load_slot_module`] would do. Slots and bridges cannot be planned without the module: the kernel does not say yet
/// what it can do with them.
fn plan_slot_module(
    sysroot: &Sysroot,
    options: &Options,
    say: &mut Say<'_>,
    out: &mut dyn std::io::Write,
) -> Result<(), Exit> {
    if sysroot.exists(ADD_SLOT) {
        return Ok(());
    }
    let _ = writeln!(out, "- run /{MODPROBE} {SLOT_MODULE}");
    if options.connector == Some(Connector::Pci) {
        return Ok(());
    }
    say.error(&format!("What comes after can be planned only when the module {SLOT_MODULE} is loaded"));
    Err(Exit::Failed)
}

/// One line to syslog. A system without it is no reason to stop.
pub(crate) fn note(sysroot: &Sysroot, line: &str) {
    let _ = sysroot.send_datagram(Path::new(SYSLOG), &format!("<{SYSLOG_PRIORITY}>drmgr: {line}"));
}
