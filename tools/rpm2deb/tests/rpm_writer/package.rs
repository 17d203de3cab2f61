//! The builder: collects what a package says, then writes lead, signature, header and payload.

use std::fs;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path;

use super::compress::Compressor;
use super::content::Content;
use super::cpio::Archive;
use super::files::{self, File};
use super::header::{Image, Tags, Value};
use super::lead::lead;
use super::signature::{self, Measure, PayloadFacts};
use super::tag;

/// Package format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    V3,
    V4,
    V6,
}

/// A package in memory, and where its parts are.
#[derive(Debug, Clone)]
pub struct Built {
    pub bytes: Vec<u8>,
    /// With its padding.
    pub signature: Range<usize>,
    pub header: Range<usize>,
    pub payload: Range<usize>,
}

type Edit<T> = Box<dyn FnOnce(&mut T)>;

/// Collects what a package says. Methods that set something of a file speak of the file added last.
pub struct RpmBuilder {
    format: Format,
    compressor: Compressor,
    source: bool,
    tags: Tags,
    files: Vec<File>,
    relations: Vec<(Relation, Vec<u8>, u32, Vec<u8>)>,
    changelog: Vec<(u32, Vec<u8>, Vec<u8>)>,
    edit_tags: Vec<Edit<Tags>>,
    edit_image: Vec<Edit<Image>>,
    edit_archive: Vec<Edit<Archive>>,
    edit_cpio: Vec<Edit<Vec<u8>>>,
    edit_payload: Vec<Edit<Vec<u8>>>,
    edit_signature: Vec<Edit<Tags>>,
    edit_signature_image: Vec<Edit<Image>>,
}

/// Kinds of dependencies, with their three tags: name, flags, version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Requires,
    Provides,
    Conflicts,
    Obsoletes,
    Recommends,
    Suggests,
}

impl Relation {
    const ALL: [Relation; 6] =
        [Self::Requires, Self::Provides, Self::Conflicts, Self::Obsoletes, Self::Recommends, Self::Suggests];

    fn tags(self) -> [u32; 3] {
        match self {
            Self::Requires => [tag::REQUIRENAME, tag::REQUIREFLAGS, tag::REQUIREVERSION],
            Self::Provides => [tag::PROVIDENAME, tag::PROVIDEFLAGS, tag::PROVIDEVERSION],
            Self::Conflicts => [tag::CONFLICTNAME, tag::CONFLICTFLAGS, tag::CONFLICTVERSION],
            Self::Obsoletes => [tag::OBSOLETENAME, tag::OBSOLETEFLAGS, tag::OBSOLETEVERSION],
            Self::Recommends => [tag::RECOMMENDNAME, tag::RECOMMENDFLAGS, tag::RECOMMENDVERSION],
            Self::Suggests => [tag::SUGGESTNAME, tag::SUGGESTFLAGS, tag::SUGGESTVERSION],
        }
    }
}

/// What the package says.
impl RpmBuilder {
    /// NAME-1.0-1.noarch, format 4, gzip, without files.
    pub fn new(name: &str) -> Self {
        let mut tags = Tags::default();
        let texts = [
            (tag::NAME, name),
            (tag::VERSION, "1.0"),
            (tag::RELEASE, "1"),
            (tag::BUILDHOST, "localhost"),
            (tag::LICENSE, "MIT"),
            (tag::OS, "linux"),
            (tag::ARCH, "noarch"),
            (tag::RPMVERSION, "4.18.0"),
            (tag::PAYLOADFORMAT, "cpio"),
            (tag::ENCODING, "utf-8"),
        ];
        for (number, text) in texts {
            tags.set(number, Value::text(text));
        }
        tags.set(tag::HEADERI18NTABLE, Value::array(&["C"]));
        tags.set(tag::SUMMARY, Value::Translated(b"A test package".to_vec()));
        tags.set(tag::DESCRIPTION, Value::Translated(b"Made by the tests.\n\nSecond paragraph.".to_vec()));
        tags.set(tag::GROUP, Value::Translated(b"Unspecified".to_vec()));
        tags.set_int(tag::BUILDTIME, 1_600_000_000);
        Self {
            format: Format::V4,
            compressor: Compressor::Gzip,
            source: false,
            tags,
            files: Vec::new(),
            relations: Vec::new(),
            changelog: Vec::new(),
            edit_tags: Vec::new(),
            edit_image: Vec::new(),
            edit_archive: Vec::new(),
            edit_cpio: Vec::new(),
            edit_payload: Vec::new(),
            edit_signature: Vec::new(),
            edit_signature_image: Vec::new(),
        }
    }

    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    pub fn payload(mut self, compressor: Compressor) -> Self {
        self.compressor = compressor;
        self
    }

