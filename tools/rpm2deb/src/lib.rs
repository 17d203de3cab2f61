//! rpm2deb: turns RPM packages into proper Debian packages.
//!
//! Data flows one way: `rpm` (read) -> `plan` (pure decisions) -> `transform` (stream) -> `deb` (write).

pub mod elf;
pub mod error;
pub mod event;
pub mod limits;
pub mod patch;
pub mod plan;
pub mod printable;
pub mod rpm;
pub mod shlibs;
pub mod tree;
