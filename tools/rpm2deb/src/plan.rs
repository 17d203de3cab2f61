//! Deciding what the Debian package looks like: pure functions from an RPM's headers to a plan.

pub mod arch;
pub mod name;
pub mod relation;
pub mod version;
