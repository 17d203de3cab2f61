//! The .deb itself: an ar archive of three members, and how it appears whole or not at all.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::compress::{Compression, Encoder};
use super::member::TarWriter;
use crate::error::Error;
use crate::plan::path::implied_directory;
use crate::rpm::digest::{Algorithm, Hasher};
use crate::tree::{Entry, EntryKind};

/// A file of control.tar.
#[derive(Debug, Clone)]
pub struct ControlMember {
    /// `control`, `postinst`, …
    pub name: String,
    /// 0755 for scripts, 0644 for the rest.
    pub mode: u32,
    /// Its text.
    pub content: Vec<u8>,
}

/// Makes control.tar, compressed, in memory.
pub fn control_tar(members: &[ControlMember], compression: Compression, mtime: u64) -> Result<Vec<u8>, Error> {
    let size_bytes = members.iter().map(|member| member.content.len() as u64 + 1024).sum::<u64>() + 2048;
    let write = || -> io::Result<Vec<u8>> {
        let encoder = Encoder::new(Vec::new(), compression.single_threaded(), size_bytes)?;
        let mut tar = TarWriter::new(encoder, mtime)?;
        for member in members {
            let entry = Entry {
                path: member.name.clone().into_bytes(),
                kind: EntryKind::Regular { size_bytes: member.content.len() as u64 },
                mode: member.mode,
                ..implied_directory(b"", mtime)
            };
            tar.entry(&entry, &mut member.content.as_slice())?;
        }
        tar.finish()?.finish()
    };
    write().map_err(Error::io("write", "control.tar"))
}

/// Checksum files to write beside the .deb.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checksums {
    /// `NAME.deb.sha1sum`, as sha1sum(1) prints it.
    pub sha1: bool,
    /// `NAME.deb.sha256sum`, as sha256sum(1) prints it.
    pub sha256: bool,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// The .deb.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Assembles the .deb in `directory` under a temporary name and renames it when it is complete and on disk.
///
/// `data` holds the compressed data.tar. An existing file of that name is replaced.
pub fn write(
    directory: &Path,
    file_name: &str,
    compression: Compression,
    control: &[u8],
    mut data: File,
    mtime: u64,
    checksums: Checksums,
) -> Result<Written, Error> {
    let path = directory.join(file_name);
    let temporary = temporary_file(directory, file_name)?;
    let unwritable = |source| Error::Io { operation: "write", path: path.clone(), source };
    let data_bytes = data.seek(io::SeekFrom::End(0)).map_err(unwritable)?;
    data.rewind().map_err(unwritable)?;

    let mut output = Summed::new(temporary.as_file(), checksums);
    let suffix = compression.format.suffix();
    let mut archive = ar::Builder::new(&mut output);
    append(&mut archive, "debian-binary", b"2.0\n".len() as u64, &b"2.0\n"[..], mtime).map_err(unwritable)?;
    append(&mut archive, &format!("control.tar{suffix}"), control.len() as u64, control, mtime).map_err(unwritable)?;
    append(&mut archive, &format!("data.tar{suffix}"), data_bytes, data, mtime).map_err(unwritable)?;

    let (bytes, sums) = output.finish();
    let mut sum_files = Vec::new();
    for (suffix, sum) in sums {
        let name = format!("{file_name}.{suffix}");
        let mut file = temporary_file(directory, &name)?;
        writeln!(file, "{sum}  {file_name}").map_err(unwritable)?;
        sum_files.push((file, directory.join(name)));
    }
    persist(temporary, &path)?;
    for (file, path) in sum_files {
        persist(file, &path)?;
    }
    sync_directory(directory)?;
    Ok(Written { path, bytes })
}

fn append(
    archive: &mut ar::Builder<impl Write>,
    name: &str,
    bytes: u64,
    content: impl Read,
    mtime: u64,
) -> io::Result<()> {
    let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes);
    header.set_mode(0o100_644); // dpkg-deb's, file type included
    header.set_mtime(mtime);
    archive.append(&header, content)
}

/// A file beside its final place: the rename cannot cross file systems. It vanishes unless persisted.
pub fn temporary_file(directory: &Path, file_name: &str) -> Result<NamedTempFile, Error> {
    tempfile::Builder::new()
        .prefix(&format!(".{file_name}."))
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(Error::io("create a temporary file in", directory))
}

/// An unnamed file for the data member; it is gone with the process, whatever happens.
pub fn unnamed_file(directory: &Path) -> Result<File, Error> {
    tempfile::tempfile_in(directory).map_err(Error::io("create a temporary file in", directory))
}

fn persist(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::Io {
        operation: "rename to",
        path: path.to_owned(),
        source: error.error,
    })?;
    Ok(())
}

fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(Error::io("sync", directory))
}

/// Counts and hashes what is written.
struct Summed<W> {
    inner: W,
    bytes: u64,
    sums: Vec<(&'static str, Hasher)>,
}

impl<W: Write> Summed<W> {
    fn new(inner: W, checksums: Checksums) -> Self {
        let mut sums = Vec::new();
        if checksums.sha1 {
            sums.push(("sha1sum", Hasher::new(Algorithm::Sha1)));
        }
        if checksums.sha256 {
            sums.push(("sha256sum", Hasher::new(Algorithm::Sha256)));
        }
        Self { inner, bytes: 0, sums }
    }

    fn finish(self) -> (u64, Vec<(&'static str, String)>) {
        (self.bytes, self.sums.into_iter().map(|(suffix, hasher)| (suffix, hasher.finish())).collect())
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        for (_, hasher) in &mut self.sums {
            hasher.update(&buffer[..count]);
        }
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
