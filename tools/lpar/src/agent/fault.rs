//! What the agent says instead of an answer.

use std::fmt;

use serde_json::{Map, Value};

/// Who may change the partition.
pub(super) const WHO_MAY: &str = "root and members of the group lpar may do that";

/// Why the agent refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not for this user.
    NotPermitted,
    /// The agent has no such method.
    Unsupported,
    /// A parameter is not as the agent wants it.
    Invalid { parameter: String },
    /// It was not tried, or did not work; in the agent's words.
    Said { text: String },
    /// Something that this program does not know.
    Other { name: String, parameters: String },
}

impl Fault {
    /// From an error of varlink, `INTERFACE.NAME`, and its particulars.
    pub(super) fn new(error: &str, parameters: Map<String, Value>) -> Self {
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(str::to_owned);
        match error.rsplit('.').next().unwrap_or_default() {
            "PermissionDenied" | "NotPermitted" => Self::NotPermitted,
            "InterfaceNotFound" | "MethodNotFound" | "MethodNotImplemented" => Self::Unsupported,
            "InvalidParameter" => Self::Invalid { parameter: text("parameter").unwrap_or_default() },
            name => match text("text") {
                Some(text) => Self::Said { text },
                None => Self::Other { name: name.to_owned(), parameters: Value::Object(parameters).to_string() },
            },
        }
    }

    /// What to do about it.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NotPermitted => Some(WHO_MAY),
            Self::Unsupported => Some("lpard is older than lpar; restart it after an upgrade"),
            Self::Invalid { .. } | Self::Said { .. } | Self::Other { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted => f.write_str("not permitted for this user"),
            Self::Unsupported => f.write_str("it has no such method"),
            Self::Invalid { parameter } => write!(f, "it does not accept the parameter '{parameter}'"),
            Self::Said { text } => f.write_str(text),
            Self::Other { name, parameters } => write!(f, "{name} {parameters}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_told_in_words() {
        let cases = [
            ("org.varlink.service.PermissionDenied", json!({}), "not permitted for this user"),
            ("org.lparkit.lpard.NotPermitted", json!({}), "not permitted for this user"),
            ("org.varlink.service.MethodNotFound", json!({"method": "X"}), "it has no such method"),
            (
                "org.varlink.service.InvalidParameter",
                json!({"parameter": "key"}),
                "it does not accept the parameter 'key'",
            ),
            (
                "org.lparkit.lpard.Refused",
                json!({"reason": "busy", "text": "the partition is resuming"}),
                "the partition is resuming",
            ),
            ("org.lparkit.lpard.Odd", json!({"n": 1}), "Odd {\"n\":1}"),
        ];
        for (error, parameters, expected) in cases {
            let Value::Object(parameters) = parameters else { unreachable!() };
            assert_eq!(Fault::new(error, parameters).to_string(), expected, "{error}");
        }
    }
}
