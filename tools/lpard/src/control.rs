//! The control socket, `/run/lpard/control`: varlink, so that `varlinkctl` works on it as `lpar` does.
//!
//! Everybody may ask; only root and the members of a group may change something. Who asks is told by the kernel
//! (`SO_PEERCRED`). What a client sends is bounded, so is what waits for a client that does not read, and so is the number of
//! clients: administrators always find a place.

mod connection;
mod method;
mod server;
mod varlink;

pub(crate) use connection::ConnectionId;
pub(crate) use method::{Call, Called};
pub(crate) use server::{ControlError, Server};
pub(crate) use varlink::Failure;

/// A client's name for tests.
#[cfg(test)]
pub(crate) fn connection_id(number: u64) -> ConnectionId {
    ConnectionId(number)
}
