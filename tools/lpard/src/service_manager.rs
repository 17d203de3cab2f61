//! Talking to systemd: READY, STATUS, WATCHDOG, STOPPING, as `sd_notify(3)` describes. Elsewhere all of it does nothing.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// Whoever started this service and wants to hear of it.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    way: Option<(UnixDatagram, SocketAddr)>,
    /// Within this time a sign of life is wanted.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// As the environment says.
    pub(crate) fn from_environment() -> Self {
        let variable = |name| std::env::var_os(name);
        let way = variable("NOTIFY_SOCKET").and_then(|path| way(&path).ok());
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        let watchdog = watchdog(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), process::id());
        Self { way, watchdog }
    }

    /// How often to call [`alive`](Self::alive): twice in the time that is allowed.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.watchdog.map(|allowed| allowed / 2)
    }

    /// Start-up is over.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// A line for `systemctl status`.
    pub(crate) fn status(&self, text: &str) {
        self.tell(&format!("STATUS={}", text.replace('\n', " ")));
    }

    /// A sign of life.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// A service manager that has gone away is none of our business.
    fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.way {
            let _ = socket.send_to_addr(what.as_bytes(), address);
        }
    }
}

fn way(path: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// The time is in microseconds, and it is meant for one process only.
fn watchdog(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    usec?.parse().ok().filter(|usec| *usec > 0).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_watchdog_is_for_the_process_that_is_named() {
        let minute = Some(Duration::from_secs(60));
        assert_eq!(watchdog(Some("60000000"), None, 7), minute);
        assert_eq!(watchdog(Some("60000000"), Some("7"), 7), minute);
        assert_eq!(watchdog(Some("60000000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("0"), None, 7), None);
        assert_eq!(watchdog(Some("soon"), None, 7), None);
        assert_eq!(watchdog(None, None, 7), None);
    }

    #[test]
    fn both_kinds_of_socket_hear_us() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("lpard-test-{}", process::id());
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (listener, address) in [(by_path, path.into_os_string()), (by_name, format!("@{name}").into())] {
            let manager = ServiceManager { way: Some(way(&address).unwrap()), watchdog: None };
            manager.ready();
            manager.status("two\nlines");
            let mut heard = [0; 64];
            let length = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1");
            let length = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"STATUS=two lines");
        }
    }
}
