//! A package as a directory: written by `unpack` as an ordinary user, read by `build`.
//!
//! What the file system cannot hold for an ordinary user (owners, setuid bits, devices) is in debian/manifest.mtree.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use std::collections::BTreeMap;
use std::ffi::OsStr;

use crate::deb::debian_dir::{DebianDir, MANIFEST};
use crate::error::Error;
use crate::manifest::{self, Attributes};
use crate::plan::path::checked_path;
use crate::printable::printable;
use crate::tree::{Entry, EntryKind, Sink, TreePath};

/// Largest file of debian/ that is read back, in bytes.
const DEBIAN_FILE_BYTES: u64 = 64 << 20;

/// Writes entries below a directory of our own, which nobody else writes to.
#[derive(Debug)]
pub struct DirectoryWriter {
    root: PathBuf,
    manifest: String,
}

impl DirectoryWriter {
    /// `root` exists and is empty.
    pub fn new(root: PathBuf) -> Self {
        Self { root, manifest: "#mtree\n".to_owned() }
    }

    /// Writes debian/ with the manifest of all entries so far.
    pub fn finish(self, debian: &DebianDir) -> Result<(), Error> {
        let directory = self.root.join("debian");
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        let manifest = (MANIFEST, self.manifest.as_bytes());
        for (name, content) in debian.iter().chain([manifest]) {
            let path = directory.join(name);
            fs::write(&path, content).map_err(Error::io("write", &path))?;
            let mode = fs::Permissions::from_mode(DebianDir::mode(name));
            fs::set_permissions(&path, mode).map_err(Error::io("set the mode of", &path))?;
        }
        Ok(())
    }

    fn write(&self, entry: &Entry, content: &mut dyn Read) -> io::Result<()> {
        let path = self.root.join(OsStr::from_bytes(&entry.path));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match &entry.kind {
            // Modes of directories are the manifest's: an unpacked 0555 directory could not be filled.
            EntryKind::Directory => fs::create_dir_all(&path),
            EntryKind::Regular { .. } => {
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                io::copy(content, &mut file)?;
                file.flush()?;
                // Executable or not is for the eye; the manifest has the rest.
                file.set_permissions(fs::Permissions::from_mode(0o644 | entry.mode & 0o111))?;
                file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(entry.mtime.min(1 << 40)))
            }
            EntryKind::Symlink { target } => symlink(OsStr::from_bytes(target), &path),
            EntryKind::HardLink { target } => fs::hard_link(self.root.join(OsStr::from_bytes(target)), &path),
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } | EntryKind::Fifo => Ok(()),
        }
    }
}

impl Sink for DirectoryWriter {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        self.write(entry, content).map_err(Error::io("write", self.root.join(OsStr::from_bytes(&entry.path))))?;
        self.manifest.push_str(&manifest::line(entry));
        Ok(())
    }
}

/// Reads the files of `DIR/debian`.
pub fn read_debian(root: &Path) -> Result<DebianDir, Error> {
    let directory = root.join("debian");
    let listing = fs::read_dir(&directory).map_err(Error::io("read the directory", &directory))?;
    let mut debian = DebianDir::default();
    for item in listing {
        let item = item.map_err(Error::io("read the directory", &directory))?;
        let (path, name) = (item.path(), item.file_name());
        let is_file = item.file_type().map_err(Error::io("examine", &path))?.is_file();
        let Some(name) = name.to_str().filter(|_| is_file) else { continue };
        // Left over by editors and by patch(1).
        if [".orig", ".rej", "~", ".swp"].iter().any(|suffix| name.ends_with(suffix)) {
            continue;
        }
        let mut content = Vec::new();
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        file.take(DEBIAN_FILE_BYTES + 1).read_to_end(&mut content).map_err(Error::io("read", &path))?;
        if content.len() as u64 > DEBIAN_FILE_BYTES {
            return Err(Error::refused(
                path.display().to_string(),
                "is larger than 64 MiB, which no packaging file is",
            ));
        }
        debian.put(name, content);
    }
    Ok(debian)
}

/// A tree to build from: every file below `DIR` but debian/, with what the manifest adds.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    entries: Vec<Entry>,
    /// Bound on the time of files that differ from the manifest.
    newest: u64,
}

