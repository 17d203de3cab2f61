//! The stream: from a payload, under a plan, into a sink. One pass, nothing on disk, memory of one buffer.
//!
//! Order of the output: all directories first, parents before children; files as they come; symbolic links last, as
//! dpkg-deb does it, so that nothing is ever unpacked through a link.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::error::Error;
use crate::limits::Limits;
use crate::plan::path::{FilePlan, link_groups};
use crate::printable::printable;
use crate::rpm::Opened;
use crate::rpm::package::Package;
use crate::rpm::payload::Archive;
use crate::tree::{Entry, EntryKind, Sink};

/// Streams the whole payload; when it returns `Ok`, every digest that the package carries has matched.
pub fn stream<R: Read>(
    package: &Package,
    opened: PayloadSource<R>,
    plan: &FilePlan,
    limits: Limits,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    for directory in plan.directories.values() {
        sink.entry(directory, &mut io::empty())?;
    }
    let mut archive = Archive::new(package, opened.payload, limits)?;
    let mut links = Links::new(package, plan);
    while let Some(item) = archive.next_entry()? {
        let Some(entry) = &plan.entries[item.file] else { continue };
        match &entry.kind {
            // Directories have gone before; symlinks follow.
            EntryKind::Directory | EntryKind::Symlink { .. } => {}
            EntryKind::Regular { .. } if links.is_linked(item.file) => {
                links.arrive(item.file, item.has_data, plan, &mut archive, sink)?;
            }
            EntryKind::Regular { .. } => sink.entry(entry, &mut archive)?,
            _ => sink.entry(entry, &mut io::empty())?,
        }
    }
    archive.finish(package, opened.header_bytes)?;
    for entry in sorted_links(plan) {
        sink.entry(entry, &mut io::empty())?;
    }
    Ok(())
}

/// What [`crate::rpm::open`] gave besides the package.
#[derive(Debug)]
pub struct PayloadSource<R> {
    payload: crate::rpm::digest::CheckedReader<R>,
    header_bytes: u64,
}

/// Parts an opened RPM, so that the package can be planned while the payload waits.
pub fn part<R: Read>(opened: Opened<R>) -> (Package, PayloadSource<R>) {
    (opened.package, PayloadSource { payload: opened.payload, header_bytes: opened.header_bytes })
}

fn sorted_links(plan: &FilePlan) -> Vec<&Entry> {
    let is_link = |entry: &&Entry| matches!(entry.kind, EntryKind::Symlink { .. });
    let mut links: Vec<&Entry> = plan.entries.iter().flatten().filter(is_link).collect();
    links.sort_by(|a, b| a.path.cmp(&b.path));
    links
}

/// Hard links: tar wants the data with the first name, cpio brings it with any one of them.
struct Links {
    group_of: BTreeMap<usize, usize>,
    groups: Vec<Group>,
}

#[derive(Default)]
struct Group {
    /// Names that came before the data.
    waiting: Vec<usize>,
    /// The name under which the data was written.
    written: Option<usize>,
}

impl Links {
    fn new(package: &Package, plan: &FilePlan) -> Self {
        let mut links = Self { group_of: BTreeMap::new(), groups: Vec::new() };
        for members in link_groups(package, plan).into_values() {
            links.group_of.extend(members.into_iter().map(|member| (member, links.groups.len())));
            links.groups.push(Group::default());
        }
        links
    }

    fn is_linked(&self, file: usize) -> bool {
        self.group_of.contains_key(&file)
    }

    fn arrive(
        &mut self,
        file: usize,
        has_data: bool,
        plan: &FilePlan,
        data: &mut dyn Read,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let group = &mut self.groups[self.group_of[&file]];
        if let Some(written) = group.written {
            return link(plan, file, written, sink);
        }
        if !has_data {
            group.waiting.push(file);
            return Ok(());
        }
        if let Some(entry) = &plan.entries[file] {
            sink.entry(entry, data)?;
        }
        group.written = Some(file);
        group.waiting.drain(..).try_for_each(|waiting| link(plan, waiting, file, sink))
    }
}

fn link(plan: &FilePlan, file: usize, written: usize, sink: &mut dyn Sink) -> Result<(), Error> {
    let (Some(entry), Some(target)) = (&plan.entries[file], &plan.entries[written]) else { return Ok(()) };
    let kind = EntryKind::HardLink { target: target.path.clone() };
    sink.entry(&Entry { kind, ..entry.clone() }, &mut io::empty())
}

/// Reads a file that someone needs whole, up to `limit` bytes; `why` ends the sentence "is … bytes long, too large to".
pub fn read_whole(entry: &Entry, content: &mut dyn Read, limit: u64, why: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    content
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::malformed(format!("payload entry '{}'", printable(&entry.path)), error.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(Error::refused(
            printable(&entry.path),
            format!("is larger than {limit} bytes, too large to {why}"),
        ));
    }
    Ok(bytes)
}
