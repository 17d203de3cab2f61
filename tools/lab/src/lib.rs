//! The lab: managed systems on QEMU, partitions that run Debian's own kernel, and moving them through its `ibm,suspend-me`.
//!
//! # Theory of operation
//!
//! `lparlab up` starts a supervisor as the first process of new network and process namespaces. It makes a bridge for each
//! system's MGMTSWITCH and one for the ordinary network (`network`), starts a console process for each system (`console`) and
//! a QEMU for each partition (`machine` says with which arguments, `qemu` runs it, `qmp` talks to it), and then serves the
//! commands (`control`, `supervisor`). Partitions are talked to over a second virtual terminal (`guest`), and those that have
//! lparkit's agent through the session that it holds with the console of its system (`console::session`, `agent`), once the two
//! know each other (`enrolment`).
//!
//! A partition is changed by whoever holds its [`partition::Body`]: `dlpar`, or a migration, which is a table of phases
//! (`migration::phase`) and what each of them does (`migration::run`).
//!
//! `scenario` says what a lab consists of; `run` performs its steps.

pub mod agent;
pub mod capture;
pub mod console;
pub mod control;
pub mod directory;
pub mod dlpar;
pub mod doctor;
pub mod echo;
pub mod echo_service;
pub mod enrolment;
pub mod error;
pub mod guest;
pub mod image;
pub mod lab;
pub mod lspartition;
pub mod machine;
pub mod migration;
pub mod namespace;
pub mod network;
pub mod partition;
pub mod qemu;
pub mod qmp;
pub mod run;
pub mod scenario;
pub mod status;
pub mod supervisor;
