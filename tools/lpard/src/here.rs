//! What `lpar` does where the agent does not run: it resizes with the agent's lock, journal and hooks, lists hooks and trusted
//! consoles, looks whether the configuration is right and what it says, and whether a recorded machine could migrate.

use std::path::PathBuf;

use platform::observation::observe;
use serde_json::Value;
use sysroot::Sysroot;
use wire::message::dlpar::{Resize, ResizeOutcome};
use wire::message::migration::{Finding, Readiness};

use crate::config::{Config, ConsoleAddress, ConsoleSettings};
use crate::hooks::{Found, Point, Runner, find};
use crate::log::Log;
use crate::migration::readiness::Facts;
use crate::resize::resize;
use crate::{Cause, Error, listing, trust};

/// Reads the configuration. Gives the files that it is made of; the error says what is wrong in which.
pub fn check_configuration(sysroot: &Sysroot) -> Result<Vec<PathBuf>, Error> {
    let (_, files) = Config::read(sysroot).map_err(Cause::Config)?;
    Ok(files)
}

/// The management adapter that the administrator named: `console.adapter`.
pub fn configured_adapter(sysroot: &Sysroot) -> Result<Option<String>, Error> {
    Ok(configured_console(sysroot)?.adapter)
}

/// What the administrator says of consoles: `[console]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredConsole {
    /// Where they are.
    pub addresses: Vec<ConsoleAddress>,
    /// The management adapter.
    pub adapter: Option<String>,
    /// The agent asks the management network, and the hypervisor, who is there.
    pub discovers: bool,
    /// The first one that answers is believed, when none is trusted yet.
    pub first_use: bool,
}

/// Reads what the administrator says of consoles.
pub fn configured_console(sysroot: &Sysroot) -> Result<ConfiguredConsole, Error> {
    let (config, _) = Config::read(sysroot).map_err(Cause::Config)?;
    let ConsoleSettings { addresses, adapter, discover: discovers, trust_on_first_use: first_use } = config.console;
    Ok(ConfiguredConsole { addresses, adapter, discovers, first_use })
}

/// The hooks, as the agent's method `Hooks` gives them.
pub fn hooks_here(sysroot: &Sysroot) -> Result<Value, Error> {
    let (config, _) = Config::read(sysroot).map_err(Cause::Config)?;
    Ok(listing::hooks(sysroot, config.hooks.drmgr, &Log::open(sysroot)))
}

/// The trusted consoles, as the agent's method `TrustList` gives them; a key that was not made yet is null and is not made.
pub fn trust_here(sysroot: &Sysroot) -> Result<Value, Error> {
    let own = trust::made_key(sysroot).map_err(Cause::Trust)?.map(|key| key.public());
    Ok(listing::trust(sysroot, own, &Log::open(sysroot)).map_err(Cause::Trust)?)
}

/// What speaks against a migration, as far as it can be read. No hook is run; those that would be asked are named.
pub fn readiness_here(sysroot: &Sysroot) -> Result<Readiness, Error> {
    let (config, _) = Config::read(sysroot).map_err(Cause::Config)?;
    let mut findings = Facts::read(sysroot, &observe(sysroot)).findings();
    let ready = !findings.iter().any(|finding| finding.vetoes);
    findings.push(not_asked(&find(sysroot, Point::Check, config.hooks.drmgr, &Log::open(sysroot))));
    Ok(Readiness { ready, findings })
}

fn not_asked(hooks: &[Found]) -> Finding {
    let names: Vec<_> = hooks.iter().map(|hook| hook.name.as_str()).collect();
    let text = if names.is_empty() { "none was asked".to_owned() } else { format!("not asked: {}", names.join(", ")) };
    Finding { from: "hooks".into(), vetoes: false, text }
}

/// Does what is asked, or says why not. `heard` hears of every step: how much is done, of how much, and what it was.
pub fn resize_here(
    sysroot: &Sysroot,
    asked: &Resize,
    heard: &mut dyn FnMut(u32, u32, &str),
) -> Result<ResizeOutcome, Error> {
    let (config, _) = Config::read(sysroot).map_err(Cause::Config)?;
    let log = Log::open(sysroot).with_threshold(config.log_level);
    let hooks = Runner { sysroot, settings: &config.hooks, log: &log };
    Ok(resize(&hooks, asked, &mut |step| heard(step.done, step.of, &step.text)))
}
