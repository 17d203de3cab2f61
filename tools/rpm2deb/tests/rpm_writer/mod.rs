//! A small RPM writer for tests: ordinary packages of formats 3, 4 and 6 with right digests, and every way to be wrong.
//!
//! ```text
//! RpmBuilder::new("hostile").file("/usr/bin/x", 0o755, "content").build()
//! ```
//!
//! Being wrong is done by editing a stage of the construction ([`RpmBuilder::edit_tags`], `edit_archive`, …): what is
//! computed later, digests above all, agrees with the edit, so that exactly one thing is wrong. Layout after rpm's own
//! documents: docs/manual/format_{lead,header,v3,v4,v6}.md, lib/cpio.cc, lib/rpmfi.cc.
#![allow(dead_code, unused_imports, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

pub mod compress;
pub mod content;
pub mod cpio;
pub mod files;
pub mod header;
pub mod lead;
pub mod package;
pub mod signature;
pub mod tag;

pub use compress::Compressor;
pub use content::Content;
pub use cpio::{Archive, Entry};
pub use header::{Image, Tags, Value};
pub use package::{Built, Format, RpmBuilder};
