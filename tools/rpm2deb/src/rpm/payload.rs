//! The payload against the header's list: every entry must be a file of the list, of the announced type and size, at
//! most once; every file of the list must come; every digest must match.
//!
//! Hard links share (device, inode) in the header. All but one of their entries come without data, and which one has it
//! differs between versions of rpm; [`Item::has_data`] says it.

use std::collections::HashMap;
use std::io::{self, Read};

use super::Opened;
use super::cpio::{Head, Reader};
use super::decompress::Decoder;
use super::digest::{Algorithm, Check, CheckedReader};
use super::package::{File, FileKind, Package};
use crate::error::Error;
use crate::limits::Limits;
use crate::printable::printable;

/// The payload of an opened RPM, entry by entry. Between two calls of [`Archive::next_entry`] it reads as the file's data.
#[derive(Debug)]
pub struct Archive<'a, R: Read> {
    files: &'a [File],
    roll_call: RollCall<'a>,
    reader: Reader<CheckedReader<Decoder<R>>>,
    current: Option<CurrentFile>,
    file_algorithm: Algorithm,
}

/// An entry of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Which file of [`Package::files`].
    pub file: usize,
    /// The data of a regular file follows; among hard links one entry has it.
    pub has_data: bool,
}

/// The file whose data is being read.
#[derive(Debug)]
struct CurrentFile {
    index: usize,
    check: Option<Check>,
}

impl<'a, R: Read> Archive<'a, R> {
    /// Prepares to read the payload of `package`, which [`super::open`] gave together with `payload`.
    pub fn new(package: &'a Package, payload: CheckedReader<R>, limits: Limits) -> Result<Self, Error> {
        check_announced_size(package, limits)?;
        let decoder = Decoder::new(payload, package.payload.compressor.as_deref(), limits)?;
        let checks = package
            .expected
            .archive
            .iter()
            .map(|(algorithm, hex)| (Check::new(*algorithm, hex), "uncompressed payload"))
            .collect();
        Ok(Self {
            files: &package.files,
            roll_call: RollCall::new(package)?,
            reader: Reader::new(CheckedReader::new(decoder, checks)),
            current: None,
            file_algorithm: package.expected.files,
        })
    }

    /// The next entry, or `None` when all have come. Ends the previous file and compares its digest.
    pub fn next_entry(&mut self) -> Result<Option<Item>, Error> {
        self.end_current_file()?;
        let Some(head) = self.reader.next_entry()? else {
            self.roll_call.end(self.files)?;
            return Ok(None);
        };
        let (index, archived_bytes) = match &head {
            Head::Named { name, mode, size_bytes } => {
                let index = self.roll_call.find(name)?;
                check_type(&self.files[index], *mode)?;
                (index, Some(u64::from(*size_bytes)))
            }
            Head::Numbered(number) => (self.roll_call.number(*number)?, None),
        };
        let file = &self.files[index];
        let has_data = self.roll_call.arrive(index, file, archived_bytes)?;
        if archived_bytes.is_none() {
            self.reader.expect(if has_data { archived_size(file) } else { 0 });
        }
        if has_data {
            let check = Some(file)
                .filter(|file| matches!(file.kind, FileKind::Regular { .. }) && !file.digest.is_empty())
                .map(|file| Check::new(self.file_algorithm, &file.digest));
            self.current = Some(CurrentFile { index, check });
        }
        Ok(Some(Item { file: index, has_data: has_data && matches!(file.kind, FileKind::Regular { .. }) }))
    }

    /// Reads the payload to its very end and compares every digest that covers it, and the announced size.
    pub fn finish(mut self, package: &Package, header_bytes: u64) -> Result<(), Error> {
        self.end_current_file()?;
        let unreadable =
            |error: io::Error| Error::malformed("payload", format!("damaged after its last entry: {error}"));
        let mut archive = self.reader.into_inner();
        io::copy(&mut archive, &mut io::sink()).map_err(unreadable)?;
        let mut compressed = archive.finish()?.into_inner();
        io::copy(&mut compressed, &mut io::sink()).map_err(unreadable)?;
        let payload_bytes = compressed.get_ref().bytes();
        if let Some(expected) = package.expected.header_and_payload_bytes {
            let found = header_bytes + payload_bytes;
            if found != expected {
                return Err(Error::malformed(
                    "payload",
                    format!(
                        "header and payload have {found} bytes, the signature header says {expected}; the file is truncated or has something appended"
                    ),
                ));
            }
        }
        compressed.into_inner().finish().map(drop)
    }

