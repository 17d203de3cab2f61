//! A client of the control socket.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::machine::{PATIENCE, until};

/// A connection.
pub(crate) struct Client {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Client {
    /// Connects as soon as the agent listens.
    pub(crate) fn connect(root: &Path) -> Self {
        let path = root.join("run/lpard/control");
        let mut stream = None;
        until("the control socket is there", || {
            stream = UnixStream::connect(&path).ok();
            stream.is_some()
        });
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Whether there is room for it; who finds none is hung up on at once.
    pub(crate) fn finds_room(mut self) -> bool {
        let call = b"{\"method\":\"org.varlink.service.GetInfo\"}\0";
        self.stream.write_all(call).is_ok() && self.answer().is_some()
    }

    pub(crate) fn call(&mut self, method: &str, parameters: &Value) {
        self.call_with(method, parameters, &json!({}));
    }

    pub(crate) fn call_with(&mut self, method: &str, parameters: &Value, flags: &Value) {
        let method = if method.contains('.') { method.to_owned() } else { format!("org.lparkit.lpard.{method}") };
        let mut call = json!({ "method": method, "parameters": parameters });
        call.as_object_mut().unwrap().extend(flags.as_object().unwrap().clone());
        self.send(format!("{call}\0").as_bytes());
    }

    /// The next answer; none when the agent has closed the connection.
    pub(crate) fn answer(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == 0) {
                let answer = serde_json::from_slice(&self.unread[..end]).unwrap();
                self.unread.drain(..=end);
                return Some(answer);
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece).ok()? {
                0 => return None,
                length => self.unread.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// A call that succeeds.
    pub(crate) fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.call(method, parameters);
        let answer = self.answer().unwrap();
        assert_eq!(answer.get("error"), None, "{answer}");
        answer["parameters"].clone()
    }

    /// The name of the error of a call that fails.
    pub(crate) fn refused(&mut self, method: &str, parameters: &Value) -> String {
        self.call(method, parameters);
        let answer = self.answer().unwrap();
        answer["error"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}
