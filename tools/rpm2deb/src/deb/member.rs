//! tar members as dpkg-deb makes them: GNU format, names from `./`, owners by name and number, long names in `L` and
//! `K` members.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use crate::plan::owner::{static_gid, static_uid};
use crate::tree::{Entry, EntryKind};

/// Writes one tar, member by member.
pub struct TarWriter<W: Write> {
    builder: tar::Builder<W>,
}

impl<W: Write> TarWriter<W> {
    /// Starts with the root directory, `./`, as every tar in a .deb does.
    pub fn new(output: W, mtime: u64) -> io::Result<Self> {
        let mut writer = Self { builder: tar::Builder::new(output) };
        let root = crate::plan::path::implied_directory(b"", mtime);
        writer.entry(&root, &mut io::empty())?;
        Ok(writer)
    }

    /// Writes one member; `content` must give as many bytes as the entry says.
    pub fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> io::Result<()> {
        let name = member_name(entry);
        let link = match &entry.kind {
            EntryKind::Symlink { target } => target.clone(),
            EntryKind::HardLink { target } => [b"./", target.as_slice()].concat(),
            _ => Vec::new(),
        };
        self.long_name(EntryType::GNULongName, &name, NAME_BYTES)?;
        self.long_name(EntryType::GNULongLink, &link, NAME_BYTES)?;
        let header = member_header(entry, &name, &link)?;
        let size_bytes = header.entry_size()?;
        let mut counted = content.take(size_bytes);
        self.builder.append(&header, &mut counted)?;
        if counted.limit() > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has less data than announced"));
        }
        Ok(())
    }

    /// Ends the archive with its two empty blocks.
    pub fn finish(self) -> io::Result<W> {
        self.builder.into_inner()
    }

    /// A name too long for its field goes before, as the data of a member of its own, with a final NUL.
    fn long_name(&mut self, kind: EntryType, name: &[u8], field_bytes: usize) -> io::Result<()> {
        if name.len() <= field_bytes {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        copy(&mut header.as_old_mut().name, b"././@LongLink");
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(name.len() as u64 + 1);
        header.set_cksum();
        self.builder.append(&header, name.chain(&[0][..]))
    }
}

impl<W: Write> std::fmt::Debug for TarWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TarWriter")
    }
}

/// Bytes of the name and link fields of a tar header.
const NAME_BYTES: usize = 100;

/// `./usr/bin/x`, directories with a final slash.
fn member_name(entry: &Entry) -> Vec<u8> {
    let mut name = [b"./", entry.path.as_slice()].concat();
    if entry.kind == EntryKind::Directory && !entry.path.is_empty() {
        name.push(b'/');
    }
    name
}

fn member_header(entry: &Entry, name: &[u8], link: &[u8]) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    copy(&mut header.as_old_mut().name, name);
    copy(&mut header.as_old_mut().linkname, link);
    header.set_mode(entry.mode);
    header.set_uid(static_uid(&entry.user).unwrap_or(0).into());
    header.set_gid(static_gid(&entry.group).unwrap_or(0).into());
    header.set_username(&entry.user)?;
    header.set_groupname(&entry.group)?;
    header.set_mtime(entry.mtime);
    header.set_size(0);
    header.set_entry_type(entry_type(&entry.kind));
    match entry.kind {
        EntryKind::Regular { size_bytes } => header.set_size(size_bytes),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
        }
        _ => {}
    }
    header.set_cksum();
    Ok(header)
}

fn entry_type(kind: &EntryKind) -> EntryType {
    match kind {
        EntryKind::Directory => EntryType::Directory,
        EntryKind::Regular { .. } => EntryType::Regular,
        EntryKind::Symlink { .. } => EntryType::Symlink,
        EntryKind::HardLink { .. } => EntryType::Link,
        EntryKind::CharDevice { .. } => EntryType::Char,
        EntryKind::BlockDevice { .. } => EntryType::Block,
        EntryKind::Fifo => EntryType::Fifo,
    }
}

/// Fills a field with a name or, when it is too long, its beginning: the full name has gone before.
fn copy(field: &mut [u8; NAME_BYTES], text: &[u8]) {
    let count = text.len().min(field.len());
    field[..count].copy_from_slice(&text[..count]);
}
