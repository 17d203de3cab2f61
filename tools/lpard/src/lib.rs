//! The agent in the partition: it resizes it, carries it through migrations, and keeps its console informed.
//!
//! # Theory of operation
//!
//! ```text
//!  observe                    decide (pure)              act                         report
//!  ------------------------   ------------------------   -------------------------   --------------------------
//!  root, network, control,    agent, migration (stages   worker, migration/perform,  wire's messages, varlink,
//!  firmware, kernel_log       and mending), dlpar/plan,  dlpar/act, hooks, identity  log with fields, hooks
//!                             agenda, permission
//! ```
//!
//! Two processes ([`parts`]): one has the rights and believes little, the other talks to consoles and has no rights. What is
//! begun is on the disk before it begins, so that the next agent finishes or takes back what this one did not live to end.
//!
//! The engine that resizes the partition, [`dlpar`], is a library for `drmgr` too.
#![cfg_attr(test, allow(clippy::disallowed_methods))] // tests build their machines as they like

pub mod cli;
pub mod dlpar;
pub mod hook_output;
pub mod visible;

mod accounts;
mod addresses_to_call;
mod agent;
mod boot_id;
mod config;
mod control;
mod firmware;
mod here;
mod hooks;
mod identity;
mod inventory;
mod kernel_log;
mod listing;
mod log;
mod look;
mod migration;
mod mode;
mod network;
mod parts;
mod processes;
mod random;
mod resize;
mod root;
mod service_manager;
mod trust;
mod worker;

use std::path::Path;

use sysroot::Sysroot;

pub use addresses_to_call::addresses_to_call;
pub use config::ConsoleAddress;
use config::{Config, ConfigError};
pub use here::{
    ConfiguredConsole, check_configuration, configured_adapter, configured_console, hooks_here, readiness_here,
    resize_here, trust_here,
};

/// Why the agent ends.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Trust(#[from] trust::TrustError),
    #[error("open the machine")]
    Root(#[source] sysroot::Error),
    #[error(transparent)]
    Serve(#[from] root::RootError),
    #[error(transparent)]
    Network(#[from] network::NetworkError),
}

/// Reads the configuration of the machine at `root`; says which files it is made of.
pub fn check_config(root: &Path) -> Result<String, Error> {
    let sysroot = Sysroot::at(root).map_err(Cause::Root)?;
    let (_, files) = Config::read(&sysroot).map_err(Cause::Config)?;
    let files: Vec<_> = files.iter().map(|path| format!("/{}", path.display())).collect();
    Ok(match files.as_slice() {
        [] => "ok: no files, everything as built in\n".to_owned(),
        files => format!("ok: {}\n", files.join(", ")),
    })
}

/// Runs the part with the rights, on the machine at `root`, until a signal comes.
pub fn serve(root: &Path) -> Result<(), Error> {
    Ok(root::serve(root).map_err(Cause::Serve)?)
}

/// Runs the part that talks to consoles, until the other part ends.
pub fn serve_network() -> Result<(), Error> {
    Ok(network::serve().map_err(Cause::Network)?)
}
