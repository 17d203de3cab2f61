//! The way of a partition's memory: the source's QEMU connects to a socket of the lab, the lab to the destination's. So the
//! lab can count what passes, and cut it. It also keeps a copy: a QEMU that has sent all of a suspended partition cannot go on
//! with it (10.0.2 ends with "invalid runstate transition: 'postmigrate' -> 'suspended'"), a new one that reads the copy can.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::fault::MIDDLE_OF_TRANSFER_BYTES;
use crate::error::Error;

/// A transfer that is set up.
#[derive(Debug)]
pub struct Transfer {
    way: Arc<Way>,
    copy: PathBuf,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Way {
    passed_bytes: AtomicU64,
    is_over: AtomicBool,
    ends: Mutex<Vec<UnixStream>>,
}

/// What happens in the middle, once: nothing, or a fault.
#[derive(Default)]
pub enum Interruption {
    /// Nothing.
    #[default]
    None,
    /// The way is cut.
    Cut,
    /// Something else is done.
    Call(Box<dyn FnOnce() + Send>),
}

impl Transfer {
    /// Listens at `entrance` for the source, and passes on to `exit`, where the destination listens; `copy` is the file for what
    /// passes. `interruption` happens once in the middle.
    pub fn open(entrance: &Path, exit: &Path, copy: &Path, interruption: Interruption) -> Result<Self, Error> {
        let failed = |source| Error::io("open the way to", exit.display(), source);
        // A socket of an earlier attempt.
        let _ = std::fs::remove_file(entrance);
        let listener = UnixListener::bind(entrance).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let way = Arc::new(Way::default());
        let mut file = File::create(copy).map_err(|source| Error::io("make", copy.display(), source))?;
        let (there, exit) = (Arc::clone(&way), exit.to_owned());
        let thread = std::thread::spawn(move || {
            if let Err(error) = there.carry(&listener, &exit, &mut file, interruption) {
                eprintln!("lparlab: transfer: {error}");
            }
        });
        Ok(Self { way, copy: copy.to_owned(), thread: Some(thread) })
    }

    /// Gives a QEMU that waits at `entrance` what has passed, once the source has sent all.
    pub fn replay(&self, entrance: &Path) -> Result<(), Error> {
        let failed = |source| Error::io("give back the partition from", self.copy.display(), source);
        let mut file = File::open(&self.copy).map_err(failed)?;
        let mut stream = UnixStream::connect(entrance).map_err(failed)?;
        io::copy(&mut file, &mut stream).map(drop).map_err(failed)
    }

    /// Bytes that have passed.
    pub fn passed_bytes(&self) -> u64 {
        self.way.passed_bytes.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Interruption {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Cut => "Cut",
            Self::Call(_) => "Call",
        })
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.way.cut();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // As large as the partition's memory; nobody wants it any more.
        let _ = std::fs::remove_file(&self.copy);
    }
}

impl Way {
    fn cut(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        for end in self.ends.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // An end that is closed already is cut.
            let _ = end.shutdown(std::net::Shutdown::Both);
        }
    }

    fn carry(
        &self,
        listener: &UnixListener,
        exit: &Path,
        copy: &mut File,
        mut interruption: Interruption,
    ) -> io::Result<()> {
        let Some(mut source) = self.accept(listener)? else { return Ok(()) };
        let mut destination = UnixStream::connect(exit)?;
        self.ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([source.try_clone()?, destination.try_clone()?]);
        // Nothing comes back unless QEMU is asked for a return path, which it is not.
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = source.read(&mut buffer)?;
            if count == 0 || self.is_over.load(Ordering::Relaxed) {
                return destination.shutdown(std::net::Shutdown::Write);
            }
            // The copy first: whatever the destination has, the lab has.
            copy.write_all(&buffer[..count])?;
            destination.write_all(&buffer[..count])?;
            let passed = self.passed_bytes.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
            if passed >= MIDDLE_OF_TRANSFER_BYTES {
                match std::mem::take(&mut interruption) {
                    Interruption::None => {}
                    Interruption::Cut => self.cut(),
                    Interruption::Call(call) => call(),
                }
            }
        }
    }

    fn accept(&self, listener: &UnixListener) -> io::Result<Option<UnixStream>> {
        while !self.is_over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn bytes_pass_are_counted_and_interrupted_once_in_the_middle() {
        let directory = tempfile::tempdir().unwrap();
        let [entrance, exit, copy] = ["in", "out", "copy"].map(|name| directory.path().join(name));
        let destination = UnixListener::bind(&exit).unwrap();
        let (sender, interrupted) = channel();
        let transfer =
            Transfer::open(&entrance, &exit, &copy, Interruption::Call(Box::new(move || sender.send(()).unwrap())))
                .unwrap();
        let sender = std::thread::spawn(move || {
            let mut source = UnixStream::connect(&entrance).unwrap();
            let block = vec![7; 1 << 20];
            (0..10).for_each(|_| source.write_all(&block).unwrap());
        });
        let mut arrived = Vec::new();
        destination.accept().unwrap().0.read_to_end(&mut arrived).unwrap();
        sender.join().unwrap();
        assert_eq!(arrived.len(), 10 << 20);
        assert_eq!(transfer.passed_bytes(), 10 << 20);
        assert_eq!(interrupted.try_iter().count(), 1);
        assert_eq!(std::fs::read(&copy).unwrap(), arrived);
        drop(transfer);
        assert!(!copy.exists());
    }

    #[test]
    fn a_cut_in_the_middle_ends_both_sides() {
        let directory = tempfile::tempdir().unwrap();
        let [entrance, exit, copy] = ["in", "out", "copy"].map(|name| directory.path().join(name));
        let destination = UnixListener::bind(&exit).unwrap();
        let transfer = Transfer::open(&entrance, &exit, &copy, Interruption::Cut).unwrap();
        let sender = std::thread::spawn(move || {
            let mut source = UnixStream::connect(&entrance).unwrap();
            let block = vec![7; 1 << 20];
            (0..100).find(|_| source.write_all(&block).is_err())
        });
        let mut arrived = Vec::new();
        let _ = destination.accept().unwrap().0.read_to_end(&mut arrived);
        assert!(sender.join().unwrap().is_some(), "the source can write no more");
        assert!(transfer.passed_bytes() < 20 << 20, "{}", transfer.passed_bytes());
    }
}
