//! The files of an initramfs, sorted by path.

use std::collections::BTreeMap;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Directory,
    File { mode: u32, content: Vec<u8> },
    Link { target: String },
    CharacterDevice { major: u32, minor: u32 },
}

/// Paths are relative, with `/` between names; parents are there by themselves.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    pub(crate) fn directory(&mut self, path: &str) {
        self.add(path, Entry::Directory);
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.add(path, Entry::File { mode, content: content.into() });
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.add(path, Entry::Link { target: target.to_owned() });
    }

    pub(crate) fn character_device(&mut self, path: &str, major: u32, minor: u32) {
        self.add(path, Entry::CharacterDevice { major, minor });
    }

    /// A parent sorts before its children, which is the order in which the kernel can make them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    fn add(&mut self, path: &str, entry: Entry) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Directory);
        }
        self.entries.insert(path.to_owned(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_the_last_one_wins() {
        let mut tree = Tree::default();
        tree.file("a/b/c", 0o644, "1");
        tree.link("a-x", "a");
        tree.file("a/b/c", 0o755, "2");
        tree.directory("a");
        let paths: Vec<_> = tree.entries().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "a-x", "a/b", "a/b/c"]);
        assert_eq!(tree.entries().last(), Some(("a/b/c", &Entry::File { mode: 0o755, content: b"2".to_vec() })));
    }
}
