//! Reading RPMs.
pub mod digest;
pub mod package;
