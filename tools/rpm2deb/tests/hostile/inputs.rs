//! Inputs that are no package at all, or no binary package.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::expect::{all_refused, case, raw, refusal};
use crate::plain;
use crate::sandbox::{Sandbox, tool};

#[test]
fn what_is_no_rpm_is_refused() {
    let mut wrong_lead = plain().build();
    wrong_lead[0] = 0;
    let mut future = plain().build();
    future[4] = 9;
    all_refused(vec![
        raw("an empty file", Vec::new(), &["rpm"]),
        raw("a text file", b"This is no package.\n".repeat(100), &["rpm"]),
        raw("an ar archive", b"!<arch>\ndebian-binary   0 0 0 100644 4 `\n2.0\n".repeat(20), &["rpm"]),
        raw("zeros", vec![0; 100_000], &["rpm"]),
        raw("a lead and nothing else", plain().build()[..96].to_vec(), &["header"]),
        raw("a wrong magic number", wrong_lead, &["rpm"]),
        raw("a format of the future", future, &["9"]),
        case("a source package", plain().source(), &["source"]),
    ]);
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let sandbox = Sandbox::new();
    let work = sandbox.path("work");
    std::fs::create_dir(work.join("directory.rpm")).unwrap();
    symlink("nowhere", work.join("dangling.rpm")).unwrap();
    tool("mkfifo", &[work.join("fifo.rpm").to_str().unwrap()]);
    for name in ["directory.rpm", "dangling.rpm", "fifo.rpm", "missing.rpm"] {
        let run = sandbox.convert(&work.join(name), &[]);
        assert_eq!(refusal(&run, name, &[]), Ok(()), "{name}");
    }
    let run = sandbox.convert(Path::new("/dev/zero"), &[]);
    assert_eq!(refusal(&run, "/dev/zero", &[]), Ok(()));
}

#[test]
fn file_names_with_syntax_in_them_are_only_names() {
    for name in ["a'b;touch evil.rpm", "$(touch evil).rpm", "-o.rpm", "a b.rpm", "`evil`.rpm"] {
        let sandbox = Sandbox::new();
        let run = sandbox.convert(&sandbox.put(name, &plain().build()), &[]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        assert!(run.changes.iter().all(|path| path.starts_with("out")), "{name}: {:?}", run.changes);
    }
    let sandbox = Sandbox::new();
    let run = sandbox.convert(&sandbox.put("evil\n\u{1b}[2Jname.rpm", b"no package"), &[]);
    assert_eq!(refusal(&run, "name.rpm", &[]), Ok(()));
}

#[test]
fn an_output_directory_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let package = sandbox.put("hostile.rpm", &plain().build());
    std::fs::remove_dir(sandbox.path("out")).unwrap();
    std::fs::write(sandbox.path("out"), "a file").unwrap();
    let run = sandbox.convert(&package, &[]);
    // Nothing is wrong with the package: the message names the directory.
    assert!(matches!(run.code, Some(1 | 2)), "{run:?}");
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains("/out"), "{}", run.stderr);
    assert_eq!(run.changes, Vec::<std::path::PathBuf>::new());
}
