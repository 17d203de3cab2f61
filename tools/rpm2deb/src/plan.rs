//! Deciding what the Debian package looks like: pure functions from an RPM's headers to a plan.

pub mod script;
