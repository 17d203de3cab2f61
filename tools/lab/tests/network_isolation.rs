//! The MGMTSWITCH does what PowerVM's does in VEPA mode, on a real bridge with two real taps, in a namespace of its own:
//! a frame from one partition reaches the console's port and not the other partition. With isolation off it does, so
//! that the check is seen to be able to fail.
//!
//! The taps are opened by QEMU without a machine, as it opens them in the lab, and end in datagram sockets held here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod outcome;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::capture::Capture;
use lab::echo::Prober;
use lab::network::{self, Namespace, NamespaceId, Role};

/// How long what must come may take, and what must not come is given.
const COMES: Duration = Duration::from_secs(20);
const STAYS_AWAY: Duration = Duration::from_millis(400);

const NAME: &str = "isolated_partitions_reach_the_console_and_not_each_other";

fn main() -> ExitCode {
    let Some(outer) = outcome::outer_namespace() else {
        return outcome::run(&[(NAME, outcome::again_in_a_namespace)]);
    };
    inside(&outer);
    ExitCode::SUCCESS
}

fn inside(outer: &NamespaceId) {
    let namespace = Namespace::claim(outer).unwrap();
    namespace.apply(&network::base(&[0])).unwrap();
    assert!(Namespace::claim(outer).is_err(), "a network in use can be claimed");
    // The console can listen before the first partition is there.
    let link = nix::net::if_::if_nametoindex(network::management_bridge(0).as_str()).unwrap();
    UdpSocket::bind(SocketAddrV6::new(network::console_address(0), 657, 0, link)).unwrap();
    lab_answers_itself();

    let directory = tempfile::tempdir().unwrap();
    let a = Partition::plug(&namespace, directory.path(), 1);
    let b = Partition::plug(&namespace, directory.path(), 2);
    let mut console = Capture::open(&network::management_bridge(0)).unwrap();

    a.until_heard_by(&mut console, b"first");
    assert!(!a.is_heard_by(&b, b"isolated"), "an isolated port reached the other");
    a.until_heard_by(&mut console, b"between");

    namespace.apply(&network::isolation(&b.tap, false)).unwrap();
    assert!(a.is_heard_by(&b, b"open"), "a port that is not isolated was not reached");
    namespace.apply(&network::isolation(&b.tap, true)).unwrap();
    assert!(!a.is_heard_by(&b, b"isolated again"), "isolation cannot be put back");

    namespace.apply(&network::leave(&a.tap)).unwrap();
    a.send(b"unplugged");
    assert!(!hears(&mut console, b"unplugged", STAYS_AWAY), "a tap off its bridge was heard");
    drop((a, b));
    for tap in [1, 2].map(|partition| network::tap_name(0, partition, Role::Management)) {
        namespace.apply(&network::remove_tap(&tap)).unwrap();
    }
    namespace.apply(&network::remove_management(0)).unwrap();
    let error = Capture::open(&network::management_bridge(0)).unwrap_err().to_string();
    assert!(error.contains("there is no interface mgmt-0 here; there are: lo, lan0"), "{error}");
}

/// The prober of blackouts hears an address that answers, and does not hear one that does not.
fn lab_answers_itself() {
    let (there, absent) =
        (Prober::start(Ipv4Addr::LOCALHOST).unwrap(), Prober::start(Ipv4Addr::new(10, 77, 0, 9)).unwrap());
    let deadline = Instant::now() + COMES;
    while there.gaps().answers() < 20 {
        assert!(Instant::now() < deadline, "no answers: {} of {}", there.gaps().answers(), there.sent());
        thread::sleep(Duration::from_millis(5));
    }
    assert!(there.sent() >= 20);
    assert!(there.stop().longest().is_some());
    assert_eq!(absent.stop().answers(), 0);
}

/// A tap on the management network whose other end is a socket here.
struct Partition {
    tap: String,
    socket: UnixDatagram,
    qemu: Child,
    number: u16,
}

impl Partition {
    fn plug(namespace: &Namespace, directory: &Path, number: u16) -> Self {
        namespace.apply(&network::plug(0, number, Role::Management)).unwrap();
        let tap = network::tap_name(0, number, Role::Management);
        let [ours, theirs] = ["ours", "theirs"].map(|end| directory.join(format!("{number}.{end}")));
        let socket = UnixDatagram::bind(&ours).unwrap();
        let datagrams = format!(
            "dgram,id=out,local.type=unix,local.path={},remote.type=unix,remote.path={}",
            theirs.display(),
            ours.display()
        );
        let qemu = Command::new(lab::qemu::program())
            .args(["-M", "none", "-nodefaults", "-display", "none", "-no-user-config"])
            .args(["-netdev", &format!("tap,id=in,ifname={tap},script=no,downscript=no"), "-netdev", &datagrams])
            .args(["-netdev", "hubport,id=h0,hubid=0,netdev=in", "-netdev", "hubport,id=h1,hubid=0,netdev=out"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let partition = Self { tap, socket, qemu, number };
        let deadline = Instant::now() + COMES;
        while partition.socket.connect(&theirs).is_err() {
            assert!(Instant::now() < deadline, "QEMU made no socket");
            thread::sleep(Duration::from_millis(5));
        }
        partition
    }

    /// Sends a broadcast frame with these words in a UDP datagram.
    fn send(&self, words: &[u8]) {
        let source = network::partition_mac(self.number, Role::Management).link_local();
        self.socket.send(&udp_frame(source, words)).unwrap();
    }

    /// Until the port is up and the frame has come through.
    fn until_heard_by(&self, console: &mut Capture, words: &[u8]) {
        let deadline = Instant::now() + COMES;
        loop {
            self.send(words);
            if hears(console, words, Duration::from_millis(50)) {
                return;
            }
            assert!(Instant::now() < deadline, "the console hears nothing");
        }
    }

    /// Whether the other gets a frame from here.
    fn is_heard_by(&self, other: &Self, words: &[u8]) -> bool {
        let deadline = Instant::now() + STAYS_AWAY;
        self.send(words);
        let mut frame = [0; 2048];
        while let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            other.socket.set_read_timeout(Some(left)).unwrap();
            if other.socket.recv(&mut frame).is_ok_and(|length| frame[..length].ends_with(words)) {
                return true;
            }
        }
        false
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        self.qemu.kill().unwrap();
        self.qemu.wait().unwrap();
    }
}

fn hears(console: &mut Capture, words: &[u8], patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while let Some((frame, segment)) = console.next_of_port(lab::capture::MANAGEMENT_PORT, deadline).unwrap() {
        if frame.bytes.ends_with(words) {
            assert_eq!(segment.length, words.len());
            return true;
        }
    }
    false
}

/// A broadcast frame with IPv6, UDP from port 657 to 657, and these words.
fn udp_frame(source: Ipv6Addr, words: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + words.len()).unwrap().to_be_bytes();
    let mut frame = vec![0xff; 6];
    frame.extend_from_slice(&[2, 0x4c, 0x50, 9, 9, 9, 0x86, 0xdd, 0x60, 0, 0, 0, length[0], length[1], 17, 64]);
    frame.extend_from_slice(&source.octets());
    frame.extend_from_slice(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets());
    frame.extend_from_slice(&[2, 0x91, 2, 0x91, length[0], length[1], 0, 0]);
    frame.extend_from_slice(words);
    frame
}
