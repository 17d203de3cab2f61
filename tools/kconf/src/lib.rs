//! kconf: is this kernel fit for an LPAR, and how to make it so.
//!
//! Data flows one way: `source` (find and read) -> `config` (parse) -> `evaluate`, `fragment`, `merge`, `verify`, `diff`
//! (decide, pure) -> the program prints. What an LPAR needs is data, in `kconfig/*.toml`; `sets` reads it. Kconfig's own
//! language is not evaluated here: a fragment goes through `make olddefconfig`, and `verify` says what survived.

pub mod config;
pub mod diff;
pub mod evaluate;
pub mod fragment;
pub mod live;
pub mod merge;
pub mod noise;
pub mod places;
pub mod sets;
pub mod source;
pub mod verify;
pub mod version;
