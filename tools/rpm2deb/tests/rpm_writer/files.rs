//! The file list: what the header says of each file, and the payload entry that goes with it.

use md5::{Digest, Md5};
use sha2::Sha256;

use super::content::{Content, DigestSink, hex};
use super::cpio::Entry;
use super::header::{Tags, Value};
use super::package::Format;
use super::tag;

/// One file of the package.
#[derive(Debug, Clone)]
pub struct File {
    /// Absolute path.
    pub path: Vec<u8>,
    /// Type and permission bits, as in FILEMODES.
    pub mode: u16,
    pub content: Content,
    /// Symlink target.
    pub target: Vec<u8>,
    pub rdev: (u8, u8),
    pub user: Vec<u8>,
    pub group: Vec<u8>,
    pub mtime: u32,
    pub flags: u32,
    pub caps: Vec<u8>,
    /// Files with the same number are hard links of each other.
    pub inode: u32,
}

impl File {
    fn is_regular(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    fn is_symlink(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }

    fn size(&self) -> u64 {
        if self.is_symlink() { self.target.len() as u64 } else { self.content.len() }
    }

    fn digest(&self, format: Format) -> Vec<u8> {
        if !self.is_regular() || self.flags & tag::GHOST != 0 {
            return Vec::new();
        }
        if format == Format::V3 { digest_of::<Md5>(&self.content) } else { digest_of::<Sha256>(&self.content) }
    }

    /// Directory with its slash, and base name.
    fn split(&self) -> (&[u8], &[u8]) {
        let at = self.path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        self.path.split_at(at)
    }
}

fn digest_of<D: Digest>(content: &Content) -> Vec<u8> {
    let mut sink = DigestSink(D::new());
    content.write_to(&mut sink).unwrap();
    hex(&sink.0.finalize()).into_bytes()
}

/// Whether the payload must be of the stripped form.
pub fn needs_stripped(files: &[File], format: Format) -> bool {
    format == Format::V6 || files.iter().any(|file| file.content.len() > u64::from(u32::MAX))
}

/// Bytes of all content, hard links counted once.
pub fn total_size(files: &[File]) -> u64 {
    let first = |at: usize| files[..at].iter().all(|other| other.inode != files[at].inode);
    (0..files.len()).filter(|&at| first(at)).map(|at| files[at].size()).sum()
}

/// The header's file tags.
pub fn tags(files: &[File], format: Format, tags: &mut Tags) {
    if files.is_empty() {
        return;
    }
    names(files, format, tags);
    let ints = |get: fn(&File) -> u32| Value::Int32(files.iter().map(get).collect());
    let texts = |get: fn(&File) -> Vec<u8>| Value::Array(files.iter().map(get).collect());
    if needs_stripped(files, format) {
        tags.set(tag::LONGFILESIZES, Value::Int64(files.iter().map(File::size).collect()));
    } else {
        tags.set(tag::FILESIZES, ints(|file| file.size() as u32));
    }
    tags.set(tag::FILEMODES, Value::Int16(files.iter().map(|file| file.mode).collect()));
    let device = |file: &File| (u16::from(file.rdev.0) << 8) | u16::from(file.rdev.1);
    tags.set(tag::FILERDEVS, Value::Int16(files.iter().map(device).collect()));
    tags.set(tag::FILEMTIMES, ints(|file| file.mtime));
    tags.set(tag::FILEDIGESTS, Value::Array(files.iter().map(|file| file.digest(format)).collect()));
    tags.set(tag::FILELINKTOS, texts(|file| file.target.clone()));
    tags.set(tag::FILEFLAGS, ints(|file| file.flags));
    tags.set(tag::FILEUSERNAME, texts(|file| file.user.clone()));
    tags.set(tag::FILEGROUPNAME, texts(|file| file.group.clone()));
    tags.set(tag::FILEVERIFYFLAGS, ints(|_| u32::MAX));
    tags.set(tag::FILEDEVICES, ints(|_| 1));
    tags.set(tag::FILEINODES, ints(|file| file.inode));
    tags.set(tag::FILELANGS, texts(|_| Vec::new()));
    if files.iter().any(|file| !file.caps.is_empty()) {
        tags.set(tag::FILECAPS, texts(|file| file.caps.clone()));
    }
    if format != Format::V3 {
        tags.set_int(tag::FILEDIGESTALGO, tag::ALGO_SHA256);
    }
}

fn names(files: &[File], format: Format, tags: &mut Tags) {
    if format == Format::V3 {
        tags.set(tag::OLDFILENAMES, Value::Array(files.iter().map(|file| file.path.clone()).collect()));
        return;
    }
    let mut directories: Vec<Vec<u8>> = Vec::new();
    let mut indexes = Vec::new();
    let mut bases = Vec::new();
    for file in files {
        let (directory, base) = file.split();
        let known = directories.iter().position(|other| other == directory);
        indexes.push(known.unwrap_or(directories.len()) as u32);
        if known.is_none() {
            directories.push(directory.to_vec());
        }
        bases.push(base.to_vec());
    }
    tags.set(tag::DIRINDEXES, Value::Int32(indexes));
    tags.set(tag::BASENAMES, Value::Array(bases));
    tags.set(tag::DIRNAMES, Value::Array(directories));
}

/// The payload's entries: in the header's order, but of hard links the last has the content, ghosts have none.
pub fn entries(files: &[File], format: Format) -> Vec<Entry> {
    let stripped = needs_stripped(files, format);
    let mut entries = Vec::new();
    for (at, file) in files.iter().enumerate().filter(|(_, file)| file.flags & tag::GHOST == 0) {
        let linked = |others: &[File]| others.iter().filter(|other| other.inode == file.inode).count() as u32;
        let is_last_link = linked(&files[at + 1..]) == 0;
        let content = match () {
            () if file.is_symlink() => Content::Bytes(file.target.clone()),
            () if is_last_link => file.content.clone(),
            () => Content::Bytes(Vec::new()),
        };
        let prefix: &[u8] = if format == Format::V3 { b"" } else { b"." };
        let path = if format == Format::V3 { file.path.strip_prefix(b"/").unwrap_or(&file.path) } else { &file.path };
        entries.push(Entry {
            index: stripped.then_some(at as u32),
            magic: None,
            name: [prefix, path].concat(),
            inode: file.inode,
            mode: u32::from(file.mode),
            nlink: linked(files),
            mtime: file.mtime,
            size: content.len(),
            rdev: (u32::from(file.rdev.0), u32::from(file.rdev.1)),
            content,
        });
    }
    entries
}