    /// A source package: lead type 1, SOURCEPACKAGE, no SOURCERPM.
    pub fn source(mut self) -> Self {
        self.source = true;
        self
    }

    /// Sets a tag of STRING: `tag::VERSION`, `tag::URL`, …
    pub fn text(mut self, number: u32, text: impl Into<Vec<u8>>) -> Self {
        let translated = [tag::SUMMARY, tag::DESCRIPTION, tag::GROUP].contains(&number);
        let text = text.into();
        self.tags.set(number, if translated { Value::Translated(text) } else { Value::Text(text) });
        self
    }

    pub fn version(self, version: &str) -> Self {
        self.text(tag::VERSION, version)
    }

    pub fn release(self, release: &str) -> Self {
        self.text(tag::RELEASE, release)
    }

    pub fn arch(self, arch: &str) -> Self {
        self.text(tag::ARCH, arch)
    }

    pub fn epoch(mut self, epoch: u32) -> Self {
        self.tags.set_int(tag::EPOCH, epoch);
        self
    }

    /// `slot` is `tag::POSTIN`, …; the program goes into the slot's PROG tag, words split at spaces.
    pub fn scriptlet(mut self, slot: u32, program: &str, body: &str) -> Self {
        let program_tag = match slot {
            tag::PRETRANS | tag::POSTTRANS => slot + 2,
            _ => slot + tag::PREINPROG - tag::PREIN,
        };
        let words: Vec<&str> = program.split(' ').collect();
        let value = if words.len() == 1 { Value::text(program) } else { Value::array(&words) };
        self.tags.set(program_tag, value);
        if !body.is_empty() {
            self.tags.set(slot, Value::text(body));
        }
        self
    }

    /// One dependency; `flags` are `tag::LESS`, `GREATER`, `EQUAL` and others, 0 without a version.
    pub fn relation(mut self, kind: Relation, name: &str, flags: u32, version: &str) -> Self {
        self.relations.push((kind, name.into(), flags, version.into()));
        self
    }

    pub fn requires(self, name: &str) -> Self {
        self.relation(Relation::Requires, name, 0, "")
    }

    pub fn change(mut self, time: u32, name: &str, text: &str) -> Self {
        self.changelog.push((time, name.into(), text.into()));
        self
    }
}

/// Files.
impl RpmBuilder {
    fn add(mut self, path: impl Into<Vec<u8>>, mode: u16, content: Content, target: &[u8]) -> Self {
        let inode = self.files.len() as u32 + 1;
        self.files.push(File {
            path: path.into(),
            mode,
            content,
            target: target.to_vec(),
            rdev: (0, 0),
            user: b"root".to_vec(),
            group: b"root".to_vec(),
            mtime: 1_500_000_000,
            flags: 0,
            caps: Vec::new(),
            inode,
        });
        self
    }

    pub fn file(self, path: impl Into<Vec<u8>>, mode: u16, content: impl Into<Content>) -> Self {
        self.add(path, 0o100_000 | mode, content.into(), b"")
    }

    pub fn dir(self, path: impl Into<Vec<u8>>, mode: u16) -> Self {
        self.add(path, 0o040_000 | mode, "".into(), b"")
    }

    pub fn symlink(self, path: impl Into<Vec<u8>>, target: impl AsRef<[u8]>) -> Self {
        self.add(path, 0o120_777, "".into(), target.as_ref())
    }

    pub fn fifo(self, path: impl Into<Vec<u8>>, mode: u16) -> Self {
        self.add(path, 0o010_000 | mode, "".into(), b"")
    }

    /// `kind` is `'c'` or `'b'`.
    pub fn device(self, path: impl Into<Vec<u8>>, kind: char, mode: u16, major: u8, minor: u8) -> Self {
        let kind = if kind == 'b' { 0o060_000 } else { 0o020_000 };
        self.add(path, kind | mode, "".into(), b"").on_last(|file| file.rdev = (major, minor))
    }

    /// The same file under several names.
    pub fn hardlinks(mut self, paths: &[&str], mode: u16, content: impl Into<Content>) -> Self {
        let inode = self.files.len() as u32 + 1;
        let content = content.into();
        for path in paths {
            self = self.file(*path, mode, content.clone()).on_last(|file| file.inode = inode);
        }
        self
    }

    /// Changes the file added last.
    pub fn on_last(mut self, change: impl FnOnce(&mut File)) -> Self {
        change(self.files.last_mut().expect("a file before its properties"));
        self
    }

    pub fn owner(self, user: &str, group: &str) -> Self {
        self.on_last(|file| {
            file.user = user.into();
            file.group = group.into();
        })
    }

    /// `tag::CONFIG`, `GHOST`, …
    pub fn flags(self, flags: u32) -> Self {
        self.on_last(|file| file.flags = flags)
    }

