//! Digests: which algorithms RPM uses, and computing them while bytes stream by.

/// Digests of the payload that the headers announce.
#[derive(Debug, Clone, Default)]
pub struct Expected {}
