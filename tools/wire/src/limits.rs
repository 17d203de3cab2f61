//! Limits that both ends keep to, with the reason of each. Those of a message's size are in [`crate::frame`].

use std::time::Duration;

/// From the end of the TCP handshake to the end of TLS's: the caller ends a connection that takes longer.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// From the end of TLS's handshake to the greeting. A partition under emulation on a loaded machine takes seconds.
pub(crate) const GREETING_DEADLINE: Duration = Duration::from_secs(10);

/// A faster heartbeat would wake an idle partition more than once a second.
pub const HEARTBEAT_SHORTEST: Duration = Duration::from_secs(1);

/// With a slower one a lost console would not be noticed within three minutes.
pub const HEARTBEAT_LONGEST: Duration = Duration::from_secs(60);

/// Requests at once: a console that shows all it has asks a handful.
pub(crate) const REQUEST_BURST: u32 = 32;

/// Then one in that time; a script that adds and removes CPUs in a loop does not reach it.
pub(crate) const REQUEST_COST: Duration = Duration::from_millis(50);

/// Events that are sent before the console has seen the first of them.
pub(crate) const EVENTS_IN_FLIGHT: usize = 32;

/// Messages of a partition at once: an event flood, progress and answers of several requests.
pub(crate) const REPORT_BURST: u32 = 256;

/// Then one in that time.
pub(crate) const REPORT_COST: Duration = Duration::from_millis(10);
