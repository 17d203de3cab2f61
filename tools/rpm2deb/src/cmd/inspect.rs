//! `rpm2deb inspect`: what an RPM says of itself, and whether its digests are right.

use std::fmt::Write as _;

use rpm2deb::error::Error;
use rpm2deb::limits::Limits;
use rpm2deb::plan::document::rpm_file_name;
use rpm2deb::printable::printable;
use rpm2deb::rpm::package::{Compare, File, FileKind, Package, Relation, Scriptlet, Trigger};
use rpm2deb::rpm::{self, payload};
use serde_json::{Value, json};

use crate::cli::Inspect;
use crate::report::{self, Exit};

/// Runs the verb.
pub(crate) fn run(args: &Inspect) -> Exit {
    match read(args) {
        Ok(package) if args.json => report::print_json(&as_json(&package, args)),
        Ok(package) => report::print(&as_text(&package, args)),
        Err(error) => {
            let error = anyhow::Error::new(error);
            if args.json {
                report::print_json(&report::failure_json(&args.rpm, &error));
            } else {
                report::print_error(&report::display(&args.rpm), &error);
            }
            return Exit::Failed;
        }
    }
    Exit::Done
}

/// Reads the headers, then the payload for its digests.
fn read(args: &Inspect) -> Result<Package, Error> {
    let opened = rpm::open(super::open(&args.rpm)?)?;
    let package = opened.package.clone();
    // Nothing is unpacked, so the size does not matter.
    payload::verify(opened, Limits { max_unpacked_bytes: u64::MAX, max_ratio: u64::MAX })?;
    Ok(package)
}

fn as_text(package: &Package, args: &Inspect) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<14}{}", printable(value.as_bytes()));
        }
    };
    line("RPM", &format!("{}, format v{}", rpm_file_name(package), package.format));
    line("Epoch", &package.evr.epoch.map(|epoch| epoch.to_string()).unwrap_or_default());
    line("Summary", &package.summary);
    line("Licence", package.license.as_deref().unwrap_or(""));
    line("Group", package.group.as_deref().unwrap_or(""));
    line("Vendor", package.vendor.as_deref().unwrap_or(""));
    line("Packager", package.packager.as_deref().unwrap_or(""));
    line("URL", package.url.as_deref().unwrap_or(""));
    line("Source", package.source_rpm.as_deref().unwrap_or(""));
    line("Files", &format!("{}, {} bytes", package.files.len(), package.payload.content_bytes));
    line("Payload", package.payload.compressor.as_deref().unwrap_or("gzip (not stated)"));
    line("Digests", &verified(package));
    let signatures = package.signatures.join(", ");
    line("Signatures", if signatures.is_empty() { "none" } else { &signatures });
    if !signatures.is_empty() {
        line("", "(not checked: use rpmkeys --checksig with the vendor's key)");
    }
    for (name, relations) in relation_lists(package) {
        for relation in relations {
            line(name, &relation_text(relation));
        }
    }
    if args.files {
        package.files.iter().for_each(|file| text.push_str(&file_text(file)));
    }
    if args.scripts {
        package.scriptlets.iter().for_each(|scriptlet| text.push_str(&scriptlet_text(scriptlet)));
        package.triggers.iter().for_each(|trigger| text.push_str(&trigger_text(trigger)));
    }
    text
}

/// All digests matched, or [`read`] would have failed: this says which there were.
fn verified(package: &Package) -> String {
    let mut names: Vec<String> =
        package.expected.payload.iter().map(|(algorithm, _)| format!("payload {}", algorithm.name())).collect();
    names.extend(package.expected.archive.iter().map(|(algorithm, _)| format!("archive {}", algorithm.name())));
    if package.files.iter().any(|file| !file.digest.is_empty()) {
        names.push(format!("files {}", package.expected.files.name()));
    }
    names.extend(package.expected.headers.iter().map(|name| (*name).to_owned()));
    if names.is_empty() { "none to verify".to_owned() } else { format!("verified: {}", names.join(", ")) }
}

fn relation_lists(package: &Package) -> [(&'static str, &[Relation]); 8] {
    let relations = &package.relations;
    [
        ("Provides", &relations.provides),
        ("Requires", &relations.requires),
        ("Recommends", &relations.recommends),
        ("Suggests", &relations.suggests),
        ("Supplements", &relations.supplements),
        ("Enhances", &relations.enhances),
        ("Conflicts", &relations.conflicts),
        ("Obsoletes", &relations.obsoletes),
    ]
}

fn relation_text(relation: &Relation) -> String {
    let Some((compare, evr)) = &relation.version else { return relation.name.clone() };
    let operator = match compare {
        Compare::Less => "<",
        Compare::LessOrEqual => "<=",
        Compare::Equal => "=",
        Compare::GreaterOrEqual => ">=",
        Compare::Greater => ">",
    };
    let epoch = evr.epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let release = evr.release.as_ref().map(|release| format!("-{release}")).unwrap_or_default();
    format!("{} {operator} {epoch}{}{release}", relation.name, evr.version)
}

fn kind_name(kind: &FileKind) -> &'static str {
    match kind {
        FileKind::Directory => "directory",
        FileKind::Regular { .. } => "file",
        FileKind::Symlink { .. } => "symlink",
        FileKind::CharDevice { .. } => "character device",
        FileKind::BlockDevice { .. } => "block device",
        FileKind::Fifo => "FIFO",
    }
}

