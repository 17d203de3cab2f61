//! What only we promise: refusals by name, readable rejections, bounded work. What patch(1) promises too is tested
//! against it in `tests/patch_like_gnu_patch.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Edited, FileKind, Patch, PatchError, resolve};

const ROOT: &[u8] = b"librtas-1.3.6";

/// The tree of the tests: `librtas-1.3.6/f` with lines 1 to 3, directories, a symbolic link.
fn kind(path: &[u8]) -> Option<FileKind> {
    match path {
        b"librtas-1.3.6/f" | b"librtas-1.3.6/debian/control" => Some(FileKind::Regular),
        b"librtas-1.3.6/debian" | b"librtas-1.3.6/usr" => Some(FileKind::Directory),
        b"librtas-1.3.6/link" => Some(FileKind::Other),
        _ => None,
    }
}

/// Applies patches to files that all have `content`, touched ones first.
fn apply(patches: &[&str], content: &[u8]) -> Result<Vec<Edited>, PatchError> {
    let parsed: Result<Vec<Patch>, PatchError> =
        patches.iter().map(|text| Patch::parse("fix.patch", text.as_bytes(), 0)).collect();
    let edits = resolve(&parsed?, ROOT, &kind)?;
    let paths: Vec<Vec<u8>> = edits.touched_paths().map(<[u8]>::to_vec).collect();
    let touched = paths.iter().filter_map(|path| edits.touching(path)).map(|edit| edit.apply(content, 0o644));
    touched.chain(edits.created().map(|edit| edit.apply(b"", 0))).collect()
}

#[test]
fn refusals_say_what_and_where() {
    let f = "--- librtas-1.3.6/f\n+++ librtas-1.3.6/f\n";
    let cases: [(String, &str); 15] = [
        ("1c1\n< a\n---\n> b\n".to_owned(), "line 1: no diff was found: it looks like a normal diff"),
        ("Index: f\n1c1\n< a\n---\n> b\n".to_owned(), "line 3: this is a normal diff"),
        ("1d\n".to_owned(), "it looks like an ed script"),
        ("--- f\n+++ f\n1c\nx\n.\n".to_owned(), "this is an ed script"),
        ("*** f\n--- f\n***************\n*** 1 ****\n! a\n".to_owned(), "line 4: this is a context diff"),
        ("diff --git f f\nGIT binary patch\n".to_owned(), "line 2: this is a git binary diff"),
        ("diff --git l l\nnew file mode 120000\n".to_owned(), "not symbolic links"),
        ("--- /etc/passwd\n+++ f\n@@ -1 +1 @@\n-1\n+x\n".to_owned(), "line 3: the file name '/etc/passwd' is absolute"),
        ("--- a/../../f\n+++ f\n@@ -1 +1 @@\n-1\n+x\n".to_owned(), "has '..'"),
        ("--- \"a\\nb\"\n+++ f\n@@ -1 +1 @@\n-1\n+x\n".to_owned(), "'a\\nb' has control characters"),
        (
            "--- librtas-1.3.6.orig/g\n+++ librtas-1.3.6/g\n@@ -1 +1 @@\n-1\n+x\n".to_owned(),
            "line 3: librtas-1.3.6/g: no such file; tried 'librtas-1.3.6.orig/g' and 'librtas-1.3.6/g'",
        ),
        ("--- /dev/null\n+++ other/x\n@@ -0,0 +1 @@\n+x\n".to_owned(), "outside of the package's directory"),
        (
            "--- /dev/null\n+++ librtas-1.3.6/link/x\n@@ -0,0 +1 @@\n+x\n".to_owned(),
            "'librtas-1.3.6/link' is not a directory",
        ),
        ("--- librtas-1.3.6/usr\n+++ librtas-1.3.6/usr\n@@ -1 +1 @@\n-1\n+x\n".to_owned(), "not a regular file"),
        (format!("{f}@@ -1,9 +1,9 @@\n-1\n+x\n"), "line 3: the patch ends inside this hunk"),
    ];
    for (patch, expected) in cases {
        let message = apply(&[&patch], b"1\n2\n3\n").expect_err(&patch).to_string();
        assert!(message.contains(expected), "{message:?} has not {expected:?}");
        assert!(!message.contains('\n'), "{message:?}");
    }
}

