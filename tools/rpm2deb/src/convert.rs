//! The whole way of one package: `convert`, and its two halves `unpack` and `build`.
//!
//! ```text
//! RPM -> transform -> Rewriter -> Patcher -> Inspector -> data.tar | directory
//!                                               |
//!                     plan  <- observed --------+   -> debian/ -> patches -> documents, control.tar -> .deb
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::deb::archive::{self, Checksums, Written};
use crate::deb::compress::Compression;
use crate::deb::data::DataWriter;
use crate::deb::debian_dir::{DebianDir, Identity, MANIFEST, MD5SUMS, md5sums};
use crate::directory::{self, DirectoryWriter, Tree};
use crate::error::Error;
use crate::event::Notice;
use crate::inspect::{Inspector, Observed};
use crate::patch::Patch;
use crate::patched::{PatchPlan, Patcher};
use crate::plan::document::changelog_time;
use crate::plan::path::{FilePlan, link_groups};
use crate::plan::{Plan, Policy, Summary, relation};
use crate::printable::printable;
use crate::rewrite::Rewriter;
use crate::rpm;
use crate::rpm::package::Package;
use crate::shlibs::Shlibs;
use crate::transform::{self, PayloadSource};
use crate::tree::{Entry, EntryKind, Sink};

/// Where a .deb goes and in what form.
#[derive(Debug, Clone)]
pub struct Output {
    /// An existing directory.
    pub directory: PathBuf,
    /// Compression of both members.
    pub compression: Compression,
    /// Sum files beside it.
    pub checksums: Checksums,
}

/// What came out of a conversion.
#[derive(Debug)]
#[must_use = "an unread report helps nobody"]
pub struct Report {
    /// The plan in short.
    pub summary: Summary,
    /// The control file, as it is in the package.
    pub control: String,
    /// The .deb or directory; `None` for a dry run.
    pub written: Option<Written>,
    /// Name, version and architecture after all patches.
    pub identity: Identity,
    /// Everything that a reader of the package may want to know.
    pub notices: Vec<Notice>,
    /// Signatures that were there and not checked.
    pub signatures: Vec<&'static str>,
}

/// Converts an RPM. Without an `output` everything is done but the writing: a dry run that has verified every digest.
pub fn convert<R: Read>(
    input: R,
    policy: &Policy,
    patches: &[Patch],
    output: Option<&Output>,
) -> Result<Report, Error> {
    let (package, source) = transform::part(rpm::open(input)?);
    let plan = Plan::new(&package, policy)?;
    let conversion = Conversion { package: &package, plan: &plan, policy, patches };
    let Some(output) = output else {
        let finished = conversion.run(source, &mut Discard)?;
        return conversion.report(finished, None);
    };
    let data = archive::unnamed_file(&output.directory)?;
    let size_bytes = planned_bytes(&package, &plan.files);
    let mut writer = DataWriter::new(&data, output.compression, size_bytes, plan.timestamp)?;
    let finished = conversion.run(source, &mut writer)?;
    writer.finish()?;
    let written = write_archive(&finished.debian, &finished.observed, data, output, plan.timestamp)?;
    conversion.report(finished, Some(written))
}

/// Unpacks an RPM into `directory/NAME-VERSION`, with debian/, for editing. The directory appears whole or not at all.
pub fn unpack<R: Read>(input: R, policy: &Policy, directory: &Path) -> Result<Report, Error> {
    let (package, source) = transform::part(rpm::open(input)?);
    let plan = Plan::new(&package, policy)?;
    let path = directory.join(&plan.tree_name);
    if path.symlink_metadata().is_ok() {
        return Err(Error::refused(path.display().to_string(), "exists already; remove it or choose another -o"));
    }
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{}.", plan.tree_name))
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(directory)
        .map_err(Error::io("create a temporary directory in", directory))?;
    let mut writer = DirectoryWriter::new(temporary.path().to_owned());
    let conversion = Conversion { package: &package, plan: &plan, policy, patches: &[] };
    let mut finished = conversion.run_without_documents(source, &mut writer)?;
    let sums = md5sums(&finished.observed, finished.debian.get("conffiles").unwrap_or_default());
    finished.debian.put(MD5SUMS, sums);
    writer.finish(&finished.debian)?;
    fs::rename(temporary.path(), &path).map_err(Error::io("rename to", &path))?;
    // The directory has its final name: nothing is left to clean up.
    let _ = temporary.keep();
    conversion.report(finished, Some(Written { path, bytes: 0 }))
}

/// Builds a .deb from a directory that `unpack` made, as edited since.
pub fn build(root: &Path, timestamp: Option<u64>, output: &Output) -> Result<(Identity, Written, Vec<Notice>), Error> {
    let debian = directory::read_debian(root)?;
    let identity = debian.identity()?;
    let dated = debian.get("changelog").and_then(|text| changelog_time(&String::from_utf8_lossy(text)));
    let timestamp = timestamp.or(dated);
    let tree = Tree::read(root, debian.get(MANIFEST).unwrap_or_default(), timestamp)?;
    let timestamp = timestamp.unwrap_or_else(|| newest_mtime(&tree));
    let data = archive::unnamed_file(&output.directory)?;
    let size_bytes = tree.entries().iter().map(|entry| tar_bytes(&entry.kind)).sum();
    let mut writer = DataWriter::new(&data, output.compression, size_bytes, timestamp)?;
    let mut inspector = Inspector::new(&mut writer);
    tree.stream(&mut inspector)?;
    let taken = |path: &[u8]| tree.entries().iter().any(|entry| entry.path == path);
    let notices = debian.emit_documents(&identity.name, timestamp, &taken, &mut inspector)?;
    let observed = inspector.into_observed();
    writer.finish()?;
    let written = write_archive(&debian, &observed, data, output, timestamp)?;
    Ok((identity, written, notices))
}

