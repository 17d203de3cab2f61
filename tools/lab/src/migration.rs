//! Live Partition Mobility: a partition that runs moves from one system to another through its kernel's `ibm,suspend-me`.
//!
//! `phase` says what follows what (pure), `run` does it, `transfer` carries the memory, `identity` tells the partition where it
//! is, `fault` is what tests break.

pub mod fault;
pub mod identity;
pub mod phase;
pub mod run;
pub mod transfer;
