//! Notices that a link or an address has changed, so that nothing has to be tried in vain again and again.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

/// The kernel's announcements about links and IPv6 addresses.
#[derive(Debug)]
pub(super) struct LinkWatch {
    socket: OwnedFd,
}

impl LinkWatch {
    /// None where there is no such thing: then the clock says when to look.
    pub(super) fn open() -> Option<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute).ok()?;
        let groups = u32::try_from(libc::RTMGRP_LINK | libc::RTMGRP_IPV6_IFADDR).ok()?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups)).ok()?;
        Some(Self { socket })
    }

    /// Takes all announcements; says whether there were any. What they say is not looked at: they are only a hint.
    pub(super) fn drain(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let mut any = false;
        // An overflow is an announcement too: some were lost.
        while recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok_and(|length| length > 0) {
            any = true;
        }
        any
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