    pub fn caps(self, caps: &str) -> Self {
        self.on_last(|file| file.caps = caps.into())
    }
}

/// Ways to be wrong, in the order in which they are applied.
impl RpmBuilder {
    /// Entries of the payload: names, sizes, order, missing and extra ones.
    pub fn edit_archive(mut self, edit: impl FnOnce(&mut Archive) + 'static) -> Self {
        self.edit_archive.push(Box::new(edit));
        self
    }

    /// The archive's bytes, before compression.
    pub fn edit_cpio(mut self, edit: impl FnOnce(&mut Vec<u8>) + 'static) -> Self {
        self.edit_cpio.push(Box::new(edit));
        self
    }

    /// The compressed payload; its digests are computed afterwards.
    pub fn edit_payload(mut self, edit: impl FnOnce(&mut Vec<u8>) + 'static) -> Self {
        self.edit_payload.push(Box::new(edit));
        self
    }

    /// The header's tags, payload digests among them.
    pub fn edit_tags(mut self, edit: impl FnOnce(&mut Tags) + 'static) -> Self {
        self.edit_tags.push(Box::new(edit));
        self
    }

    /// The header's index and data; header digests are computed afterwards.
    pub fn edit_image(mut self, edit: impl FnOnce(&mut Image) + 'static) -> Self {
        self.edit_image.push(Box::new(edit));
        self
    }

    /// The signature's tags.
    pub fn edit_signature(mut self, edit: impl FnOnce(&mut Tags) + 'static) -> Self {
        self.edit_signature.push(Box::new(edit));
        self
    }

    /// The signature's index and data.
    pub fn edit_signature_image(mut self, edit: impl FnOnce(&mut Image) + 'static) -> Self {
        self.edit_signature_image.push(Box::new(edit));
        self
    }
}

/// Writing.
impl RpmBuilder {
    /// The package's bytes.
    pub fn build(self) -> Vec<u8> {
        self.build_parts().bytes
    }

    /// The package's bytes and where its parts are.
    pub fn build_parts(mut self) -> Built {
        let mut cpio = Vec::new();
        self.archive().write_to(&mut cpio).unwrap();
        apply(&mut self.edit_cpio, &mut cpio);
        let mut payload = Vec::new();
        let inner = self.compress(&mut payload, |sink| sink.write_all(&cpio)).unwrap();
        apply(&mut self.edit_payload, &mut payload);
        let mut nowhere = io::sink();
        let mut outer = Measure::new(&mut nowhere, self.format);
        outer.write_all(&payload).unwrap();
        let facts = PayloadFacts { outer: outer.finish(), inner };
        let (mut bytes, signature, header) = self.head(&facts, &mut payload.as_slice());
        bytes.extend(&payload);
        let payload = header.end..bytes.len();
        Built { bytes, signature, header, payload }
    }

    /// Writes the package to a file; content and payload are never held in memory.
    pub fn build_file(mut self, path: &Path) -> io::Result<()> {
        let archive = self.archive();
        let scratch = path.with_extension("payload");
        let mut file = io::BufWriter::new(fs::File::create(&scratch)?);
        let mut outer = Measure::new(&mut file, self.format);
        let inner = self.compress(&mut outer, |sink| archive.write_to(sink))?;
        let facts = PayloadFacts { outer: outer.finish(), inner };
        file.flush()?;
        let (head, ..) = self.head(&facts, &mut io::BufReader::new(fs::File::open(&scratch)?));
        let mut package = fs::File::create(path)?;
        package.write_all(&head)?;
        io::copy(&mut fs::File::open(&scratch)?, &mut package)?;
        fs::remove_file(&scratch)
    }

    fn archive(&mut self) -> Archive {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut archive =
            Archive { entries: files::entries(&self.files, self.format), trailer: true, tail: Vec::new() };
        apply(&mut self.edit_archive, &mut archive);
        archive
    }

