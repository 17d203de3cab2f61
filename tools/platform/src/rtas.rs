//! What the firmware says: events, and the status words of its calls.
//!
//! RTAS is the part of the firmware that a partition calls (Run-Time Abstraction Services). The authority for all formats and
//! numbers here is the OpenPOWER Foundation's Linux on Power Architecture Reference, LoPAR 2.9 (2020), chapter 7 and 10.

pub mod connector;
pub mod description;
pub mod dump;
pub mod event;
pub mod line;
pub mod status;
