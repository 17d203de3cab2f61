//! Parameters of the platform that the firmware keeps for a partition (PAPR 7.3.16), through `/dev/papr-sysparm`.
//!
//! The device came with Linux 6.8. Before it, they are read by a firmware call with a work area below 4 GiB in `/dev/mem`, which
//! lockdown forbids and this program does not do.

#![allow(unsafe_code, reason = "an ioctl has no safe wrapper; the proof is at the call")]

use std::os::fd::AsRawFd as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::error::{Error, Operation, absent_is_none};
use crate::{Mode, Result, Sysroot};

const DEVICE: &str = "dev/papr-sysparm";

/// What a recorded machine answers from: `system-parameters/0` has the bytes of parameter 0.
const RECORDED_ANSWERS: &str = "system-parameters";

/// `PAPR_SYSPARM_MAX_OUTPUT`.
const LIMIT_BYTES: usize = 4000;

/// `struct papr_sysparm_io_block` (arch/powerpc/include/uapi/asm/papr-sysparm.h).
#[repr(C)]
struct IoBlock {
    parameter: u32,
    length: u16,
    data: [u8; LIMIT_BYTES],
}

mod request {
    #![allow(missing_docs, reason = "nix's macro makes a function without documentation")]
    // PAPR_SYSPARM_IOC_GET: _IOWR(0xb2, 1, struct papr_sysparm_io_block)
    nix::ioctl_readwrite!(get, 0xb2, 1, super::IoBlock);
}

impl Sysroot {
    /// The value of a parameter. None where the kernel has no way to ask, and where the platform does not have the parameter.
    pub fn system_parameter(&self, token: u32) -> Result<Option<Vec<u8>>> {
        if self.mode == Mode::Recorded {
            let recorded = Path::new(RECORDED_ANSWERS).join(token.to_string());
            return absent_is_none(self.read_bytes_at_most(recorded, LIMIT_BYTES));
        }
        let path = Path::new(DEVICE);
        let opened = absent_is_none(self.open(Operation::Open, path, OFlag::O_RDONLY, 0))?;
        let Some(device) = opened else { return Ok(None) };
        let mut block = IoBlock { parameter: token, length: 0, data: [0; LIMIT_BYTES] };
        // SAFETY: the number of the request says the size of `IoBlock`, and the kernel reads and writes no more than that of
        // `block`, which is a live, exclusively borrowed value of the kernel's layout that outlives the call. Any bytes are
        // valid in it. The descriptor is open.
        match unsafe { request::get(device.as_raw_fd(), &raw mut block) } {
            Ok(_) => Ok(block.data.get(..usize::from(block.length)).map(<[u8]>::to_vec)),
            Err(Errno::EOPNOTSUPP) => Ok(None),
            Err(errno) => Err(Error::because(Operation::Ask, path)(errno)),
        }
    }
}
