//! The engine that resizes the running partition: CPUs, memory, capacity, slots.
//!
//! # Theory of operation
//!
//! ```text
//!   Request ──┐
//!             ├─> plan (pure) ──> Plan ──> act ──> Outcome
//!   Inventory ┘                             │
//!   (kernel.observe)                        └─ kernel.perform(step), journal, progress, deadline
//! ```
//!
//! - A [`request`] says what is wanted and never means more than it says.
//! - The [`inventory`] is what there is, read once, only of what the request is about.
//! - The [`plan`] names every step with all its numbers; a dry run prints it. Acting on it needs no further choice.
//! - To [`act`] is to perform the steps in order until the plan's quota is reached, and to undo what was done when it is not
//!   and the terms do not allow a part.
//! - The [`outcome`] says what was asked, what was done, and why not more.
//!
//! The [`kernel`] has two real implementations: the running one (files of `/sys` and `/proc`) and the [`simulator`], firmware
//! and kernel in memory with a fault wherever a test wants one. The [`journal`] has each step on the disk before it begins, so
//! that whoever comes after a killed engine knows what it had begun. The [`lock`] is the one that Debian's drmgr takes. Kernels
//! before Linux 6.12 cannot change the device tree by a connector's number: there a step is done node by node through ofdt.

pub mod act;
mod effect;
pub mod inventory;
pub mod journal;
pub mod kernel;
pub mod lock;
mod ofdt;
pub mod outcome;
pub mod plan;
pub mod request;
pub mod simulator;
pub mod step;
