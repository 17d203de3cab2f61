//! What is wrong with bytes that are no message: a request that can still be answered, or nothing that can be answered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use super::RequestId;
use super::request::KIND_NAMES;

/// Why bytes are no message.
#[derive(Debug, Error)]
pub enum Undecodable {
    /// A request of a kind that this version does not have.
    #[error("request {} is of the unknown kind {kind:?}", id.0)]
    Unsupported {
        /// Its name.
        id: RequestId,
        /// Its kind, cut short.
        kind: String,
    },
    /// A request of a known kind with something wrong in it.
    #[error("request {} is malformed", id.0)]
    Malformed {
        /// Its name.
        id: RequestId,
        /// What.
        #[source]
        cause: serde_json::Error,
    },
    /// Nothing that can be answered.
    #[error("no message of the session")]
    NoMessage(#[source] serde_json::Error),
}

impl Undecodable {
    /// With the cause, in one line for the peer. The peer's own words may be in it, so it is cut short.
    pub(crate) fn explained(&self) -> String {
        let cause = std::error::Error::source(self).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{self}{cause}").chars().take(MAX_EXPLANATION_CHARACTERS).collect()
    }
}

/// Names of unknown kinds go into answers and logs.
const MAX_KIND_CHARACTERS: usize = 40;
/// A line or two.
const MAX_EXPLANATION_CHARACTERS: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestOutline {
    request: OrderOutline,
}

#[derive(Deserialize)]
#[expect(clippy::zero_sized_map_values, reason = "an object of JSON whose values do not matter")]
struct OrderOutline {
    id: RequestId,
    #[serde(rename = "do")]
    request: BTreeMap<String, IgnoredAny>,
}

/// Called only for bytes that did not decode: what arrives in good order is read once.
pub(super) fn diagnose(bytes: &[u8], cause: serde_json::Error) -> Undecodable {
    let Ok(RequestOutline { request: OrderOutline { id, request } }) = serde_json::from_slice(bytes) else {
        return Undecodable::NoMessage(cause);
    };
    match request.into_keys().find(|kind| !KIND_NAMES.contains(&kind.as_str())) {
        Some(kind) => Undecodable::Unsupported { id, kind: kind.chars().take(MAX_KIND_CHARACTERS).collect() },
        None => Undecodable::Malformed { id, cause },
    }
}
