//! What machine is this: parsers of what the kernel and the firmware of an IBM Power partition show.
//!
//! # Theory of operation
//!
//! One file of the kernel is one module here. Each has a pure parser, text or bytes to a type, with limits before it
//! allocates; the parser is table-tested beside the code. Reading is another function, which takes a [`sysroot::Sysroot`] and
//! does nothing but fetch and parse. Nothing here writes, plans or decides.
//!
//! What the system does not tell stays unknown in the type (`Option`), with the reason where a person will ask for it.
//! Numbers carry their unit in the name; sizes are bytes.

#![cfg_attr(test, allow(clippy::disallowed_methods))] // tests build their machines as they like

pub mod adapter;
pub mod capability;
pub mod cells;
pub mod console_string;
pub mod cpu;
pub mod cpuinfo;
pub mod dcaps;
pub mod devicetree;
pub mod drc;
mod error;
pub mod identity;
pub mod kernellog;
pub mod lparcfg;
pub mod meminfo;
pub mod memory;
pub mod mobility;
pub mod observation;
pub mod os;
pub mod own_address;
#[cfg(test)]
mod recorded;
pub mod route;
pub mod rtas;
pub mod slot;

pub use error::{Error, Result};
