//! How results are told: lines for people, JSON for machines. The only place that prints.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use rpm2deb::convert::Report;
use rpm2deb::error::Error;
use rpm2deb::event::{Notice, Severity};
use rpm2deb::printable::printable;
use serde_json::{Value, json};

use crate::cli::ReportArgs;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// Something was refused or failed.
    Failed = 1,
    /// The command line was wrong.
    Usage = 2,
}

/// An argument that makes no sense is a usage error; a file or patch that cannot be used is a failure.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    let failed = error.chain().any(|cause| cause.is::<io::Error>() || cause.is::<Error>());
    if failed { Exit::Failed } else { Exit::Usage }
}

/// Prints an error with its causes and, for a patch, the hunk that did not fit.
pub(crate) fn print_error(subject: &str, error: &anyhow::Error) {
    let mut text =
        if subject.is_empty() { format!("error: {error}\n") } else { format!("error: {subject}: {error}\n") };
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  cause: {cause}\n"));
    }
    let patch_detail = error.chain().find_map(|cause| match cause.downcast_ref::<Error>() {
        Some(Error::Patch(patch)) => patch.detail(),
        _ => None,
    });
    for line in patch_detail.iter().flat_map(|detail| detail.lines()) {
        text.push_str(&format!("  {line}\n"));
    }
    // Nowhere is left to complain if stderr is gone.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints warnings, and notes if asked for. `subject` is the package's file.
pub(crate) fn print_notices(subject: &str, notices: &[Notice], verbose: bool) {
    let mut stderr = io::stderr().lock();
    for notice in notices {
        let label = match notice.severity {
            Severity::Warning => "warning",
            Severity::Note if verbose => "note",
            Severity::Note => continue,
        };
        let _ = writeln!(stderr, "{label}: {subject}: {}: {}", notice.subject, notice.text);
    }
}

/// A file's name for messages: no control characters.
pub(crate) fn display(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    printable(path.as_os_str().as_bytes())
}

/// Prints to stdout; a closed pipe is the reader's choice and no error of ours.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// One line of a finished conversion; for a dry run the control file as well.
pub(crate) fn conversion_text(rpm: &Path, report: &Report) -> String {
    match &report.written {
        Some(written) if written.bytes > 0 => {
            format!("{} -> {} ({} bytes)\n", display(rpm), display(&written.path), written.bytes)
        }
        Some(written) => format!("{} -> {}/\n", display(rpm), display(&written.path)),
        None => {
            let control: String = report.control.lines().map(|line| format!("  {line}\n")).collect();
            format!("{} -> {} (not written: dry run)\n{control}", display(rpm), report.identity.file_name())
        }
    }
}

/// A finished conversion as JSON.
pub(crate) fn conversion_json(rpm: &Path, report: &Report) -> Value {
    json!({
        "rpm": display(rpm),
        "status": "converted",
        "output": report.written.as_ref().map(|written| display(&written.path)),
        "bytes": report.written.as_ref().map(|written| written.bytes),
        "plan": report.summary,
        "package": report.identity.name,
        "version": report.identity.version,
        "architecture": report.identity.arch,
        "control": report.control,
        "signatures": report.signatures,
        "notices": report.notices,
    })
}

/// A failed conversion as JSON.
pub(crate) fn failure_json(rpm: &Path, error: &anyhow::Error) -> Value {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    json!({ "rpm": display(rpm), "status": "failed", "error": error.to_string(), "causes": causes })
}

/// Prints a JSON document.
pub(crate) fn print_json(value: &Value) {
    print(&format!("{value:#}\n"));
}

/// Whether a progress bar would be seen, and by someone who wants text.
pub(crate) fn wants_progress(args: ReportArgs) -> bool {
    !args.json && io::stderr().is_terminal()
}
