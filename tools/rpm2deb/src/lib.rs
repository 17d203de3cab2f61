//! rpm2deb: turns RPM packages into proper Debian packages.
//!
//! Data flows one way: `rpm` (read) -> `plan` (pure decisions) -> `transform` (stream) -> `deb` (write).

pub mod convert;
pub mod deb;
pub mod directory;
pub mod elf;
pub mod error;
pub mod event;
pub mod inspect;
pub mod limits;
pub mod manifest;
pub mod patch;
pub mod patched;
pub mod plan;
pub mod printable;
pub mod rewrite;
pub mod rpm;
pub mod shlibs;
pub mod transform;
pub mod tree;
