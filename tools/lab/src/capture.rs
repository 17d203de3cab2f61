//! Frames of one interface that carry a given port, as lines like tcpdump's or as a pcap file.
//!
//! The parser takes bytes that anybody on the network may have made: it reads nothing beyond them, follows at most
//! [`VLAN_TAGS_MAX`] tags and [`IPV6_EXTENSIONS_MAX`] extension headers, and says `None` to what it does not know.
//! A tag that the kernel took off before (VLAN offload) is not seen.

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send, socket,
};

/// RMC's port, and ours.
pub const MANAGEMENT_PORT: u16 = 657;

/// Longest frame: what segmentation offload passes between interfaces of one machine.
pub const FRAME_MAX_BYTES: u32 = 64 << 10;

/// 802.1ad allows two.
const VLAN_TAGS_MAX: usize = 2;

/// RFC 8200 names six kinds; no honest packet has more.
const IPV6_EXTENSIONS_MAX: usize = 8;

const ETHERNET_HEADER_BYTES: usize = 14;
const IPV6_HEADER_BYTES: usize = 40;
const TCP_HEADER_BYTES: usize = 20;
const UDP_HEADER_BYTES: usize = 8;

/// The capture cannot work.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Not allowed, or no such thing in this kernel.
    #[error("cannot {operation} a packet socket for {interface}; it needs root, or the lab's own namespace")]
    Socket {
        /// Verb.
        operation: &'static str,
        /// The interface.
        interface: String,
        /// The system's answer.
        source: io::Error,
    },
    /// No such interface in this namespace.
    #[error("there is no interface {interface} here; there are: {present}")]
    NoInterface {
        /// The interface.
        interface: String,
        /// Those that there are.
        present: String,
    },
}

/// What carried the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP with its flags, as in the header's byte 13.
    Tcp {
        /// FIN is the lowest bit.
        flags: u8,
    },
    /// UDP.
    Udp,
}

/// One TCP segment or UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Who sent it.
    pub source: IpAddr,
    /// From which port.
    pub source_port: u16,
    /// To whom.
    pub destination: IpAddr,
    /// To which port.
    pub destination_port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// Bytes of user data, as the headers have it.
    pub length: usize,
}

impl Segment {
    /// Whether it comes from or goes to a port.
    pub fn concerns(&self, port: u16) -> bool {
        self.source_port == port || self.destination_port == port
    }
}

/// `IP6 fe80::1.1027 > fe80::2.657: Flags [P.], length 12`, as tcpdump -n has it.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.source.is_ipv4() { "IP" } else { "IP6" };
        let Self { source, source_port, destination, destination_port, length, .. } = self;
        write!(f, "{family} {source}.{source_port} > {destination}.{destination_port}: ")?;
        match self.transport {
            Transport::Tcp { flags } => write!(f, "Flags [{}], length {length}", flag_letters(flags)),
            Transport::Udp => write!(f, "UDP, length {length}"),
        }
    }
}

/// tcpdump's letters in tcpdump's order.
fn flag_letters(flags: u8) -> String {
    const LETTERS: [(u8, char); 8] =
        [(0x01, 'F'), (0x02, 'S'), (0x04, 'R'), (0x08, 'P'), (0x10, '.'), (0x20, 'U'), (0x40, 'E'), (0x80, 'W')];
    let letters: String = LETTERS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "none".to_owned() } else { letters }
}

/// The TCP segment or UDP datagram in an Ethernet frame, if it has one whole header of one.
pub fn parse(frame: &[u8]) -> Option<Segment> {
    let (mut kind, mut rest) = (half_word(frame, 12)?, frame.get(ETHERNET_HEADER_BYTES..)?);
    for _ in 0..VLAN_TAGS_MAX {
        if !matches!(kind, 0x8100 | 0x88a8) {
            break;
        }
        (kind, rest) = (half_word(rest, 2)?, rest.get(4..)?);
    }
    match kind {
        0x0800 => ipv4(rest),
        0x86dd => ipv6(rest),
        _ => None,
    }
}

fn ipv4(packet: &[u8]) -> Option<Segment> {
    let first = *packet.first()?;
    let header = 4 * usize::from(first & 0x0f);
    if first >> 4 != 4 || header < 20 {
        return None;
    }
    // A later fragment has no ports.
    if half_word(packet, 6)? & 0x1fff != 0 {
        return None;
    }
    let length = usize::from(half_word(packet, 2)?).checked_sub(header)?;
    let address = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
    transport(*packet.get(9)?, packet.get(header..)?, length, address(12)?, address(16)?)
}

