//! The header's file list: a dozen parallel arrays become one list of files.

use super::header::Header;
use super::package::{File, FileKind};
use super::tag;
use super::text::{decode, strings};
use crate::error::Error;
use crate::limits::Limits;

const S_IFMT: u64 = 0o17_0000;

/// The arrays, each as long as the list of names or absent.
struct Columns<'a> {
    modes: Vec<u64>,
    sizes: Vec<u64>,
    mtimes: Vec<u64>,
    flags: Vec<u64>,
    rdevs: Vec<u64>,
    devices: Vec<u64>,
    inodes: Vec<u64>,
    digests: Vec<&'a [u8]>,
    targets: Vec<&'a [u8]>,
    users: Vec<String>,
    groups: Vec<String>,
    capabilities: Vec<String>,
}

pub(super) fn read(header: &Header) -> Result<Vec<File>, Error> {
    let paths = read_paths(header)?;
    let columns = Columns {
        modes: header.integers(tag::FILE_MODES)?,
        sizes: if header.contains(tag::LONG_FILE_SIZES) {
            header.integers(tag::LONG_FILE_SIZES)?
        } else {
            header.integers(tag::FILE_SIZES)?
        },
        mtimes: header.integers(tag::FILE_MTIMES)?,
        flags: header.integers(tag::FILE_FLAGS)?,
        rdevs: header.integers(tag::FILE_RDEVS)?,
        devices: header.integers(tag::FILE_DEVICES)?,
        inodes: header.integers(tag::FILE_INODES)?,
        digests: header.strings(tag::FILE_DIGESTS)?,
        targets: header.strings(tag::FILE_LINK_TOS)?,
        users: strings(header, tag::FILE_USER_NAME)?,
        groups: strings(header, tag::FILE_GROUP_NAME)?,
        capabilities: strings(header, tag::FILE_CAPS)?,
    };
    columns.check_lengths(paths.len())?;
    paths.into_iter().enumerate().map(|(at, path)| columns.file(at, path)).collect()
}

/// Bytes of all regular files, hard links counted once, ghosts not at all.
pub(super) fn content_bytes(files: &[File]) -> Result<u64, Error> {
    let mut seen = std::collections::HashSet::new();
    let mut total: u64 = 0;
    for file in files.iter().filter(|file| !file.has(File::GHOST)) {
        if let FileKind::Regular { size_bytes } = file.kind {
            if file.inode != (0, 0) && !seen.insert(file.inode) {
                continue;
            }
            total = total
                .checked_add(size_bytes)
                .ok_or_else(|| Error::malformed("header file list", "file sizes add up to more than 2^64 bytes"))?;
        }
    }
    Ok(total)
}

