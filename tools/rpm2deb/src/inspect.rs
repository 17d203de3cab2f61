//! Looks at every file on its way to the package: MD5 sums, sizes, ELF headers, sysusers lines.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use crate::elf::{self, ElfFacts};
use crate::error::Error;
use crate::limits::Limits;
use crate::plan::path::parents;
use crate::rpm::digest::{Algorithm, Hasher};
use crate::tree::{Entry, EntryKind, Sink, TreePath};

/// What was seen of the package's files.
#[derive(Debug, Default)]
pub struct Observed {
    /// MD5 of each regular file, hex, by path.
    pub md5: BTreeMap<TreePath, String>,
    /// KiB that dpkg will say the package takes: each file rounded up, one for everything else (dpkg-gencontrol(1),
    /// Installed-Size in deb-substvars(5)).
    pub installed_kib: u64,
    /// All ELF files, in the order of the stream.
    pub elf: Vec<ElfFacts>,
    /// Lines of shipped sysusers.d(5) files.
    pub sysusers: Vec<String>,
}

/// A sink that observes and passes on.
pub struct Inspector<'a> {
    inner: &'a mut dyn Sink,
    observed: Observed,
    directories: BTreeSet<TreePath>,
}

impl<'a> Inspector<'a> {
    /// Passes everything on to `inner`.
    pub fn new(inner: &'a mut dyn Sink) -> Self {
        Self { inner, observed: Observed::default(), directories: BTreeSet::new() }
    }

    /// What has been seen so far.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What was seen.
    pub fn into_observed(self) -> Observed {
        self.observed
    }

    /// Directories count once, those too that no entry announced: data.tar gets them all.
    fn count_directories(&mut self, entry: &Entry) {
        let own = (entry.kind == EntryKind::Directory).then_some(entry.path.as_slice());
        for directory in parents(&entry.path).chain(own) {
            if !self.directories.contains(directory) {
                self.directories.insert(directory.to_vec());
                self.observed.installed_kib += 1;
            }
        }
    }

    fn regular(&mut self, entry: &Entry, size_bytes: u64, content: &mut dyn Read) -> Result<(), Error> {
        let mut tap = Tap {
            inner: content,
            md5: Hasher::new(Algorithm::Md5),
            kept: Vec::new(),
            keep: keep(entry, size_bytes),
            only_elf: !is_sysusers(entry),
        };
        self.inner.entry(entry, &mut tap)?;
        let Tap { md5, kept, .. } = tap;
        if kept.starts_with(elf::MAGIC) {
            self.observed.elf.extend(elf::look(&entry.path, &kept, kept.len() as u64 == size_bytes));
        } else if is_sysusers(entry) {
            self.observed.sysusers.extend(String::from_utf8_lossy(&kept).lines().map(str::to_owned));
        }
        self.observed.md5.insert(entry.path.clone(), md5.finish());
        self.observed.installed_kib += size_bytes.div_ceil(1024);
        Ok(())
    }
}

impl std::fmt::Debug for Inspector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").field("observed", &self.observed).finish_non_exhaustive()
    }
}

impl Sink for Inspector<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        self.count_directories(entry);
        match &entry.kind {
            EntryKind::Regular { size_bytes } => self.regular(entry, *size_bytes, content),
            EntryKind::Directory => self.inner.entry(entry, content),
            EntryKind::HardLink { target } => {
                let sum = self.observed.md5.get(target).cloned();
                self.observed.md5.extend(sum.map(|sum| (entry.path.clone(), sum)));
                self.inner.entry(entry, content)
            }
            _ => {
                self.observed.installed_kib += 1;
                self.inner.entry(entry, content)
            }
        }
    }
}

fn is_sysusers(entry: &Entry) -> bool {
    entry.path.starts_with(b"usr/lib/sysusers.d/") && entry.path.ends_with(b".conf")
}

/// Bytes of a file to keep for a look: all of a small ELF file or sysusers file, the header of a large one.
fn keep(entry: &Entry, size_bytes: u64) -> usize {
    let limit = if is_sysusers(entry) { 64 << 10 } else { Limits::ELF_BYTES };
    if size_bytes <= limit { usize::try_from(size_bytes).unwrap_or(0) } else { elf::HEADER_BYTES }
}

/// Hashes what passes, and keeps the first bytes if they may be of interest.
struct Tap<'a> {
    inner: &'a mut dyn Read,
    md5: Hasher,
    kept: Vec<u8>,
    keep: usize,
    only_elf: bool,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.md5.update(&buffer[..count]);
        let wanted = self.keep.saturating_sub(self.kept.len()).min(count);
        self.kept.extend_from_slice(&buffer[..wanted]);
        // Most files are not ELF: their first bytes show it, and nothing more is copied.
        if self.only_elf && self.kept.len() >= elf::MAGIC.len() && !self.kept.starts_with(elf::MAGIC) {
            self.kept = Vec::new();
            self.keep = 0;
        }
        Ok(count)
    }
}
