//! The two parts of the agent, and what they say to each other.
//!
//! # Theory of operation
//!
//! ```text
//!                 root part                                  network part
//!   hooks, /sys/kernel/..., ofdt, journals     |     user lpard, no capabilities, no files, no new
//!   trusted keys, control socket, migrations   |     privileges, Landlock, systemd's filter
//!                                              |
//!          permission: kind x phase <--- FromNetwork ---  what consoles ask (untrusted)
//!                                     --- FromRoot ---->  TLS, TCP and UDP 657
//! ```
//!
//! Who takes over the network part can ask what a console can ask, in the phases in which a console can; it cannot read or
//! write a file, start a program or open a socket to listen. It has the agent's key for sessions, and no other secret.
//!
//! The parts talk over a pair of `SOCK_SEQPACKET` sockets, one JSON value a packet, of limited size. The socket is the network
//! part's standard input, whoever started it: the root part itself, or systemd (`lpard-network@.service`), which adds a
//! filter of system calls. When one part ends the other sees the end of the socket: the network part ends too, the
//! root part starts another one, at growing intervals.

pub(crate) mod channel;
pub(crate) mod confine;
pub(crate) mod message;
pub(crate) mod permission;
pub(crate) mod start;
