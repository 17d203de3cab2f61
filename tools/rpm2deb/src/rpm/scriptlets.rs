//! Scriptlets and triggers, gathered from their many tags.

use super::header::Header;
use super::package::{Scriptlet, Slot, Trigger, TriggerKind};
use super::tag;
use super::text::strings;
use crate::error::Error;

/// (slot, body, program, flags)
const SLOTS: [(Slot, u32, u32, Option<u32>); 9] = [
    (Slot::PreTrans, tag::PRE_TRANS, tag::PRE_TRANS_PROG, Some(tag::PRE_TRANS_FLAGS)),
    (Slot::Pre, tag::PRE_IN, tag::PRE_IN_PROG, Some(tag::PRE_IN_FLAGS)),
    (Slot::Post, tag::POST_IN, tag::POST_IN_PROG, Some(tag::POST_IN_FLAGS)),
    (Slot::PostTrans, tag::POST_TRANS, tag::POST_TRANS_PROG, Some(tag::POST_TRANS_FLAGS)),
    (Slot::PreUnTrans, tag::PRE_UN_TRANS, tag::PRE_UN_TRANS_PROG, Some(tag::PRE_UN_TRANS_FLAGS)),
    (Slot::PreUn, tag::PRE_UN, tag::PRE_UN_PROG, Some(tag::PRE_UN_FLAGS)),
    (Slot::PostUn, tag::POST_UN, tag::POST_UN_PROG, Some(tag::POST_UN_FLAGS)),
    (Slot::PostUnTrans, tag::POST_UN_TRANS, tag::POST_UN_TRANS_PROG, Some(tag::POST_UN_TRANS_FLAGS)),
    (Slot::Verify, tag::VERIFY_SCRIPT, tag::VERIFY_SCRIPT_PROG, None),
];

pub(super) fn read(header: &Header) -> Result<Vec<Scriptlet>, Error> {
    let mut scriptlets = Vec::new();
    for (slot, body, program, flags) in SLOTS {
        if !header.contains(body) && !header.contains(program) {
            continue;
        }
        scriptlets.push(Scriptlet {
            slot,
            interpreter: strings(header, program)?,
            body: header.string(body)?.map(<[u8]>::to_vec),
            flags: flags.map_or(Ok(None), |tag| header.integer32(tag))?.unwrap_or(0),
        });
    }
    Ok(scriptlets)
}

/// Tags of one list of triggers: scripts, programs, and per condition its name, version, flags and script number.
struct TriggerTags {
    kind: TriggerKind,
    scripts: u32,
    programs: u32,
    names: u32,
    versions: u32,
    flags: u32,
    indexes: u32,
}

const TRIGGERS: [TriggerTags; 3] = [
    TriggerTags {
        kind: TriggerKind::Package,
        scripts: tag::TRIGGER_SCRIPTS,
        programs: tag::TRIGGER_SCRIPT_PROG,
        names: tag::TRIGGER_NAME,
        versions: tag::TRIGGER_VERSION,
        flags: tag::TRIGGER_FLAGS,
        indexes: tag::TRIGGER_INDEX,
    },
    TriggerTags {
        kind: TriggerKind::File,
        scripts: tag::FILE_TRIGGER_SCRIPTS,
        programs: tag::FILE_TRIGGER_SCRIPT_PROG,
        names: tag::FILE_TRIGGER_NAME,
        versions: tag::FILE_TRIGGER_VERSION,
        flags: tag::FILE_TRIGGER_FLAGS,
        indexes: tag::FILE_TRIGGER_INDEX,
    },
    TriggerTags {
        kind: TriggerKind::TransactionFile,
        scripts: tag::TRANS_FILE_TRIGGER_SCRIPTS,
        programs: tag::TRANS_FILE_TRIGGER_SCRIPT_PROG,
        names: tag::TRANS_FILE_TRIGGER_NAME,
        versions: tag::TRANS_FILE_TRIGGER_VERSION,
        flags: tag::TRANS_FILE_TRIGGER_FLAGS,
        indexes: tag::TRANS_FILE_TRIGGER_INDEX,
    },
];

pub(super) fn read_triggers(header: &Header) -> Result<Vec<Trigger>, Error> {
    let mut triggers = Vec::new();
    for tags in &TRIGGERS {
        triggers.extend(read_trigger_list(header, tags)?);
    }
    Ok(triggers)
}

fn read_trigger_list(header: &Header, tags: &TriggerTags) -> Result<Vec<Trigger>, Error> {
    let scripts = header.strings(tags.scripts)?;
    let programs = strings(header, tags.programs)?;
    let mut triggers: Vec<Trigger> = scripts
        .into_iter()
        .enumerate()
        .map(|(at, body)| Trigger {
            kind: tags.kind,
            conditions: Vec::new(),
            interpreter: programs.get(at).cloned().into_iter().collect(),
            body: Some(body.to_vec()).filter(|body| !body.is_empty()),
        })
        .collect();

    let names = strings(header, tags.names)?;
    let versions = strings(header, tags.versions)?;
    let flags = header.integers(tags.flags)?;
    let indexes = header.integers(tags.indexes)?;
    for (at, name) in names.into_iter().enumerate() {
        let Some(trigger) =
            indexes.get(at).and_then(|index| usize::try_from(*index).ok()).and_then(|index| triggers.get_mut(index))
        else {
            return Err(Error::malformed(
                format!("header tag {}", tags.indexes),
                format!("trigger condition {at} names a script that is not there"),
            ));
        };
        let version = versions.get(at).map_or("", String::as_str);
        trigger.conditions.push(condition(name, flags.get(at).copied().unwrap_or(0), version));
    }
    Ok(triggers)
}

/// `glibc < 2.40`, as `rpm -q --triggers` prints it.
fn condition(name: String, flags: u64, version: &str) -> String {
    let operator = match flags & 0xe {
        2 => "<",
        10 => "<=",
        8 => "=",
        12 => ">=",
        4 => ">",
        _ => return name,
    };
    format!("{name} {operator} {version}")
}