#[test]
fn a_rejected_hunk_shows_itself_and_the_nearest_match() {
    let patch = "--- librtas-1.3.6/f\n+++ librtas-1.3.6/f\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
    let error = apply(&[patch], b"zero\none\ntwice\nthree\n").expect_err("'two' is missing");
    let line = "patch fix.patch, hunk 1 at line 3: librtas-1.3.6/f: the hunk does not fit anywhere in the file";
    assert_eq!(error.to_string(), line);
    let detail = "the hunk:\n  @@ -1,3 +1,3 @@\n   one\n  -two\n  +2\n   three\n\
        nearest match: line 2 of the file, where 2 of 3 old lines agree; the others:\n  \
        line 3, the patch has: two\n  line 3, the file has:  twice\n";
    assert_eq!(error.detail(), Some(detail));
}

#[test]
fn a_patch_that_was_applied_before_is_named_so() {
    let patch = "--- librtas-1.3.6/f\n+++ librtas-1.3.6/f\n@@ -1,3 +1,3 @@\n 1\n-two\n+2\n 3\n";
    let error = apply(&[patch], b"1\n2\n3\n").expect_err("applied before");
    assert!(error.to_string().contains("applied before"), "{error}");
}

#[test]
fn patches_chain_through_creation_rename_and_change() {
    let patches = [
        "diff --git librtas-1.3.6/f librtas-1.3.6/g\nrename from f\nrename to g\n\
         diff --git librtas-1.3.6/g librtas-1.3.6/g\n--- librtas-1.3.6/g\n+++ librtas-1.3.6/g\n@@ -1 +1 @@\n-1\n+x\n",
        "--- librtas-1.3.6/g\n+++ librtas-1.3.6/g\n@@ -1 +1 @@\n-x\n+y\n",
        "--- /dev/null\n+++ librtas-1.3.6/f\n@@ -0,0 +1 @@\n+new\n",
        "--- librtas-1.3.6/f\n+++ librtas-1.3.6/f\n@@ -1 +1 @@\n-new\n+newer\n",
    ];
    let edited = apply(&patches, b"1\n").expect("they follow from each other");
    let files: Vec<(&[u8], &[u8])> =
        edited.iter().flat_map(|edit| &edit.files).map(|file| (&*file.path, &*file.content)).collect();
    let expected: [(&[u8], &[u8]); 2] = [(b"librtas-1.3.6/g", b"y\n"), (b"librtas-1.3.6/f", b"newer\n")];
    assert_eq!(files, expected);
}

#[test]
fn a_setuid_file_loses_its_bit_and_says_so() {
    let patch = Patch::parse("p", b"--- f\n+++ f\n@@ -1 +1 @@\n-1\n+x\n", 0).unwrap();
    let edits = resolve(&[patch], b"", &|path| (path == b"f").then_some(FileKind::Regular)).unwrap();
    let edited = edits.touching(b"f").unwrap().apply(b"1\n", 0o4755).unwrap();
    assert_eq!(edited.files[0].mode, 0o755);
    assert_eq!(edited.notices[0].rule, "patch-mode");
}

/// 20,000 equal lines of context against a million of them would take 2 x 10^10 comparisons.
#[test]
fn work_is_bounded() {
    let context = " \n".repeat(20_000);
    let ranges = "@@ -1,40001 +1,40001 @@";
    let patch = format!("--- librtas-1.3.6/f\n+++ librtas-1.3.6/f\n{ranges}\n{context}-a\n+b\n{context}");
    let error = apply(&[&patch], &b"\n".repeat(1_000_000)).expect_err("there is no 'a'");
    assert!(error.to_string().contains("too much work"), "{error}");
}
