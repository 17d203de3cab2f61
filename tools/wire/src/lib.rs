//! The native session between a partition and its console: bytes, messages, phases; no socket, no clock.
//!
//! `PROTOCOL.md` specifies it. It is lparkit's own and openly specified; it is not IBM's RMC, and an HMC does not speak it.
//!
//! # Theory of operation
//!
//! The partition calls: TCP to port 657 of its console, TLS 1.3 over it, frames in it, a JSON message in each. Beside it both
//! send heartbeats by UDP, sealed with keys that are exported from the TLS session.
//!
//! ```text
//! TCP bytes -> channel (tls, frame) -> message -> partition | console -> what to send, to do, to note
//! UDP bytes -> heartbeat ------------- heard ---'        ^
//! time, outcomes of the engine --------------------------'
//! ```
//!
//! Nothing here opens anything or waits: bytes come in as slices and go out as vectors, time is a [`Duration`] since a start
//! that the caller chooses, randomness is handed in (all but TLS's own, which is ring's). The two state machines take
//! inputs and give outputs; what a request means is the caller's business.
//!
//! [`Duration`]: std::time::Duration

pub mod admission;
pub mod backoff;
pub mod channel;
pub mod console;
pub mod discovery;
pub mod frame;
pub mod heartbeat;
pub mod hex;
pub mod key;
pub mod limits;
pub mod message;
pub mod partition;
pub mod phase;
mod pulse;
pub mod rate;
pub mod tls;
pub mod version;