impl Columns<'_> {
    fn check_lengths(&self, files: usize) -> Result<(), Error> {
        let required = [
            (tag::FILE_MODES, self.modes.len()),
            (tag::FILE_SIZES, self.sizes.len()),
            (tag::FILE_MTIMES, self.mtimes.len()),
        ];
        let optional = [
            (tag::FILE_FLAGS, self.flags.len()),
            (tag::FILE_RDEVS, self.rdevs.len()),
            (tag::FILE_DEVICES, self.devices.len()),
            (tag::FILE_INODES, self.inodes.len()),
            (tag::FILE_DIGESTS, self.digests.len()),
            (tag::FILE_LINK_TOS, self.targets.len()),
            (tag::FILE_USER_NAME, self.users.len()),
            (tag::FILE_GROUP_NAME, self.groups.len()),
            (tag::FILE_CAPS, self.capabilities.len()),
        ];
        for (tag, count) in required.into_iter().chain(optional.into_iter().filter(|(_, count)| *count != 0)) {
            if count != files {
                return Err(Error::malformed(
                    format!("header file list (tag {tag})"),
                    format!("has {count} values for {files} files"),
                ));
            }
        }
        Ok(())
    }

    fn file(&self, at: usize, path: Vec<u8>) -> Result<File, Error> {
        let number = |column: &[u64]| column.get(at).copied().unwrap_or(0);
        let number32 = |column: &[u64]| u32::try_from(number(column) & 0xffff_ffff).unwrap_or(0);
        let owner = |column: &[String]| column.get(at).cloned().unwrap_or_else(|| "root".to_owned());
        let kind = self.kind(at, &path)?;
        Ok(File {
            kind,
            path,
            mode: u32::try_from(self.modes[at] & 0o7777).unwrap_or(0),
            user: owner(&self.users),
            group: owner(&self.groups),
            mtime: self.mtimes[at],
            flags: number32(&self.flags),
            digest: self.digests.get(at).map(|digest| decode(digest)).unwrap_or_default(),
            capabilities: self.capabilities.get(at).filter(|text| !text.is_empty()).cloned(),
            inode: (number32(&self.devices), number32(&self.inodes)),
        })
    }

    fn kind(&self, at: usize, path: &[u8]) -> Result<FileKind, Error> {
        let rdev = self.rdevs.get(at).copied().unwrap_or(0);
        // 16-bit device numbers, as the kernel's old_decode_dev: major in the high byte.
        let (major, minor) = (u32::try_from((rdev >> 8) & 0xff).unwrap_or(0), u32::try_from(rdev & 0xff).unwrap_or(0));
        Ok(match self.modes[at] & S_IFMT {
            0o04_0000 => FileKind::Directory,
            0o10_0000 => FileKind::Regular { size_bytes: self.sizes[at] },
            0o12_0000 => {
                FileKind::Symlink { target: self.targets.get(at).map(|target| target.to_vec()).unwrap_or_default() }
            }
            0o02_0000 => FileKind::CharDevice { major, minor },
            0o06_0000 => FileKind::BlockDevice { major, minor },
            0o01_0000 => FileKind::Fifo,
            other => {
                return Err(Error::refused(
                    crate::printable::printable(path),
                    format!("file type {other:o} cannot be in a package (a socket, or nonsense)"),
                ));
            }
        })
    }
}

/// Full paths, from directory names and base names or, in RPM v3, whole.
fn read_paths(header: &Header) -> Result<Vec<Vec<u8>>, Error> {
    let base_names = header.strings(tag::BASE_NAMES)?;
    if base_names.is_empty() {
        let whole = header.strings(tag::OLD_FILE_NAMES)?;
        check_count(whole.len())?;
        return Ok(whole.into_iter().map(<[u8]>::to_vec).collect());
    }
    if header.contains(tag::OLD_FILE_NAMES) {
        return Err(Error::malformed(
            "header file list",
            "gives the names twice, whole (tag 1027) and in parts (tag 1117)",
        ));
    }
    check_count(base_names.len())?;
    let directories = header.strings(tag::DIR_NAMES)?;
    let indexes = header.integers(tag::DIR_INDEXES)?;
    if indexes.len() != base_names.len() {
        return Err(Error::malformed(
            "header file list",
            format!("has {} directory indexes for {} names", indexes.len(), base_names.len()),
        ));
    }
    let mut total_bytes = 0;
    let mut paths = Vec::with_capacity(base_names.len());
    for (base, index) in base_names.into_iter().zip(indexes) {
        let directory = usize::try_from(index).ok().and_then(|index| directories.get(index)).ok_or_else(|| {
            Error::malformed("header file list", format!("names directory {index} of {}", directories.len()))
        })?;
        let bytes = directory.len() + base.len();
        total_bytes += bytes;
        // One long directory name shared by a million files would become gigabytes of paths.
        if bytes > Limits::PATH_BYTES || total_bytes > Limits::ALL_PATHS_BYTES {
            return Err(Error::Limit {
                what: "the length of the paths".to_owned(),
                found: total_bytes as u64,
                limit: if bytes > Limits::PATH_BYTES { Limits::PATH_BYTES } else { Limits::ALL_PATHS_BYTES } as u64,
                advice: "",
            });
        }
        paths.push([*directory, base].concat());
    }
    Ok(paths)
}

fn check_count(count: usize) -> Result<(), Error> {
    if count > Limits::FILES {
        let (found, limit) = (count as u64, Limits::FILES as u64);
        return Err(Error::Limit { what: "the number of files".to_owned(), found, limit, advice: "" });
    }
    Ok(())
}