fn ipv6(packet: &[u8]) -> Option<Segment> {
    if packet.first()? >> 4 != 6 {
        return None;
    }
    let address = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
    let (source, destination) = (address(8)?, address(24)?);
    let mut length = usize::from(half_word(packet, 4)?);
    let (mut next, mut rest) = (packet[6], packet.get(IPV6_HEADER_BYTES..)?);
    for _ in 0..IPV6_EXTENSIONS_MAX {
        let units = usize::from(*rest.get(1)?);
        let size = match next {
            0 | 43 | 60 => 8 * (units + 1),               // hop-by-hop, routing, destination options
            44 if half_word(rest, 2)? & 0xfff8 == 0 => 8, // first fragment
            51 => 4 * (units + 2),                        // authentication
            _ => break,
        };
        (next, rest) = (rest[0], rest.get(size..)?);
        length = length.checked_sub(size)?;
    }
    transport(next, rest, length, source, destination)
}

/// `length` is what the IP header leaves for the transport's header and the data.
fn transport(protocol: u8, bytes: &[u8], length: usize, source: IpAddr, destination: IpAddr) -> Option<Segment> {
    let (transport, header) = match protocol {
        6 => {
            let header = 4 * usize::from(bytes.get(12)? >> 4);
            (Transport::Tcp { flags: *bytes.get(13)? }, header.max(TCP_HEADER_BYTES))
        }
        17 => (Transport::Udp, UDP_HEADER_BYTES),
        _ => return None,
    };
    bytes.get(..header)?;
    Some(Segment {
        source,
        source_port: half_word(bytes, 0)?,
        destination,
        destination_port: half_word(bytes, 2)?,
        transport,
        length: length.checked_sub(header)?,
    })
}

fn half_word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// One captured frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it was read.
    pub at: SystemTime,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// What it carries.
    pub fn segment(&self) -> Option<Segment> {
        parse(&self.bytes)
    }
}

/// `09:46:40.250000 IP6 …`: one line of a capture, the time in UTC.
pub fn line(at: SystemTime, segment: &Segment) -> String {
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (day, micros) = (since_epoch.as_secs() % 86_400, since_epoch.subsec_micros());
    format!("{:02}:{:02}:{:02}.{micros:06} {segment}", day / 3600, day / 60 % 60, day % 60)
}

/// Frames of one interface, both directions.
#[derive(Debug)]
pub struct Capture {
    socket: OwnedFd,
    interface: String,
    index: usize,
    buffer: Vec<u8>,
}

impl Capture {
    /// Begins to capture in this process's network namespace.
    pub fn open(interface: &str) -> Result<Self, CaptureError> {
        let failed = |operation| {
            let interface = interface.to_owned();
            move |error: Errno| CaptureError::Socket { operation, interface, source: error.into() }
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
        let socket = socket.map_err(failed("open"))?;
        let address = link_address(interface)?;
        bind(socket.as_raw_fd(), &address).map_err(failed("bind"))?;
        let buffer = vec![0; FRAME_MAX_BYTES as usize];
        Ok(Self { socket, interface: interface.to_owned(), index: address.ifindex(), buffer })
    }

    /// The next frame, or `None` when none has come by then.
    pub fn next_frame(&mut self, deadline: Instant) -> Result<Option<Frame>, CaptureError> {
        loop {
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer) {
                // Before it was bound the socket heard every interface.
                Ok((_, Some(from))) if from.ifindex() != self.index => {}
                Ok((length, _)) => {
                    let bytes = self.buffer[..length.min(self.buffer.len())].to_vec();
                    return Ok(Some(Frame { at: SystemTime::now(), bytes }));
                }
                // The interface is down: it may come up again.
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => {
                    if Instant::now() >= deadline {
                        return Ok(None);
                    }
                    self.wait(deadline);
                }
                Err(error) => {
                    let interface = self.interface.clone();
                    return Err(CaptureError::Socket { operation: "read from", interface, source: error.into() });
                }
            }
        }
    }

    /// The next segment from or to a port, with its frame.
    pub fn next_of_port(&mut self, port: u16, deadline: Instant) -> Result<Option<(Frame, Segment)>, CaptureError> {
        while let Some(frame) = self.next_frame(deadline)? {
            if let Some(segment) = frame.segment().filter(|segment| segment.concerns(port)) {
                return Ok(Some((frame, segment)));
            }
        }
        Ok(None)
    }

