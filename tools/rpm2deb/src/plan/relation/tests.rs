#![allow(clippy::unwrap_used)]
//! t
