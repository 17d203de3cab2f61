//! A directory to work in, runs of `rpm2deb` in it, and looks at what came out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::rpm_writer::RpmBuilder;
use crate::sandbox::tool;

/// The program.
pub(crate) const RPM2DEB: &str = env!("CARGO_BIN_EXE_rpm2deb");

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The directory.
pub(crate) struct Workbench {
    root: tempfile::TempDir,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Writes a package.
    pub(crate) fn put(&self, name: &str, builder: RpmBuilder) {
        fs::write(self.path(name), builder.build()).unwrap();
    }

    /// The program, to be run here.
    pub(crate) fn command(&self) -> Command {
        self.here(RPM2DEB)
    }

    /// Any program, to be run here.
    pub(crate) fn here(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root.path()).env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null());
        command
    }

    /// `rpm2deb ARGUMENTS`, here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        ended(self.command().args(arguments))
    }

    /// The same; its failure is the test's.
    pub(crate) fn done(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        run
    }

    /// Names in a directory, sorted; none if it does not exist.
    pub(crate) fn listing(&self, directory: &str) -> Vec<String> {
        let Ok(listing) = fs::read_dir(self.path(directory)) else { return Vec::new() };
        let mut names: Vec<String> =
            listing.map(|item| item.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The only thing in a directory.
    pub(crate) fn only(&self, directory: &str) -> PathBuf {
        let names = self.listing(directory);
        assert_eq!(names.len(), 1, "one file in {directory}, not {names:?}");
        self.path(directory).join(&names[0])
    }

    /// Converts one package into an empty directory and gives its .deb.
    pub(crate) fn convert(&self, rpm: &str, directory: &str, arguments: &[&str]) -> PathBuf {
        self.done(&[&["convert", rpm, "-o", directory], arguments].concat());
        self.only(directory)
    }
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The real RPMs: absolute paths, sorted.
pub(crate) fn corpus() -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/packages/corpus");
    let listing = fs::read_dir(directory).unwrap().map(|item| item.unwrap().path());
    let is_rpm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rpm");
    let mut rpms: Vec<String> = listing.filter(is_rpm).map(|path| path.to_str().unwrap().to_owned()).collect();
    rpms.sort();
    assert_eq!(rpms.len(), 11);
    rpms
}

/// One of them by its file name.
pub(crate) fn corpus_rpm(name: &str) -> String {
    corpus().into_iter().find(|rpm| rpm.ends_with(&format!("/{name}"))).unwrap()
}

/// A member of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) owner: (String, String),
    pub(crate) mtime: u64,
    pub(crate) link: String,
    pub(crate) content: Vec<u8>,
}

/// data.tar, by names without `./` and without a directory's slash, as dpkg-deb takes it out.
pub(crate) fn data(deb: &Path) -> BTreeMap<String, Member> {
    members(deb, "--fsys-tarfile")
}

/// control.tar, the same way.
pub(crate) fn control(deb: &Path) -> BTreeMap<String, Member> {
    members(deb, "--ctrl-tarfile")
}

/// A member of control.tar as text; empty if it is not there.
pub(crate) fn control_text(deb: &Path, name: &str) -> String {
    control(deb).get(name).map(|member| String::from_utf8_lossy(&member.content).into_owned()).unwrap_or_default()
}

fn members(deb: &Path, which: &str) -> BTreeMap<String, Member> {
    let output = Command::new("dpkg-deb").arg(which).arg(deb).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut archive = tar::Archive::new(output.stdout.as_slice());
    let mut members = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let member = Member {
            kind: header.entry_type(),
            mode: header.mode().unwrap(),
            owner: (text(header.username_bytes()), text(header.groupname_bytes())),
            mtime: header.mtime().unwrap(),
            link: text(entry.link_name_bytes().as_deref()),
            content,
        };
        members.insert(name.strip_prefix("./").unwrap_or(&name).to_owned(), member);
    }
    members
}

/// Two packages are the same to the byte; if not, it says where.
pub(crate) fn assert_same(what: &str, first: &Path, second: &Path) {
    assert_eq!(first.file_name(), second.file_name(), "{what}");
    if fs::read(first).unwrap() == fs::read(second).unwrap() {
        return;
    }
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let views = [first, second].map(|deb| {
        let contents = tool("dpkg-deb", &["--contents", &text(deb)]);
        [tool("dpkg-deb", &["--info", &text(deb)]), contents, tool("ar", &["tv", &text(deb)])].concat()
    });
    for (ours, theirs) in views[0].lines().zip(views[1].lines()) {
        assert_eq!(ours, theirs, "{what}: the packages differ");
    }
    assert!(data(first) == data(second), "{what}: the files differ");
    assert!(control(first) == control(second), "{what}: the control files differ");
    panic!("{what}: the same content in other bytes");
}