    /// Sends a frame out of the interface, as if it came from here.
    pub fn inject(&self, frame: &[u8]) -> Result<(), CaptureError> {
        let failed = |error: Errno| {
            let interface = self.interface.clone();
            CaptureError::Socket { operation: "send on", interface, source: error.into() }
        };
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty()).map(drop).map_err(failed)
    }

    fn wait(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now()).min(Duration::from_secs(60));
        let milliseconds = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        // An error here is the next read's error too.
        let _ = poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], PollTimeout::from(milliseconds));
    }
}

/// The link-layer address of an interface, which has its index.
fn link_address(interface: &str) -> Result<LinkAddr, CaptureError> {
    let interfaces = getifaddrs().map_err(|error| CaptureError::Socket {
        operation: "find the interface of",
        interface: interface.to_owned(),
        source: error.into(),
    })?;
    let links = interfaces.filter_map(|entry| {
        let address = *entry.address.as_ref()?.as_link_addr()?;
        Some((entry.interface_name, address))
    });
    let links: Vec<(String, LinkAddr)> = links.collect();
    links.iter().find(|(name, _)| name == interface).map(|(_, address)| *address).ok_or_else(|| {
        let present = links.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        CaptureError::NoInterface { interface: interface.to_owned(), present }
    })
}

