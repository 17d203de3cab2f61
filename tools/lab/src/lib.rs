//! The lab's host side: managed systems as QEMU pseries machines in a network of their own.
//!
//! Data flows one way: a description (`machine`, `network`) -> arguments and steps (pure) -> processes and interfaces
//! (`qemu`, `network::Namespace`) -> what they say (`qmp`, `echo`, `capture`). Library code never prints.

pub mod capture;
pub mod doctor;
pub mod echo;
pub mod machine;
pub mod network;
pub mod qemu;
pub mod qmp;
