//! Writing .debs: `debian-binary`, `control.tar`, `data.tar`, in dpkg's format to the letter (deb(5)).
//!
//! ```text
//! Entry stream -> data::Writer -> compressed data.tar in an unnamed temporary file
//! debian/      -> control.tar, in memory
//! both         -> NAME.deb.XXXX -> fsync -> rename to NAME.deb
//! ```
//!
//! md5sums stand in control.tar, before the data that they are sums of: hence the temporary file.

pub mod archive;
pub mod compress;
pub mod control;
pub mod data;
pub mod debian_dir;
pub mod member;