/// Writes frames as a pcap file, which tcpdump and Wireshark read.
#[derive(Debug)]
pub struct PcapWriter<W> {
    output: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file's header: version 2.4, microseconds, Ethernet.
    pub fn new(mut output: W) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
        header.extend_from_slice(&2_u16.to_le_bytes());
        header.extend_from_slice(&4_u16.to_le_bytes());
        // Time zone and accuracy: zero in every file. Longest frame, link type.
        for word in [0, 0, FRAME_MAX_BYTES, 1] {
            header.extend_from_slice(&word.to_le_bytes());
        }
        output.write_all(&header)?;
        Ok(Self { output })
    }

    /// Adds a frame.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let since_epoch = frame.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let bytes = &frame.bytes[..frame.bytes.len().min(FRAME_MAX_BYTES as usize)];
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // The format has 32 bits for the seconds: enough until 2106.
        let seconds = u32::try_from(since_epoch.as_secs()).unwrap_or(u32::MAX);
        for word in [seconds, since_epoch.subsec_micros(), length(bytes), length(&frame.bytes)] {
            self.output.write_all(&word.to_le_bytes())?;
        }
        self.output.write_all(bytes)
    }

    /// Hands the output back, flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ETHERNET: [u8; 12] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x4c, 0x50, 0, 0, 1];

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    /// An IPv6 packet with this next header and payload, in an Ethernet frame.
    fn frame6(next: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut addresses = [0; 32];
        (addresses[0], addresses[1], addresses[15]) = (0xfe, 0x80, 1);
        (addresses[16], addresses[17], addresses[31]) = (0xfe, 0x80, 2);
        joined(&[&ETHERNET, &[0x86, 0xdd, 0x60, 0, 0, 0], &length, &[next, 64], &addresses, payload])
    }

    /// An IPv4 packet; `word` is the one with the fragment's place.
    fn frame4(word: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
        let head =
            joined(&[&[0x45, 0], &length, &[0, 0], &word.to_be_bytes(), &[64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 0, 3]]);
        joined(&[&ETHERNET, &[8, 0], &head, payload])
    }

    /// Ports 1027 and 657.
    const PORTS: [u8; 4] = [4, 3, 2, 0x91];

    fn udp(data: usize) -> Vec<u8> {
        joined(&[&PORTS, &[0, u8::try_from(8 + data).unwrap(), 0, 0], &vec![7; data]])
    }

    fn tcp(flags: u8, data: usize) -> Vec<u8> {
        joined(&[&PORTS, &[0; 8], &[0x80, flags], &[0; 6], &[1; 12], &vec![7; data]])
    }

    /// A header that can be put between: its next header, eight bytes.
    fn extension(next: u8) -> [u8; 8] {
        [next, 0, 0, 0, 0, 0, 0, 0]
    }

    fn said(frame: &[u8]) -> String {
        parse(frame).map_or_else(|| "-".to_owned(), |segment| segment.to_string())
    }

    #[test]
    fn segments_are_shown_as_tcpdump_shows_them() {
        let [first, later] = [[17, 0, 0, 1, 0, 0, 0, 9], [17, 0, 0, 9, 0, 0, 0, 9]];
        let tagged = |frame: &[u8], tag: [u8; 2]| joined(&[&frame[..12], &tag, &[0, 5], &frame[12..]]);
        let once = tagged(&frame6(17, &udp(3)), [0x81, 0]);
        let twice = tagged(&once, [0x88, 0xa8]);
        let hops = joined(&[&extension(60), &extension(51), &[17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &udp(3)]);
        let udp6 = "IP6 fe80::1.1027 > fe80::2.657: UDP, length 3";
        let cases: [(&str, Vec<u8>, &str); 13] = [
            ("udp", frame6(17, &udp(3)), udp6),
            ("syn", frame6(6, &tcp(2, 0)), "IP6 fe80::1.1027 > fe80::2.657: Flags [S], length 0"),
            ("push", frame6(6, &tcp(0x18, 12)), "IP6 fe80::1.1027 > fe80::2.657: Flags [P.], length 12"),
            ("no flag", frame6(6, &tcp(0, 0)), "IP6 fe80::1.1027 > fe80::2.657: Flags [none], length 0"),
            ("IPv4", frame4(0x4000, &udp(1)), "IP 10.77.0.1.1027 > 10.77.0.3.657: UDP, length 1"),
            ("padded", joined(&[&frame4(0, &udp(1)), &[0; 17]]), "IP 10.77.0.1.1027 > 10.77.0.3.657: UDP, length 1"),
            ("later fragment of IPv4", frame4(0x2001, &udp(1)), "-"),
            ("one tag", once, udp6),
            ("two tags", twice.clone(), udp6),
            ("three tags", tagged(&twice, [0x81, 0]), "-"),
            ("extension headers", frame6(0, &hops), udp6),
            ("first fragment", frame6(44, &joined(&[&first, &udp(3)])), udp6),
            ("later fragment", frame6(44, &joined(&[&later, &udp(3)])), "-"),
        ];
        for (name, frame, expected) in cases {
            assert_eq!(said(&frame), expected, "{name}");
        }
    }

    #[test]
    fn hostile_frames_give_nothing() {
        let endless = extension(60).repeat(2000);
        let mut short_header = frame4(0, &udp(1));
        short_header[14] = 0x44;
        let mut lying_length = frame6(17, &udp(3));
        lying_length[18..20].copy_from_slice(&[0, 7]);
        let mut tcp_beyond = frame6(6, &tcp(2, 0));
        tcp_beyond[14 + 40 + 12] = 0xf0;
        let cases: [(&str, Vec<u8>); 9] = [
            ("endless extension headers", frame6(0, &endless)),
            ("extension beyond the end", frame6(0, &[17, 255, 0, 0, 0, 0, 0, 0])),
            ("extensions longer than the packet says", {
                let mut frame = frame6(0, &joined(&[&extension(17), &udp(3)]));
                frame[19] = 4;
                frame
            }),
            ("IPv4 header of 16 bytes", short_header),
            ("UDP longer than its packet", lying_length),
            ("TCP header beyond the end", tcp_beyond),
            ("ICMPv6", frame6(58, &[128, 0, 0, 0])),
            ("no next header", frame6(59, &udp(3))),
            ("IPv4 in a frame of IPv6", joined(&[&ETHERNET, &[0x86, 0xdd], &frame4(0, &udp(1))[14..]])),
        ];
        for (name, frame) in cases {
            assert_eq!(said(&frame), "-", "{name}");
        }
    }

    #[test]
    fn every_truncation_gives_nothing() {
        for frame in [
            frame4(0, &udp(0)),
            frame6(17, &udp(0)),
            frame6(6, &tcp(2, 0)),
            frame6(0, &joined(&[&extension(17), &udp(0)])),
        ] {
            assert!(parse(&frame).is_some());
            for length in 0..frame.len() {
                assert_eq!(parse(&frame[..length]), None, "{length} of {}", frame.len());
            }
        }
    }

    #[test]
    fn a_line_begins_with_the_time_of_day() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros((86_400 + 35_200) * 1_000_000 + 25);
        let segment = parse(&frame6(17, &udp(3))).unwrap();
        assert_eq!(line(at, &segment), "09:46:40.000025 IP6 fe80::1.1027 > fe80::2.657: UDP, length 3");
        assert!(segment.concerns(657) && segment.concerns(1027) && !segment.concerns(22));
    }

    #[test]
    fn a_pcap_file_is_as_its_format_says() {
        let frame = Frame { at: SystemTime::UNIX_EPOCH + Duration::from_micros(3_000_004), bytes: vec![9; 5] };
        let mut writer = PcapWriter::new(Vec::new()).unwrap();
        writer.write(&frame).unwrap();
        let expected: [u8; 45] = [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, // file
            3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 9, 9, 9, 9, 9, // frame
        ];
        assert_eq!(writer.finish().unwrap(), expected);
    }
}
