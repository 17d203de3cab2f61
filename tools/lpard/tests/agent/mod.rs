//! What the tests of the whole agent need: a machine, the real program on it, a console, a client of the control socket.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // each test file uses its part

pub(crate) mod console;
pub(crate) mod control;
pub(crate) mod machine;