    fn compress(
        &self,
        sink: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<signature::StreamFacts> {
        let mut stream = self.compressor.start(sink);
        let mut inner = Measure::new(&mut stream, self.format);
        write(&mut inner)?;
        let facts = inner.finish();
        stream.finish()?;
        Ok(facts)
    }

    /// Lead, signature and header, with the places of the last two.
    fn head(&mut self, facts: &PayloadFacts, payload: &mut dyn Read) -> (Vec<u8>, Range<usize>, Range<usize>) {
        let in_region = |region| (self.format != Format::V3).then_some(region);
        let (outer_region, inner_region) = (in_region(tag::HEADERSIGNATURES), in_region(tag::HEADERIMMUTABLE));
        let mut tags = self.header_tags(facts);
        apply(&mut self.edit_tags, &mut tags);
        let mut image = tags.lay_out(inner_region);
        apply(&mut self.edit_image, &mut image);
        let header = image.to_bytes();

        let mut tags = signature::tags(self.format, &header, payload, facts);
        apply(&mut self.edit_signature, &mut tags);
        let mut image = tags.lay_out(outer_region);
        apply(&mut self.edit_signature_image, &mut image);

        let Some(Value::Text(name)) = self.tags.0.get(&tag::NAME) else { panic!("NAME is a STRING") };
        let mut bytes = lead(self.format, self.source, name);
        bytes.extend(image.to_bytes());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let start = bytes.len();
        bytes.extend(header);
        let end = bytes.len();
        (bytes, 96..start, start..end)
    }

    fn header_tags(&self, facts: &PayloadFacts) -> Tags {
        let mut tags = self.tags.clone();
        files::tags(&self.files, self.format, &mut tags);
        self.relation_tags(&mut tags);
        if !self.changelog.is_empty() {
            tags.set(tag::CHANGELOGTIME, Value::Int32(self.changelog.iter().map(|entry| entry.0).collect()));
            tags.set(tag::CHANGELOGNAME, Value::Array(self.changelog.iter().map(|entry| entry.1.clone()).collect()));
            tags.set(tag::CHANGELOGTEXT, Value::Array(self.changelog.iter().map(|entry| entry.2.clone()).collect()));
        }
        if self.source {
            tags.set_int(tag::SOURCEPACKAGE, 1);
        } else {
            tags.set(tag::SOURCERPM, Value::text("hostile-1.0-1.src.rpm"));
        }
        if let Some(compressor) = self.compressor.tag_value() {
            tags.set(tag::PAYLOADCOMPRESSOR, Value::text(compressor));
            tags.set(tag::PAYLOADFLAGS, Value::text("1"));
        }
        let size = files::total_size(&self.files);
        match u32::try_from(size) {
            Ok(size) if self.format != Format::V6 => tags.set_int(tag::SIZE, size),
            _ => tags.set(tag::LONGSIZE, Value::Int64(vec![size])),
        }
        payload_tags(self.format, facts, &mut tags);
        tags
    }

    fn relation_tags(&self, tags: &mut Tags) {
        let mut all = self.relations.clone();
        let features: &[(&str, &str)] = match self.format {
            Format::V3 => &[],
            _ => &[("rpmlib(CompressedFileNames)", "3.0.4-1"), ("rpmlib(PayloadFilesHavePrefix)", "4.0-1")],
        };
        for (feature, version) in features {
            let flags = tag::LESS | tag::EQUAL | tag::RPMLIB;
            all.push((Relation::Requires, (*feature).into(), flags, (*version).into()));
        }
        for kind in Relation::ALL {
            let mine: Vec<_> = all.iter().filter(|relation| relation.0 == kind).collect();
            if !mine.is_empty() {
                let [name, flags, version] = kind.tags();
                tags.set(name, Value::Array(mine.iter().map(|relation| relation.1.clone()).collect()));
                tags.set(flags, Value::Int32(mine.iter().map(|relation| relation.2).collect()));
                tags.set(version, Value::Array(mine.iter().map(|relation| relation.3.clone()).collect()));
            }
        }
    }
}

fn payload_tags(format: Format, facts: &PayloadFacts, tags: &mut Tags) {
    if format == Format::V3 {
        return; // the signature has the archive's size
    }
    tags.set(tag::PAYLOADSHA256, Value::array(&[facts.outer.sha256.as_str()]));
    tags.set(tag::PAYLOADSHA256ALT, Value::array(&[facts.inner.sha256.as_str()]));
    if format == Format::V4 {
        tags.set_int(tag::PAYLOADSHA256ALGO, tag::ALGO_SHA256);
        return;
    }
    tags.set_int(tag::RPMFORMAT, 6);
    tags.set(tag::SOURCENEVR, Value::text("hostile-1.0-1"));
    tags.set(tag::PAYLOADSIZE, Value::Int64(vec![facts.outer.bytes]));
    tags.set(tag::PAYLOADSIZEALT, Value::Int64(vec![facts.inner.bytes]));
    let digests = [
        (tag::PAYLOADSHA512, &facts.outer.sha512),
        (tag::PAYLOADSHA512ALT, &facts.inner.sha512),
        (tag::PAYLOADSHA3_256, &facts.outer.sha3_256),
        (tag::PAYLOADSHA3_256ALT, &facts.inner.sha3_256),
    ];
    for (number, digest) in digests {
        tags.set(number, Value::text(digest.as_str()));
    }
}

fn apply<T>(edits: &mut Vec<Edit<T>>, subject: &mut T) {
    for edit in edits.drain(..) {
        edit(subject);
    }
}