impl Tree {
    /// Lists the tree. Files without a line in the manifest belong to root, 0755 if executable, else 0644. Files that were
    /// added or changed are dated `newest` at most, as `convert --patch` dates them: when someone edited a file is no
    /// property of the package.
    pub fn read(root: &Path, manifest: &[u8], newest: Option<u64>) -> Result<Self, Error> {
        let text =
            std::str::from_utf8(manifest).map_err(|_| Error::malformed("debian/manifest.mtree", "is not UTF-8"))?;
        let mut manifest = manifest::parse(text)?;
        let positions: BTreeMap<TreePath, usize> =
            manifest.iter().map(|(path, attributes)| (path.clone(), attributes.position)).collect();
        let mut tree = Self { root: root.to_owned(), entries: Vec::new(), newest: newest.unwrap_or(u64::MAX) };
        tree.walk(&TreePath::new(), &mut manifest)?;
        // Devices and FIFOs exist in the manifest alone.
        for (path, attributes) in manifest {
            if let Some(kind @ (EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } | EntryKind::Fifo)) =
                attributes.special.clone()
            {
                tree.entries.push(entry(path, kind, attributes));
            }
        }
        let position = |entry: &Entry| positions.get(&entry.path).copied().unwrap_or(usize::MAX);
        tree.entries.sort_by(|a, b| (rank(a), position(a), &a.path).cmp(&(rank(b), position(b), &b.path)));
        Ok(tree)
    }

    /// Sends all entries, directories first and links last.
    pub fn stream(&self, sink: &mut dyn Sink) -> Result<(), Error> {
        for entry in &self.entries {
            if matches!(entry.kind, EntryKind::Regular { .. }) {
                let path = self.root.join(OsStr::from_bytes(&entry.path));
                let mut file = File::open(&path).map_err(Error::io("open", &path))?;
                sink.entry(entry, &mut file)?;
            } else {
                sink.entry(entry, &mut io::empty())?;
            }
        }
        Ok(())
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn walk(&mut self, inside: &TreePath, manifest: &mut BTreeMap<TreePath, Attributes>) -> Result<(), Error> {
        let directory = self.root.join(OsStr::from_bytes(inside));
        let listing = fs::read_dir(&directory).map_err(Error::io("read the directory", &directory))?;
        for item in listing {
            let name = item.map_err(Error::io("read the directory", &directory))?.file_name().into_vec();
            if inside.is_empty() && name == b"debian" {
                continue;
            }
            let joined = if inside.is_empty() { name } else { [inside.as_slice(), b"/", &name].concat() };
            let path = checked_path(&[b"/", joined.as_slice()].concat())?;
            self.add(path, manifest)?;
        }
        Ok(())
    }

    fn add(&mut self, path: TreePath, manifest: &mut BTreeMap<TreePath, Attributes>) -> Result<(), Error> {
        let on_disk = self.root.join(OsStr::from_bytes(&path));
        let metadata = fs::symlink_metadata(&on_disk).map_err(Error::io("examine", &on_disk))?;
        let listed = manifest.remove(&path);
        let is_changed = listed.as_ref().is_none_or(|listed| metadata.is_file() && mtime(&metadata) != listed.mtime);
        let mut attributes = listed.unwrap_or_else(|| unlisted(&metadata));
        if is_changed {
            attributes.mtime = mtime(&metadata).min(self.newest);
        }
        if metadata.is_dir() {
            self.entries.push(entry(path.clone(), EntryKind::Directory, attributes));
            return self.walk(&path, manifest);
        }
        let kind = if metadata.is_symlink() {
            let target = fs::read_link(&on_disk).map_err(Error::io("read the link", &on_disk))?;
            EntryKind::Symlink { target: target.into_os_string().into_vec() }
        } else if metadata.is_file() {
            attributes.mode = executable_as(metadata.mode(), attributes.mode);
            match attributes.special.clone() {
                Some(EntryKind::HardLink { target }) if self.is_same_file(&metadata, &target) => {
                    EntryKind::HardLink { target }
                }
                _ => EntryKind::Regular { size_bytes: metadata.len() },
            }
        } else {
            return Err(Error::refused(
                printable(&path),
                "is a socket, device or FIFO; list it in debian/manifest.mtree",
            ));
        };
        self.entries.push(entry(path, kind, attributes));
        Ok(())
    }

    /// patch(1) and editors part hard links: then each name is a file of its own.
    fn is_same_file(&self, metadata: &fs::Metadata, target: &[u8]) -> bool {
        fs::symlink_metadata(self.root.join(OsStr::from_bytes(target)))
            .is_ok_and(|other| other.dev() == metadata.dev() && other.ino() == metadata.ino())
    }
}

/// The listed mode, made executable or not where patch(1) or a user has changed that on disk.
///
/// `unpack` writes executable bits as they are listed. The owner's bit alone tells of a change: copying a tree under
/// another umask loses the others.
fn executable_as(on_disk: u32, listed: u32) -> u32 {
    match (on_disk & 0o100 != 0, listed & 0o100 != 0) {
        (true, false) => listed | ((listed & 0o444) >> 2) | 0o100,
        (false, true) => listed & !0o111,
        _ => listed,
    }
}

/// Directories, then files and hard links in the manifest's order, then symlinks.
fn rank(entry: &Entry) -> u8 {
    match entry.kind {
        EntryKind::Directory => 0,
        EntryKind::Symlink { .. } => 2,
        _ => 1,
    }
}

fn entry(path: TreePath, kind: EntryKind, attributes: Attributes) -> Entry {
    Entry { path, kind, mode: attributes.mode, user: attributes.user, group: attributes.group, mtime: attributes.mtime }
}

/// Seconds since 1970; 0 for what is older.
fn mtime(metadata: &fs::Metadata) -> u64 {
    u64::try_from(metadata.mtime()).unwrap_or(0)
}

fn unlisted(metadata: &fs::Metadata) -> Attributes {
    let mode = match metadata {
        link if link.is_symlink() => 0o777,
        other if other.is_dir() || other.mode() & 0o100 != 0 => 0o755,
        _ => 0o644,
    };
    Attributes::plain(mode, mtime(metadata))
}
