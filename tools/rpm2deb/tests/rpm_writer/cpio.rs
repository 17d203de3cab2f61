//! The payload: "newc" cpio, or rpm's stripped form that names files by their index in the header (lib/cpio.cc).

use std::io::{self, Write};

use super::Content;

/// One entry of the payload.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `Some` writes the stripped form: `07070X` and the index.
    pub index: Option<u32>,
    /// Six bytes in front, `070701` or `07070X` unless replaced.
    pub magic: Option<[u8; 6]>,
    pub name: Vec<u8>,
    pub inode: u32,
    pub mode: u32,
    pub nlink: u32,
    pub mtime: u32,
    /// Size that the entry claims.
    pub size: u64,
    pub rdev: (u32, u32),
    /// What follows, whatever the size says.
    pub content: Content,
}

impl Entry {
    /// A regular file as rpmbuild would write it into a "newc" archive.
    pub fn file(name: impl Into<Vec<u8>>, content: impl Into<Content>) -> Self {
        let content = content.into();
        Self {
            index: None,
            magic: None,
            name: name.into(),
            inode: 9999,
            mode: 0o100_644,
            nlink: 1,
            mtime: 0,
            size: content.len(),
            rdev: (0, 0),
            content,
        }
    }

    /// A symlink as rpmbuild would write it.
    pub fn symlink(name: impl Into<Vec<u8>>, target: &str) -> Self {
        Self { mode: 0o120_777, ..Self::file(name, target) }
    }

    fn head(&self) -> Vec<u8> {
        if let Some(index) = self.index {
            let mut head = self.magic.unwrap_or(*b"07070X").to_vec();
            head.extend(format!("{index:08x}").bytes());
            return head;
        }
        let mut head = self.magic.unwrap_or(*b"070701").to_vec();
        let numbers = [
            self.inode,
            self.mode,
            0,
            0,
            self.nlink,
            self.mtime,
            self.size as u32,
            0,
            0,
            self.rdev.0,
            self.rdev.1,
            self.name.len() as u32 + 1,
            0,
        ];
        head.extend(numbers.iter().flat_map(|number| format!("{number:08x}").into_bytes()));
        head.extend(&self.name);
        head.push(0);
        head
    }
}

/// A whole archive.
#[derive(Debug, Clone)]
pub struct Archive {
    pub entries: Vec<Entry>,
    /// Whether `TRAILER!!!` ends it.
    pub trailer: bool,
    /// Bytes after the trailer.
    pub tail: Vec<u8>,
}

impl Archive {
    /// The entry of that name, to be changed.
    pub fn entry(&mut self, name: &str) -> &mut Entry {
        self.entries
            .iter_mut()
            .find(|entry| entry.name == name.as_bytes())
            .unwrap_or_else(|| panic!("no payload entry {name}"))
    }

    /// Writes heads, contents and padding to four bytes.
    pub fn write_to(&self, sink: &mut dyn Write) -> io::Result<()> {
        for entry in &self.entries {
            write_padded(sink, &Content::Bytes(entry.head()))?;
            write_padded(sink, &entry.content)?;
        }
        if self.trailer {
            let trailer = Entry { inode: 0, mode: 0, ..Entry::file("TRAILER!!!", "") };
            write_padded(sink, &Content::Bytes(trailer.head()))?;
        }
        sink.write_all(&self.tail)
    }
}

fn write_padded(sink: &mut dyn Write, content: &Content) -> io::Result<()> {
    content.write_to(sink)?;
    let padding = content.len().next_multiple_of(4) - content.len();
    sink.write_all(&[0; 3][..padding as usize])
}
