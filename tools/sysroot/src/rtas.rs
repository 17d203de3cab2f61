//! Calls to the firmware: rtas(2), the one system call here that has no safe wrapper anywhere.
//!
//! A call is a token, which the device tree has under the call's name, and words in and out; all of it is big-endian, whatever
//! the processor's order is. The kernel checks who asks (`CAP_SYS_ADMIN`), how many words there are, and that no word that
//! is an address leads out of the partition's buffer for firmware. The calls here have no addresses; those that have one are in
//! [`work_area`](crate::work_area).

#![allow(unsafe_code, reason = "rtas(2) has no safe wrapper; the proof is at the call")]

use std::path::{Path, PathBuf};

use crate::error::{Error, Operation};
use crate::{Mode, Result, Sysroot};

/// Where the device tree has the tokens.
const TOKENS: &str = "proc/device-tree/rtas";

/// What a recorded machine answers from, and where it notes what was asked.
const RECORDED_ANSWERS: &str = "rtas";

/// Calls that may be made: name, words in, words out with the status.
pub(crate) type Calls = &'static [(&'static str, usize, usize)];

/// None of them takes an address.
const ALLOWED: Calls = &[("get-sensor-state", 2, 2), ("set-indicator", 3, 1), ("set-power-level", 2, 2)];

impl Sysroot {
    /// Calls the firmware; the answer's first word is its status, which may ask to call again. Only what is on this module's
    /// list can be called, with as many words as it takes.
    pub fn rtas(&self, call: &str, inputs: &[u32], outputs: usize) -> Result<Vec<u32>> {
        let path = checked(ALLOWED, call, inputs.len(), outputs)?;
        match self.mode {
            Mode::Recorded => self.recorded_rtas(&path, call, inputs, outputs),
            Mode::Live => {
                let token = self.token(&path)?;
                // SAFETY: no call of `ALLOWED` takes a word for an address.
                unsafe { live::call(token, inputs, outputs) }.map_err(Error::because(Operation::Rtas, &path))
            }
        }
    }

    /// Whether the firmware, or the record, has answers to calls at all.
    pub fn has_rtas(&self) -> bool {
        match self.mode {
            Mode::Recorded => self.is_dir(RECORDED_ANSWERS),
            Mode::Live => live::POSSIBLE && ALLOWED.iter().all(|(call, ..)| self.exists(Path::new(TOKENS).join(call))),
        }
    }

    pub(crate) fn token(&self, path: &Path) -> Result<u32> {
        let bytes = self.read_bytes_at_most(path, size_of::<u32>())?;
        let token = <[u8; 4]>::try_from(bytes).map_err(|_| impossible(path.to_owned(), "its token is not one cell"))?;
        Ok(u32::from_be_bytes(token))
    }

    /// `rtas/get-sensor-state+9003+0x10000001`: each line has the words of one answer, status first; the last one is the
    /// answer ever after. What was asked is noted in `rtas/asked`.
    fn recorded_rtas(&self, path: &Path, call: &str, inputs: &[u32], outputs: usize) -> Result<Vec<u32>> {
        let name = recorded_name(call, inputs);
        let (text, before) = self.recorded_answers(path, &name)?;
        let line = text.lines().nth(before).or_else(|| text.lines().last()).unwrap_or_default();
        let words: Option<Vec<u32>> = line.split_ascii_whitespace().map(word).collect();
        words.filter(|words| words.len() == outputs).ok_or_else(|| not_recorded(path, &name))
    }

    /// The answers to a question, and how often it was asked before; notes that it was asked.
    pub(crate) fn recorded_answers(&self, path: &Path, name: &str) -> Result<(String, usize)> {
        let Some(text) = self.read_text_if_present(Path::new(RECORDED_ANSWERS).join(name))? else {
            return Err(not_recorded(path, name));
        };
        let notes = Path::new(RECORDED_ANSWERS).join("asked");
        let asked = self.read_text_if_present(&notes)?.unwrap_or_default();
        let before = asked.lines().filter(|line| *line == name).count();
        self.append_log_line(&notes, name)?;
        Ok((text, before))
    }
}

/// The file of a call's token, if it is one of these calls.
pub(crate) fn checked(allowed: Calls, call: &str, inputs: usize, outputs: usize) -> Result<PathBuf> {
    let path = Path::new(TOKENS).join(call);
    if !allowed.contains(&(call, inputs, outputs)) {
        return Err(impossible(path, "this program does not make such a call"));
    }
    Ok(path)
}