    fn end_current_file(&mut self) -> Result<(), Error> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let name = printable(&self.files[current.index].path);
        // Whoever got the entry may have left data unread; the digest needs it.
        let mut buffer = [0; 8192];
        loop {
            let count = self
                .reader
                .read(&mut buffer)
                .map_err(|error| Error::malformed(format!("payload entry '{name}'"), error.to_string()))?;
            if count == 0 {
                break;
            }
            if let Some(check) = &mut current.check {
                check.update(&buffer[..count]);
            }
        }
        current.check.map_or(Ok(()), |check| check.finish(&format!("file {name}")))
    }
}

impl<R: Read> Read for Archive<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(current) = &mut self.current else { return Ok(0) };
        let count = self.reader.read(buffer)?;
        if let Some(check) = &mut current.check {
            check.update(&buffer[..count]);
        }
        Ok(count)
    }
}

/// Refuses before the first byte what the header itself says is too large.
fn check_announced_size(package: &Package, limits: Limits) -> Result<(), Error> {
    let found = package.payload.content_bytes;
    if found > limits.max_unpacked_bytes {
        return Err(Error::Limit {
            what: "the unpacked size in bytes, as the header announces it,".to_owned(),
            found,
            limit: limits.max_unpacked_bytes,
            advice: "; raise it with --max-size if that is right",
        });
    }
    Ok(())
}

/// A stripped archive stores the target of a symlink as its data, as newc does.
fn archived_size(file: &File) -> u64 {
    match &file.kind {
        FileKind::Regular { size_bytes } => *size_bytes,
        FileKind::Symlink { target } => target.len() as u64,
        _ => 0,
    }
}

fn check_type(file: &File, mode: u32) -> Result<(), Error> {
    let expected = match file.kind {
        FileKind::Directory => 0o04_0000,
        FileKind::Regular { .. } => 0o10_0000,
        FileKind::Symlink { .. } => 0o12_0000,
        FileKind::CharDevice { .. } => 0o02_0000,
        FileKind::BlockDevice { .. } => 0o06_0000,
        FileKind::Fifo => 0o01_0000,
    };
    if mode & 0o17_0000 == expected {
        return Ok(());
    }
    Err(Error::malformed(
        format!("payload entry '{}'", printable(&file.path)),
        format!("has file type {:o}, the header says {expected:o}", mode & 0o17_0000),
    ))
}

/// Who has come, and which hard links still lack their data.
#[derive(Debug)]
struct RollCall<'a> {
    by_path: HashMap<&'a [u8], usize>,
    has_come: Vec<bool>,
    /// Hard links that have not come, per (device, inode), for groups of two and more; `None` once the data has come.
    link_groups: HashMap<(u32, u32), LinkGroup>,
    /// Packages with names in the payload that carry no `./` (before rpm 4.0).
    allows_absolute: bool,
}

#[derive(Debug, Default)]
struct LinkGroup {
    to_come: usize,
    data_has_come: bool,
}

impl<'a> RollCall<'a> {
    fn new(package: &'a Package) -> Result<Self, Error> {
        let files = &package.files;
        let mut by_path = HashMap::with_capacity(files.len());
        let mut link_groups: HashMap<(u32, u32), LinkGroup> = HashMap::new();
        for (index, file) in files.iter().enumerate() {
            if by_path.insert(file.path.as_slice(), index).is_some() {
                return Err(Error::malformed("header file list", format!("has '{}' twice", printable(&file.path))));
            }
            if is_linkable(file) {
                link_groups.entry(file.inode).or_default().to_come += 1;
            }
        }
        link_groups.retain(|_, group| group.to_come > 1);
        Ok(Self { by_path, has_come: vec![false; files.len()], link_groups, allows_absolute: package.format == 3 })
    }