fn flag_names(file: &File) -> Vec<&'static str> {
    [
        (File::CONFIG, "config"),
        (File::NOREPLACE, "noreplace"),
        (File::DOC, "doc"),
        (File::LICENSE, "license"),
        (File::GHOST, "ghost"),
        (File::ARTIFACT, "artifact"),
    ]
    .into_iter()
    .filter(|(flag, _)| file.has(*flag))
    .map(|(_, name)| name)
    .collect()
}

fn file_text(file: &File) -> String {
    let mut text = format!(
        "{:<16} {:04o} {}:{} {}",
        kind_name(&file.kind),
        file.mode,
        printable(file.user.as_bytes()),
        printable(file.group.as_bytes()),
        printable(&file.path)
    );
    if let FileKind::Symlink { target } = &file.kind {
        let _ = write!(text, " -> {}", printable(target));
    }
    if let Some(capabilities) = &file.capabilities {
        let _ = write!(text, " {{{}}}", printable(capabilities.as_bytes()));
    }
    let flags = flag_names(file);
    if !flags.is_empty() {
        let _ = write!(text, " [{}]", flags.join(" "));
    }
    text + "\n"
}

fn interpreter_text(interpreter: &[String]) -> String {
    if interpreter.is_empty() { "/bin/sh".to_owned() } else { printable(interpreter.join(" ").as_bytes()) }
}

/// A script's lines, indented, without what could steer a terminal.
fn body_text(body: Option<&[u8]>) -> String {
    let lines = body.unwrap_or_default().split(|byte| *byte == b'\n');
    lines.map(|line| format!("    {}\n", printable(line))).collect()
}

fn scriptlet_text(scriptlet: &Scriptlet) -> String {
    let body = scriptlet.body.as_deref().map(|body| body_text(Some(body))).unwrap_or_default();
    format!("{} -p {}\n{body}", scriptlet.slot.name(), interpreter_text(&scriptlet.interpreter))
}

fn trigger_text(trigger: &Trigger) -> String {
    let conditions = printable(trigger.conditions.join(", ").as_bytes());
    format!(
        "trigger ({:?}) on {conditions} -p {}\n{}",
        trigger.kind,
        interpreter_text(&trigger.interpreter),
        body_text(trigger.body.as_deref())
    )
}

fn as_json(package: &Package, args: &Inspect) -> Value {
    let relations: serde_json::Map<String, Value> = relation_lists(package)
        .into_iter()
        .map(|(name, list)| (name.to_lowercase(), list.iter().map(relation_text).collect()))
        .collect();
    let mut value = json!({
        "rpm": report::display(&args.rpm),
        "format": package.format,
        "name": package.name,
        "epoch": package.evr.epoch,
        "version": package.evr.version,
        "release": package.evr.release,
        "arch": package.arch,
        "source": package.is_source,
        "summary": package.summary,
        "description": package.description,
        "license": package.license,
        "group": package.group,
        "vendor": package.vendor,
        "packager": package.packager,
        "url": package.url,
        "source_rpm": package.source_rpm,
        "build_time": package.build_time,
        "file_count": package.files.len(),
        "content_bytes": package.payload.content_bytes,
        "compressor": package.payload.compressor,
        "digests": verified(package),
        "signatures": package.signatures,
        "relations": relations,
    });
    if args.files {
        value["files"] = package.files.iter().map(file_json).collect();
    }
    if args.scripts {
        value["scriptlets"] = package
            .scriptlets
            .iter()
            .map(|scriptlet| {
                let body = scriptlet.body.as_deref().map(String::from_utf8_lossy);
                json!({ "slot": scriptlet.slot, "interpreter": scriptlet.interpreter, "body": body })
            })
            .collect();
        value["triggers"] = package
            .triggers
            .iter()
            .map(|trigger| {
                let body = trigger.body.as_deref().map(String::from_utf8_lossy);
                json!({
                    "kind": trigger.kind,
                    "conditions": trigger.conditions,
                    "interpreter": trigger.interpreter,
                    "body": body,
                })
            })
            .collect();
    }
    value
}

fn file_json(file: &File) -> Value {
    json!({
        "path": printable(&file.path),
        "type": kind_name(&file.kind),
        "mode": format!("{:04o}", file.mode),
        "user": file.user,
        "group": file.group,
        "mtime": file.mtime,
        "bytes": match file.kind { FileKind::Regular { size_bytes } => Some(size_bytes), _ => None },
        "target": match &file.kind { FileKind::Symlink { target } => Some(printable(target)), _ => None },
        "digest": file.digest,
        "capabilities": file.capabilities,
        "flags": flag_names(file),
    })
}
