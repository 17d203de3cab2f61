//! Writing: attributes of the kernel, whole files, journal lines.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode as FileMode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat, write};

use crate::error::{Error, Operation, absent_is_none};
use crate::{Mode, Result, Sysroot};

impl Sysroot {
    /// Writes an attribute of sysfs or procfs with exactly one `write(2)`. The kernel's refusal is in [`Error::errno`].
    /// The call lasts as long as the kernel works: minutes for a migration.
    pub fn write_attribute(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = path.as_ref();
        // A recorded machine has plain files, and the attribute may not be among them.
        let flags = match self.mode {
            Mode::Live => OFlag::O_WRONLY,
            Mode::Recorded => OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC,
        };
        let file = self.open(Operation::Write, path, flags, 0o644)?;
        let written = write(&file, bytes).map_err(Error::because(Operation::Write, path))?;
        if written == bytes.len() {
            return Ok(());
        }
        Err(Error::ShortWrite { operation: Operation::Write, path: path.to_owned(), written, length: bytes.len() })
    }

    /// Replaces a file as a whole: a temporary name beside it, permissions, fsync, rename, fsync of the directory. After a
    /// crash there is the old file or the new one. A symbolic link is replaced, not followed.
    pub fn replace_file(&self, path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<()> {
        let path = path.as_ref();
        let (directory, name) = self.open_parent(Operation::Replace, path)?;
        let temporary = temporary_name(name);
        let replaced = write_beside(&directory, &temporary, bytes, mode)
            .and_then(|()| Ok(renameat(&directory, temporary.as_os_str(), &directory, name)?))
            .and_then(|()| Ok(fsync(&directory)?));
        if replaced.is_err() {
            // Whatever stopped us, the temporary file must not stay; after the rename there is none, which is fine.
            let _ = unlinkat(&directory, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
        replaced.map_err(Error::because(Operation::Replace, path))
    }

    /// Appends one line to a journal and waits until it is on the disk. A line that an earlier crash tore is ended first,
    /// so that it cannot swallow this one.
    pub fn append_journal_line(&self, path: impl AsRef<Path>, line: &str) -> Result<()> {
        let path = path.as_ref();
        let created = !self.exists(path);
        let file = self.append(path, line)?;
        file.sync_data().map_err(Error::because(Operation::Append, path))?;
        if created {
            let (directory, _) = self.open_parent(Operation::Append, path)?;
            fsync(&directory).map_err(Error::because(Operation::Append, path))?;
        }
        Ok(())
    }

    /// Appends one line to a log, without waiting for the disk.
    pub fn append_log_line(&self, path: impl AsRef<Path>, line: &str) -> Result<()> {
        self.append(path.as_ref(), line).map(drop)
    }

    /// Appends text to a log as it is, without waiting for the disk: for who writes many lines at once.
    pub fn append_log(&self, path: impl AsRef<Path>, text: &str) -> Result<()> {
        let path = path.as_ref();
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT;
        let mut file = File::from(self.open(Operation::Append, path, flags, 0o644)?);
        file.write_all(text.as_bytes()).map_err(Error::because(Operation::Append, path))
    }

    fn append(&self, path: &Path, line: &str) -> Result<File> {
        let because = |error: io::Error| Error::because(Operation::Append, path)(error);
        if line.contains('\n') {
            return Err(because(io::Error::new(io::ErrorKind::InvalidInput, "a line has no line break in it")));
        }
        let flags = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        let mut file = File::from(self.open(Operation::Append, path, flags, 0o644)?);
        let whole = ends_with_line_break(&file).map_err(because)?;
        let text = if whole { format!("{line}\n") } else { format!("\n{line}\n") };
        file.write_all(text.as_bytes()).map_err(because)?;
        Ok(file)
    }

    /// Renames a file; an existing target is replaced.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let (from_directory, from_name) = self.open_parent(Operation::Rename, from)?;
        let (to_directory, to_name) = self.open_parent(Operation::Rename, to)?;
        renameat(&from_directory, from_name, &to_directory, to_name).map_err(Error::because(Operation::Rename, from))
    }

    /// Removes a file. One that is already gone is fine.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let Some((directory, name)) = absent_is_none(self.open_parent(Operation::Remove, path))? else {
            return Ok(());
        };
        match unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(Error::because(Operation::Remove, path)(error)),
        }
    }

    /// Creates a directory and those above it, where they do not exist.
    pub fn create_directories(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut made = PathBuf::new();
        for part in path.as_ref().components() {
            made.push(part);
            let (directory, name) = self.open_parent(Operation::CreateDirectory, &made)?;
            match mkdirat(&directory, name, FileMode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(Error::because(Operation::CreateDirectory, &made)(error)),
            }
        }
        Ok(())
    }
}

/// A name beside the target that no other writer of this machine uses.
fn temporary_name(name: &OsStr) -> OsString {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{}.new", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    temporary
}

fn write_beside(directory: &OwnedFd, name: &OsStr, bytes: &[u8], mode: u32) -> io::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = FileMode::from_bits_truncate(mode);
    let mut file = File::from(openat(directory, name, flags, mode)?);
    fchmod(&file, mode)?; // whatever the umask is
    file.write_all(bytes)?;
    file.sync_all()
}

fn ends_with_line_break(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let Some(last) = length.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}
