//! The wire format of varlink (varlink.org): JSON objects, each ended by a zero byte, over a socket. No socket is opened here.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest message that is taken; the agent sends no longer one. Most of all have the events that it keeps.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;

/// What went wrong between the two ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Transport {
    /// The socket failed.
    #[error("{doing}")]
    Socket {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    /// No answer within the time that it may take.
    #[error("no answer came in time")]
    Silent,
    /// The other end closed before it had answered.
    #[error("the connection was closed before the answer")]
    Closed,
    /// A message without an end.
    #[error("an answer is longer than {MESSAGE_LIMIT_BYTES} bytes")]
    TooLong,
    /// What came is no varlink.
    #[error("what came is no answer of varlink")]
    Garbled(#[source] serde_json::Error),
}

/// A call.
#[derive(Debug, Serialize)]
pub(super) struct Call<'a, P> {
    /// Interface and method.
    pub(super) method: &'a str,
    pub(super) parameters: P,
    /// Answers may follow the first one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) more: bool,
}

/// An answer.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    /// What was asked for, or the particulars of the error.
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
    /// Another answer follows.
    #[serde(default)]
    pub(super) continues: bool,
    /// Interface and name of the error.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// Sends a call.
pub(super) fn send<P: Serialize>(to: &mut impl Write, call: &Call<'_, P>) -> Result<(), Transport> {
    let mut bytes = serde_json::to_vec(call).map_err(Transport::Garbled)?;
    bytes.push(0);
    to.write_all(&bytes).and_then(|()| to.flush()).map_err(of_socket("send the question"))
}

/// Takes the next answer.
pub(super) fn receive(from: &mut impl BufRead) -> Result<Reply, Transport> {
    let mut bytes = Vec::new();
    // One more than the limit shows that there is more.
    let room = u64::try_from(MESSAGE_LIMIT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    io::Read::take(from, room).read_until(0, &mut bytes).map_err(of_socket("wait for the answer"))?;
    match bytes.pop() {
        Some(0) => serde_json::from_slice(&bytes).map_err(Transport::Garbled),
        Some(_) if bytes.len() >= MESSAGE_LIMIT_BYTES => Err(Transport::TooLong),
        _ => Err(Transport::Closed),
    }
}

/// A socket with a timeout answers `EAGAIN` when it passes.
fn of_socket(doing: &'static str) -> impl FnOnce(io::Error) -> Transport {
    move |source| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Transport::Silent,
        _ => Transport::Socket { doing, source },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_json_with_a_zero_byte() {
        let mut sent = Vec::new();
        send(&mut sent, &Call { method: "a.B", parameters: json!({"c": 1}), more: false }).unwrap();
        send(&mut sent, &Call { method: "a.B", parameters: json!({}), more: true }).unwrap();
        let expected =
            "{\"method\":\"a.B\",\"parameters\":{\"c\":1}}\0{\"method\":\"a.B\",\"parameters\":{},\"more\":true}\0";
        assert_eq!(String::from_utf8(sent).unwrap(), expected);
    }

    #[test]
    fn answers_are_taken_one_by_one() {
        let mut bytes: &[u8] = b"{\"parameters\":{\"n\":1},\"continues\":true}\0{}\0{\"error\":\"a.No\"}\0{";
        let first = receive(&mut bytes).unwrap();
        assert_eq!((first.parameters["n"].as_u64(), first.continues, first.error), (Some(1), true, None));
        assert!(receive(&mut bytes).unwrap().parameters.is_empty());
        assert_eq!(receive(&mut bytes).unwrap().error.as_deref(), Some("a.No"));
        assert!(matches!(receive(&mut bytes), Err(Transport::Closed)));
        assert!(matches!(receive(&mut bytes), Err(Transport::Closed)));
    }

    #[test]
    fn a_message_without_an_end_is_not_kept() {
        let endless = vec![b'1'; MESSAGE_LIMIT_BYTES + 10];
        assert!(matches!(receive(&mut endless.as_slice()), Err(Transport::TooLong)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes.as_slice();
            while receive(&mut bytes).is_ok() {}
        }
    }
}
