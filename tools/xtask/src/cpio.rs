//! Writes a tree as the cpio archive that the kernel unpacks into its first root ("newc", Linux'
//! Documentation/driver-api/early-userspace/buffer-format.rst). The same tree gives the same bytes: all is root's, from 1970.

use crate::tree::{Entry, Tree};

const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_777;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// The archive.
pub(crate) fn archive(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    let mut inode = 0;
    for (path, entry) in tree.entries() {
        inode += 1;
        let none: &[u8] = &[];
        let (mode, device, content) = match entry {
            Entry::Directory => (DIRECTORY, (0, 0), none),
            Entry::File { mode, content } => (REGULAR | mode, (0, 0), content.as_slice()),
            Entry::Link { target } => (LINK, (0, 0), target.as_bytes()),
            Entry::CharacterDevice { major, minor } => (CHARACTER_DEVICE, (*major, *minor), none),
        };
        member(&mut out, inode, path, mode, device, content);
    }
    member(&mut out, 0, "TRAILER!!!", 0, (0, 0), &[]);
    out
}

fn member(out: &mut Vec<u8>, inode: u32, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
    let links = if mode == DIRECTORY { 2 } else { 1 };
    // Files of 4 GiB do not fit the format, nor any guest of ours.
    let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let name_size = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
    // Inode, mode, user, group, links, time, size, device of the file, device that it is, length of the name, checksum.
    let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(content);
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn sample() -> Tree {
        let mut tree = Tree::default();
        tree.file("a/hello", 0o755, "hello\n");
        tree.link("a/link", "hello");
        tree.file("b", 0o644, "");
        tree
    }

    #[test]
    fn one_member_has_these_bytes() {
        let mut tree = Tree::default();
        tree.character_device("dev", 5, 1);
        let text = String::from_utf8(archive(&tree)).unwrap();
        let expected = "070701\
            00000001000021800000000000000000000000010000000000000000\
            000000000000000000000005000000010000000400000000dev\0\0\0\
            070701\
            00000000000000000000000000000000000000010000000000000000\
            0000000000000000000000000000000000000 00b00000000TRAILER!!!\0\0\0\0"
            .replace(' ', "");
        assert_eq!(text, expected);
    }

    #[test]
    fn cpio_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut cpio = Command::new("cpio")
            .args(["--extract", "--quiet", "--no-preserve-owner"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        cpio.stdin.take().unwrap().write_all(&archive(&sample())).unwrap();
        assert!(cpio.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(dir.path().join("a/link")).unwrap(), "hello\n");
        assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"");
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        assert_eq!(archive(&sample()), archive(&sample()));
        assert_eq!(archive(&sample()).len() % 4, 0);
    }
}
