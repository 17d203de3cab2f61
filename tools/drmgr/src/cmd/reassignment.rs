//! `-P FILE`: resources that the platform reassigned, `cpu` or `mem` and an index a line; each is given back and taken anew.

use lpard::dlpar::request::{Change, CpuChoice, MemoryChoice, Request, Terms};
use platform::drc::DrcIndex;

use super::{Handled, Session};
use crate::exit::Exit;
use crate::run::WithSource;

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(path) = session.options.reassignments.clone() else { return Exit::Failed };
    let path = path.strip_prefix("/").unwrap_or(&path);
    let text = match session.sysroot.read_text(path) {
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
    if let Err(error) = session.sysroot.remove_file(path) {
        session.say.error(&WithSource(&error).to_string());
    }
    exit
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Cpu(DrcIndex),
    Memory(DrcIndex),
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
    [Change::Remove, Change::Add].into_iter().all(|change| {
        let request = match resource {
            Resource::Cpu(index) => Request::Cpu { change, which: CpuChoice::Index(index) },
            Resource::Memory(index) => Request::Memory { change, which: MemoryChoice::Index(index) },
        };
        match session.handle(&request, Terms::default()) {
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
    })
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
}