    /// `./usr/bin/x` is the header's `/usr/bin/x`; nothing else is accepted but, in RPM v3, the bare or absolute name.
    fn find(&self, name: &[u8]) -> Result<usize, Error> {
        let absolute = match name {
            [b'.', rest @ ..] if rest.starts_with(b"/") => rest.to_vec(),
            [b'/', ..] if self.allows_absolute => name.to_vec(),
            [b'/', ..] => return Err(unlisted(name, "has an absolute name")),
            _ => [b"/", name].concat(),
        };
        self.by_path
            .get(absolute.as_slice())
            .copied()
            .ok_or_else(|| unlisted(name, "is not in the header's list of files"))
    }

    fn number(&self, number: u32) -> Result<usize, Error> {
        let index = number as usize;
        if index < self.has_come.len() {
            return Ok(index);
        }
        let files = self.has_come.len();
        Err(Error::malformed(format!("payload entry number {number}"), format!("the header lists only {files} files")))
    }

    /// Notes that the file has come; says whether its data follows.
    fn arrive(&mut self, index: usize, file: &File, archived_bytes: Option<u64>) -> Result<bool, Error> {
        let damaged = |reason: String| Error::malformed(format!("payload entry '{}'", printable(&file.path)), reason);
        if file.has(File::GHOST) {
            return Err(damaged("is a %ghost, which has no place in a payload".to_owned()));
        }
        if std::mem::replace(&mut self.has_come[index], true) {
            return Err(damaged("comes twice".to_owned()));
        }
        let listed = archived_size(file);
        let group = if is_linkable(file) { self.link_groups.get_mut(&file.inode) } else { None };
        let Some(group) = group else {
            return match archived_bytes {
                Some(found) if found != listed => Err(damaged(format!("has {found} bytes, the header says {listed}"))),
                _ => Ok(listed > 0 || matches!(file.kind, FileKind::Regular { .. })),
            };
        };
        group.to_come -= 1;
        // newc shows by the size which link carries the data; in a stripped archive it is the last one.
        let has_data =
            archived_bytes.map_or(group.to_come == 0, |found| found > 0 || listed == 0 && group.to_come == 0);
        if let Some(found) = archived_bytes.filter(|found| *found != 0 && *found != listed) {
            return Err(damaged(format!("has {found} bytes, the header says {listed}")));
        }
        if has_data && std::mem::replace(&mut group.data_has_come, true) {
            return Err(damaged("brings data for a hard link that already has it".to_owned()));
        }
        if group.to_come == 0 && !group.data_has_come {
            return Err(damaged("is the last of its hard links, and none brought the data".to_owned()));
        }
        Ok(has_data)
    }

    fn end(&self, files: &[File]) -> Result<(), Error> {
        let missing = files.iter().zip(&self.has_come).find(|(file, has_come)| !**has_come && !file.has(File::GHOST));
        match missing {
            None => Ok(()),
            Some((file, _)) => Err(Error::malformed(
                "payload",
                format!("ends without '{}', which the header lists", printable(&file.path)),
            )),
        }
    }
}

/// Regular files with an inode number can be hard links of each other; %ghosts are not in the payload.
pub fn is_linkable(file: &File) -> bool {
    matches!(file.kind, FileKind::Regular { .. }) && file.inode != (0, 0) && !file.has(File::GHOST)
}

fn unlisted(name: &[u8], reason: &str) -> Error {
    Error::malformed(format!("payload entry '{}'", printable(name)), reason)
}

/// Reads the whole payload for its digests alone.
pub fn verify<R: Read>(opened: Opened<R>, limits: Limits) -> Result<(), Error> {
    let mut archive = Archive::new(&opened.package, opened.payload, limits)?;
    while archive.next_entry()?.is_some() {}
    archive.finish(&opened.package, opened.header_bytes)
}
