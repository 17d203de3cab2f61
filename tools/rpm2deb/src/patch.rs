//! Unified diffs, applied as patch(1) would.

/// Why a patch does not apply.
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct PatchError;