/// One conversion under way: everything that was decided before the stream.
struct Conversion<'a> {
    package: &'a Package,
    plan: &'a Plan,
    policy: &'a Policy,
    patches: &'a [Patch],
}

/// What the stream gave.
struct Finished {
    debian: DebianDir,
    observed: Observed,
    notices: Vec<Notice>,
}

impl Conversion<'_> {
    /// Streams everything, documents included, into `sink`.
    fn run<R: Read>(&self, source: PayloadSource<R>, sink: &mut dyn Sink) -> Result<Finished, Error> {
        let mut inspector = Inspector::new(sink);
        let (debian, mut notices) = self.stream(source, &mut inspector)?;
        let identity = debian.identity()?;
        let paths = self.plan.files.paths();
        let taken = |path: &[u8]| self.plan.files.contains(path, &paths);
        notices.extend(debian.emit_documents(&identity.name, self.plan.timestamp, &taken, &mut inspector)?);
        Ok(Finished { debian, observed: inspector.into_observed(), notices })
    }

    /// Streams the files alone: `unpack` leaves the documents in debian/.
    fn run_without_documents<R: Read>(&self, source: PayloadSource<R>, sink: &mut dyn Sink) -> Result<Finished, Error> {
        let mut inspector = Inspector::new(sink);
        let (debian, notices) = self.stream(source, &mut inspector)?;
        Ok(Finished { debian, observed: inspector.into_observed(), notices })
    }

    /// Files through rewriter and patcher to the inspector; then debian/ from what the inspector saw, patched.
    fn stream<R: Read>(
        &self,
        source: PayloadSource<R>,
        inspector: &mut Inspector<'_>,
    ) -> Result<(DebianDir, Vec<Notice>), Error> {
        let mut notices = Vec::new();
        let patch_plan = PatchPlan::new(self.patches, &self.plan.tree_name, &self.plan.files)?;
        let mut patcher = Patcher::new(inspector, &patch_plan, self.plan.timestamp);
        let mut rewriter = Rewriter::new(&mut patcher, &self.plan.files, &self.plan.relocation, &mut notices);
        transform::stream(self.package, source, &self.plan.files, self.policy.limits, &mut rewriter)?;
        notices.extend(patcher.finish()?);
        let observed = inspector.observed();
        let shlibs = self.read_shlibs(observed)?;
        let (mut debian, debian_notices) =
            self.plan.debian_dir(self.package, self.policy, observed, shlibs.as_ref())?;
        notices.extend(debian_notices);
        notices.extend(patch_plan.patch_debian(&mut debian)?);
        Ok((debian, notices))
    }

    /// Reads, of what `--shlibs-root` knows, the libraries that this package needs.
    fn read_shlibs(&self, observed: &Observed) -> Result<Option<Shlibs>, Error> {
        let Some(root) = &self.policy.shlibs_root else { return Ok(None) };
        let wanted = relation::wanted_sonames(self.package, &observed.elf);
        Shlibs::read(root, &self.plan.arch, &wanted).map(Some)
    }

    fn report(&self, finished: Finished, written: Option<Written>) -> Result<Report, Error> {
        let mut notices = self.plan.notices.clone();
        notices.extend(finished.notices);
        Ok(Report {
            summary: self.plan.summary(),
            control: finished.debian.control()?.to_string(),
            identity: finished.debian.identity()?,
            written,
            notices,
            signatures: self.package.signatures.clone(),
        })
    }
}

fn write_archive(
    debian: &DebianDir,
    observed: &Observed,
    data: File,
    output: &Output,
    timestamp: u64,
) -> Result<Written, Error> {
    let members = debian.control_members(observed)?;
    let control = archive::control_tar(&members, output.compression, timestamp)?;
    let file_name = debian.identity()?.file_name();
    archive::write(&output.directory, &file_name, output.compression, &control, data, timestamp, output.checksums)
}

/// The same sum as `build` finds on disk: of hard links, all names but one are links.
fn planned_bytes(package: &Package, files: &FilePlan) -> u64 {
    let listed = files.directories.values().chain(files.entries.iter().flatten());
    let all: u64 = listed.map(|entry| tar_bytes(&entry.kind)).sum();
    let links = link_groups(package, files).into_values().flat_map(|names| names.into_iter().skip(1));
    let linked = links.filter_map(|name| files.entries[name].as_ref());
    let counted_again: u64 = linked.map(|entry| tar_bytes(&entry.kind).saturating_sub(512)).sum();
    all.saturating_sub(counted_again)
}

/// Bytes of an entry in the data.tar, about: their sum decides how large the compressor makes itself.
fn tar_bytes(kind: &EntryKind) -> u64 {
    match kind {
        EntryKind::Regular { size_bytes } => size_bytes + 1024,
        _ => 512,
    }
}

/// Without a changelog, the newest file dates the package: the same tree gives the same bytes.
fn newest_mtime(tree: &Tree) -> u64 {
    tree.entries().iter().map(|entry| entry.mtime).max().unwrap_or(0)
}

/// Reads all and keeps nothing.
struct Discard;

impl Sink for Discard {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        io::copy(content, &mut io::sink())
            .map(drop)
            .map_err(|error| Error::malformed(format!("payload entry '{}'", printable(&entry.path)), error.to_string()))
    }
}
