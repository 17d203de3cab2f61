//! Calls to the firmware that need a page to talk through: `ibm,configure-connector`.
//!
//! Firmware reaches only the low part of the partition's memory, of which the kernel keeps a buffer for such calls of programs
//! (`/proc/ppc64/rtas/rmo_buffer`: address and size). It is read and written through `/dev/mem`, which lockdown closes, and never
//! mapped: no memory of this program is where firmware writes. Programs that use librtas take turns by its lock, and so does this
//! one. Linux 6.12 makes these calls itself (`dt` requests of `/sys/kernel/dlpar`).

#![allow(unsafe_code, reason = "rtas(2) has no safe wrapper; the proof is at the call")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;

use crate::error::{Error, Operation};
use crate::rtas::{self, Calls};
use crate::{Mode, Result, Sysroot};

/// How large a work area is.
pub const WORK_AREA_BYTES: usize = 4096;

const BUFFER: &str = "proc/ppc64/rtas/rmo_buffer";
const MEMORY: &str = "dev/mem";
/// librtas locks pages of the buffer by their numbers; this is all of them.
const LOCK: &str = "var/lock/LCK..librtas";
/// A call lasts milliseconds; firmware that is busy says so and is asked again later.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// What may be called so: address of the area and of a second one (none) in, status out.
const CALLS: Calls = &[("ibm,configure-connector", 2, 1)];

impl Sysroot {
    /// Whether calls can be made so: opens what the work area is reached through, and closes it again.
    pub fn reach_work_area(&self) -> Result<()> {
        self.memory()?;
        if self.mode == Mode::Live {
            self.work_area_address()?;
            for (call, inputs, outputs) in CALLS {
                self.token(&rtas::checked(CALLS, call, *inputs, *outputs)?)?;
            }
        }
        Ok(())
    }

    /// Calls the firmware with `area`, which then has the answer; returns the status, which may ask to call again.
    pub fn rtas_through_work_area(&self, call: &str, area: &mut [u8; WORK_AREA_BYTES]) -> Result<i32> {
        let (inputs, outputs) = (2, 1);
        let path = rtas::checked(CALLS, call, inputs, outputs)?;
        if self.mode == Mode::Recorded {
            return self.recorded_work_area(&path, call, area);
        }
        let token = self.token(&path)?;
        let _turn = self.lock_exclusive(LOCK, LOCK_PATIENCE, call)?;
        let address = self.work_area_address()?;
        let memory = self.memory()?;
        let because = |error| Error::because(Operation::Rtas, &path)(error);
        memory.write_all_at(area, address.into()).map_err(because)?;
        // SAFETY: the call takes its first word for the address of a work area of `WORK_AREA_BYTES`, and no second area (0).
        // The address is that of the buffer which the kernel reserved at boot for exactly this, and which is at least so large.
        // The kernel gives that memory to no process, this program does not map `/dev/mem`, and so no object of it is there. The
        // kernel itself refuses an address outside of the buffer (`block_rtas_call`).
        let answer = unsafe { rtas::live::call(token, &[address, 0], outputs) }
            .map_err(Error::because(Operation::Rtas, &path))?;
        memory.read_exact_at(area, address.into()).map_err(because)?;
        Ok(answer.first().map_or(0, |status| i32::from_ne_bytes(status.to_ne_bytes())))
    }

    fn memory(&self) -> Result<File> {
        self.open(Operation::Open, Path::new(MEMORY), OFlag::O_RDWR, 0).map(File::from)
    }

    fn work_area_address(&self) -> Result<u32> {
        let text = self.read_text(BUFFER)?;
        parse_buffer(&text).ok_or_else(|| rtas::impossible(BUFFER.into(), "it has no buffer of a page below 4 GiB"))
    }

    /// `rtas/ibm,configure-connector+0x30000001`: each line has the status of one answer and the bytes of its area in hexadecimal,
    /// as far as they are not zero. After the last line comes the first one again: who asks anew is told anew.
    fn recorded_work_area(&self, path: &Path, call: &str, area: &mut [u8; WORK_AREA_BYTES]) -> Result<i32> {
        let index = area.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let name = rtas::recorded_name(call, &[index]);
        let (text, before) = self.recorded_answers(path, &name)?;
        let missing = || rtas::not_recorded(path, &name);
        let line = text.lines().nth(before % text.lines().count().max(1)).ok_or_else(missing)?;
        let (status, bytes) = line.split_once(' ').unwrap_or((line, ""));
        let told = bytes_of(bytes).filter(|bytes| bytes.len() <= WORK_AREA_BYTES).ok_or_else(missing)?;
        area.fill(0);
        for (byte, told) in area.iter_mut().zip(told) {
            *byte = told;
        }
        status.parse().map_err(|_| missing())
    }
}

/// Address and size, both hexadecimal: `000000000ffe0000 10000`.
fn parse_buffer(text: &str) -> Option<u32> {
    let (address, size) = text.trim_end().split_once(' ')?;
    let (address, size) = (u64::from_str_radix(address, 16).ok()?, u64::from_str_radix(size, 16).ok()?);
    let end = address.checked_add(size)?;
    let fits = address > 0 && size >= WORK_AREA_BYTES as u64 && end <= u64::from(u32::MAX) + 1;
    u32::try_from(address).ok().filter(|_| fits)
}

fn bytes_of(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_buffer_has_to_hold_a_page_that_firmware_reaches() {
        assert_eq!(parse_buffer("000000000ffe0000 10000\n"), Some(0x0ffe_0000));
        assert_eq!(parse_buffer("00000000fffff000 1000\n"), Some(0xffff_f000));
        for text in [
            "",
            "0",
            "0 10000",
            "1000 fff",
            "x 1000",
            "00000000fffff001 1000",
            "100000000 1000",
            "ffffffffffffffff 1000",
        ] {
            assert_eq!(parse_buffer(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_record_answers_line_by_line_and_again() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("rtas")).unwrap();
        let name = "rtas/ibm,configure-connector+0x30000001";
        std::fs::write(directory.path().join(name), "2 3000000100000000ff\n0\n").unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        let mut area = [0; WORK_AREA_BYTES];
        let ask = |area: &mut _| sysroot.rtas_through_work_area("ibm,configure-connector", area).unwrap();
        for _ in 0..2 {
            area[..4].copy_from_slice(&[0x30, 0, 0, 1]);
            assert_eq!((ask(&mut area), area[8], area[9]), (2, 0xff, 0));
            assert_eq!((ask(&mut area), area[8]), (0, 0));
        }
        assert!(sysroot.rtas_through_work_area("ibm,configure-connector", &mut [0; WORK_AREA_BYTES]).is_err());
        assert!(sysroot.rtas_through_work_area("set-indicator", &mut area).is_err());
        assert!(sysroot.reach_work_area().unwrap_err().is_absent());
    }
}