pub(crate) fn not_recorded(path: &Path, name: &str) -> Error {
    let wanted = Path::new(RECORDED_ANSWERS).join(name);
    Error::NotRecorded { operation: Operation::Rtas, path: path.to_owned(), wanted }
}

pub(crate) fn impossible(path: PathBuf, why: &'static str) -> Error {
    Error::Impossible { operation: Operation::Rtas, path, why }
}

/// The call and its words, joined by `+`: numbers of tables as the tables have them, all others as connectors are written.
pub(crate) fn recorded_name(call: &str, inputs: &[u32]) -> String {
    let word = |word: &u32| if *word < 10_000 { format!("+{word}") } else { format!("+{word:#x}") };
    std::iter::once(call.to_owned()).chain(inputs.iter().map(word)).collect()
}

/// A recorded word: a status is a signed number.
#[allow(clippy::cast_sign_loss)] // a status is the same word with a sign
fn word(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse::<i32>().ok().map(|signed| signed as u32))
}

#[cfg(any(target_arch = "powerpc64", target_arch = "powerpc"))]
pub(crate) mod live {
    use nix::errno::Errno;
    use nix::libc;

    pub(crate) const POSSIBLE: bool = true;

    /// Words of all arguments and answers together (`struct rtas_args`, arch/powerpc/include/uapi/asm/rtas-types.h).
    const WORDS: usize = 16;

    /// `struct rtas_args` as the kernel has it.
    #[repr(C)]
    struct Arguments {
        token: u32,
        inputs: u32,
        outputs: u32,
        words: [u32; WORDS],
        /// The kernel's own use; it neither reads nor writes it in a caller's memory.
        answers: usize,
    }

    /// # Safety
    ///
    /// Where the call takes a word for an address, no object of this program may lie in the memory there.
    pub(crate) unsafe fn call(token: u32, inputs: &[u32], outputs: usize) -> nix::Result<Vec<u32>> {
        let end = inputs.len().checked_add(outputs).filter(|end| *end <= WORDS).ok_or(Errno::EINVAL)?;
        let count = |length: usize| u32::try_from(length).map(u32::to_be).map_err(|_| Errno::EINVAL);
        let mut words = [0; WORDS];
        for (word, input) in words.iter_mut().zip(inputs) {
            *word = input.to_be();
        }
        let mut arguments = Arguments {
            token: token.to_be(),
            inputs: count(inputs.len())?,
            outputs: count(outputs)?,
            words,
            answers: 0,
        };
        // SAFETY: the kernel (sys_rtas, arch/powerpc/kernel/rtas.c) reads the first three words and `inputs` words after
        // them, and writes `outputs` words after those. `end` says that these lie within `words`, and `arguments` is a live,
        // exclusively borrowed value of the kernel's layout that outlives the call; the kernel keeps no pointer to it. Any
        // bytes are valid in it. The firmware itself works on the kernel's copy. It can write to the partition's memory only
        // where a word is an address, and the caller says that nothing of ours is there.
        let result = unsafe { libc::syscall(libc::SYS_rtas, &raw mut arguments) };
        Errno::result(result)?;
        Ok(arguments.words[inputs.len()..end].iter().map(|word| u32::from_be(*word)).collect())
    }
}

#[cfg(not(any(target_arch = "powerpc64", target_arch = "powerpc")))]
pub(crate) mod live {
    use std::io;

    pub(crate) const POSSIBLE: bool = false;

    /// # Safety
    ///
    /// None is needed: nothing is called.
    pub(crate) unsafe fn call(_token: u32, _inputs: &[u32], _outputs: usize) -> io::Result<Vec<u32>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only IBM Power has firmware that can be called (rtas(2))"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_readable_names_in_a_record() {
        assert_eq!(recorded_name("get-sensor-state", &[9003, 0x3000_0002]), "get-sensor-state+9003+0x30000002");
        assert_eq!(recorded_name("set-power-level", &[u32::MAX, 100]), "set-power-level+0xffffffff+100");
    }

    #[test]
    fn a_status_may_be_negative() {
        assert_eq!(word("-9001"), Some(0xffff_dcd7));
        assert_eq!(word("9905"), Some(9905));
        assert_eq!(word("4294967296"), None);
        assert_eq!(word("x"), None);
    }
}
