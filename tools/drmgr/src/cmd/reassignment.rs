//! `-P FILE`: resources that the platform reassigned, `cpu` or `mem` and an index a line; each is given back and taken anew.

use std::env::current_dir;
use std::path::{Path, PathBuf};

use lpard::dlpar::request::{Change, CpuChoice, MemoryChoice, Request, Terms};
use platform::drc::DrcIndex;

use super::{Handled, Session};
use crate::exit::Exit;
use crate::run::WithSource;

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(path) = session.options.reassignments.clone() else { return Exit::Failed };
    // A recorded machine has no current directory.
    let here = if session.sysroot.is_live() { current_dir().ok() } else { None };
    let path = below_root(&path, here.as_deref());
    let text = match session.sysroot.read_text(&path) {
        Ok(text) => text,
        Err(error) => {
            session.say.error(&format!("Failed to handle PRRN event: {}", WithSource(&error)));
            return Exit::Failed;
        }
    };
    let mut exit = Exit::Done;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let resource = parse(line);
        if resource.is_none() {
            session.say.error(&format!("'{line}' is not a reassigned resource"));
        }
        if !resource.is_some_and(|resource| renew(session, resource)) {
            exit = Exit::Failed;
        }
    }
    if session.options.dry_run {
        session.print(&format!("- remove /{}\n", path.display()));
    } else if let Err(error) = session.sysroot.remove_file(&path) {
        session.say.error(&WithSource(&error).to_string());
    }
    exit
}

/// The path as seen from the root: one that is relative begins where the program was called.
fn below_root(path: &Path, here: Option<&Path>) -> PathBuf {
    let path = here.map_or_else(|| path.to_owned(), |here| here.join(path));
    path.strip_prefix("/").map(Path::to_owned).unwrap_or(path)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Cpu(DrcIndex),
    Memory(DrcIndex),
}

impl Resource {
    fn request(self, change: Change) -> Request {
        match self {
            Self::Cpu(index) => Request::Cpu { change, which: CpuChoice::Index(index) },
            Self::Memory(index) => Request::Memory { change, which: MemoryChoice::Index(index) },
        }
    }
}

/// `cpu 10000001`: the index without 0x.
fn parse(line: &str) -> Option<Resource> {
    let (kind, digits) = line.trim().split_once(' ')?;
    let index = format!("0x{digits}").parse().ok()?;
    match kind {
        "cpu" => Some(Resource::Cpu(index)),
        "mem" => Some(Resource::Memory(index)),
        _ => None,
    }
}

fn renew(session: &mut Session<'_, '_>, resource: Resource) -> bool {
    let taken_anew = resource.request(Change::Add);
    if session.options.dry_run {
        // What comes after cannot be planned: the partition still has the resource.
        let is_planned = handle(session, &resource.request(Change::Remove));
        session.print(&format!("- {taken_anew}\n"));
        return is_planned;
    }
    handle(session, &resource.request(Change::Remove)) && handle(session, &taken_anew)
}

fn handle(session: &mut Session<'_, '_>, request: &Request) -> bool {
    match session.handle(request, Terms::default()) {
        Handled::Acted(acted) => acted.outcome.is_complete(),
        Handled::Printed => true,
        Handled::Refused(refusal) => {
            session.say.error(&format!("Could not {request}: {refusal}"));
            false
        }
        Handled::Blind(reason) => {
            session.say.error(&reason);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_type_and_an_index() {
        assert_eq!(parse("cpu 10000001"), Some(Resource::Cpu(DrcIndex(0x1000_0001))));
        assert_eq!(parse("mem 8000000a\n"), Some(Resource::Memory(DrcIndex(0x8000_000a))));
        for line in ["cpu", "cpu 0x10000001", "phb 20000000", "mem 8000000ag", "mem  1"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_relative_path_begins_where_the_program_was_called() {
        let below_root = |path: &str, here: Option<&str>| below_root(path.as_ref(), here.map(Path::new));
        assert_eq!(below_root("list", Some("/home/op")), Path::new("home/op/list"));
        assert_eq!(below_root("/tmp/list", Some("/home/op")), Path::new("tmp/list"));
        assert_eq!(below_root("list", None), Path::new("list"), "of a recorded machine");
    }
}
