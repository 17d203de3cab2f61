//! varlink's messages: JSON objects, each followed by a NUL. See <https://varlink.org/Service>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Ours.
pub(super) const INTERFACE: &str = "org.lparkit.lpard";
/// That of every varlink service.
pub(super) const SERVICE: &str = "org.varlink.service";

/// A call, as a client writes it. Members that are not known are passed over, as varlink wants it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Message {
    /// `org.lparkit.lpard.Status`
    pub(super) method: String,
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
    /// Nobody waits for an answer.
    #[serde(default)]
    pub(super) oneway: bool,
    /// Several answers are welcome.
    #[serde(default)]
    pub(super) more: bool,
    /// Another protocol is wanted after this.
    #[serde(default)]
    pub(super) upgrade: bool,
}

/// An answer that is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// Its whole name.
    error: String,
    parameters: Value,
}

impl Failure {
    /// One of ours.
    pub(crate) fn ours(name: &str, parameters: Value) -> Self {
        Self { error: format!("{INTERFACE}.{name}"), parameters }
    }

    /// One that every service has.
    pub(super) fn of_service(name: &str, parameters: Value) -> Self {
        Self { error: format!("{SERVICE}.{name}"), parameters }
    }

    /// It was tried.
    pub(crate) fn failed(text: impl std::fmt::Display) -> Self {
        Self::ours("Failed", json!({ "text": text.to_string() }))
    }

    pub(super) fn invalid(parameter: &str) -> Self {
        Self::of_service("InvalidParameter", json!({ "parameter": parameter }))
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    parameters: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    continues: bool,
}

/// An answer as it is written. With `continues` it is not the last one.
pub(super) fn reply(result: &Result<Value, Failure>, continues: bool) -> Vec<u8> {
    let reply = match result {
        Ok(parameters) => Reply { parameters, error: None, continues },
        Err(failure) => Reply { parameters: &failure.parameters, error: Some(&failure.error), continues: false },
    };
    // Values have no keys that are not strings: this cannot fail.
    let mut bytes = serde_json::to_vec(&reply).unwrap_or_default();
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_a_nul_and_says_whether_it_goes_on() {
        let text = |result, continues| String::from_utf8_lossy(&reply(&result, continues)).into_owned();
        assert_eq!(text(Ok(json!({ "a": 1 })), false), "{\"parameters\":{\"a\":1}}\0");
        assert_eq!(text(Ok(json!({})), true), "{\"parameters\":{},\"continues\":true}\0");
        let failure = "{\"parameters\":{\"parameter\":\"key\"},\"error\":\"org.varlink.service.InvalidParameter\"}\0";
        assert_eq!(text(Err(Failure::invalid("key")), true), failure);
    }
}
