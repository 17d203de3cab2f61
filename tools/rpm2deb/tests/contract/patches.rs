//! `convert --patch` is `unpack`, `patch -p0`, `build`.

use std::fs;
use std::path::PathBuf;

use crate::rpm_writer::{RpmBuilder, tag};
use crate::workbench::{Workbench, assert_same, control, control_text, data, ended};

/// A package to be patched; its tree is called `pp-1.0`.
fn package() -> RpmBuilder {
    RpmBuilder::new("pp")
        .dir("/opt/p", 0o755)
        .file("/opt/p/text", 0o644, "one\ntwo\nthree\n")
        .on_last(|file| file.mtime = 1_500_000_000)
        .file("/opt/p/gone", 0o644, "to be deleted\n")
        .file("/opt/p/old-name", 0o755, "#!/bin/sh\necho same\n")
        .file("/opt/p/script", 0o644, "#!/bin/sh\necho script\n")
        .file("/opt/p/other", 0o640, "untouched\n")
        .symlink("/opt/p/link", "text")
        .scriptlet(tag::POSTIN, "/bin/sh", "echo hello\n")
}

const MODIFY: &str = "--- pp-1.0.orig/opt/p/text\n+++ pp-1.0/opt/p/text\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
const CONTROL: &str = "--- pp-1.0.orig/debian/control\n+++ pp-1.0/debian/control\n@@ -1,3 +1,3 @@\n-Package: pp\n+Package: patched\n Version: 1.0-1\n Section: misc\n";
const CREATE: &str = "--- /dev/null\n+++ pp-1.0/srv/new/deep/file\n@@ -0,0 +1,2 @@\n+a\n+b\n";
const DELETE: &str = "diff --git pp-1.0/opt/p/gone pp-1.0/opt/p/gone\ndeleted file mode 100644\nindex 1111111..0000000\n--- pp-1.0/opt/p/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-to be deleted\n";
const RENAME: &str = "diff --git pp-1.0/opt/p/old-name pp-1.0/opt/p/new-name\nsimilarity index 100%\nrename from pp-1.0/opt/p/old-name\nrename to pp-1.0/opt/p/new-name\n";
const MODE: &str = "diff --git pp-1.0/opt/p/script pp-1.0/opt/p/script\nold mode 100644\nnew mode 100755\n";

/// What a test compares of one member: all but its time.
type Compared = (String, tar::EntryType, u32, (String, String), String, Vec<u8>);

fn all_but_times(deb: &std::path::Path) -> (Vec<Compared>, Vec<Compared>) {
    let strip = |members: std::collections::BTreeMap<String, crate::workbench::Member>| {
        members.into_iter().map(|(path, m)| (path, m.kind, m.mode, m.owner, m.link, m.content)).collect()
    };
    (strip(data(deb)), strip(control(deb)))
}

/// Both ways: with `--patch`, and through a directory with patch(1).
fn both_ways(name: &str, patches: &[&str]) -> (Workbench, PathBuf, PathBuf) {
    let bench = Workbench::new();
    bench.put("p.rpm", package());
    let files: Vec<String> = (0..patches.len()).map(|number| format!("{number}.patch")).collect();
    for (file, patch) in files.iter().zip(patches) {
        fs::write(bench.path(file), patch).unwrap();
    }
    let options: Vec<&str> = files.iter().flat_map(|file| ["--patch", file.as_str()]).collect();
    let direct = bench.convert("p.rpm", "direct", &options);
    bench.done(&["unpack", "p.rpm"]);
    for file in &files {
        let run = ended(bench.here("patch").args(["-p0", "--input", file]));
        assert_eq!(run.code, Some(0), "{name}: patch: {}{}", run.stdout, run.stderr);
    }
    bench.done(&["build", "pp-1.0", "-o", "indirect"]);
    let indirect = bench.only("indirect");
    (bench, direct, indirect)
}

fn assert_alike(name: &str, patches: &[&str]) -> (Workbench, PathBuf) {
    let (bench, direct, indirect) = both_ways(name, patches);
    assert_eq!(direct.file_name(), indirect.file_name(), "{name}");
    let ((ours, our_control), (theirs, their_control)) = (all_but_times(&direct), all_but_times(&indirect));
    for (our, their) in ours.iter().zip(&theirs).chain(our_control.iter().zip(&their_control)) {
        assert_eq!(our, their, "{name}");
    }
    assert_eq!((ours.len(), our_control.len()), (theirs.len(), their_control.len()), "{name}");
    (bench, direct)
}

#[test]
fn a_patch_of_a_control_file_gives_the_same_bytes_both_ways() {
    let (_bench, direct, indirect) = both_ways("control", &[CONTROL]);
    assert_eq!(direct.file_name().unwrap(), "patched_1.0-1_all.deb");
    assert_same("control", &direct, &indirect);
}

#[test]
fn a_patch_of_a_maintainer_script_gives_the_same_bytes_both_ways() {
    // The script's text is the wrapper's: the patch is made as a user would make it.
    let bench = Workbench::new();
    bench.put("p.rpm", package());
    bench.done(&["unpack", "p.rpm"]);
    bench.done(&["unpack", "p.rpm", "-o", "edited"]);
    let script = bench.path("edited/pp-1.0/debian/postinst");
    fs::rename(bench.path("pp-1.0"), bench.path("pp-1.0.orig")).unwrap();
    fs::write(&script, fs::read_to_string(&script).unwrap().replace("hello", "patched")).unwrap();
    fs::rename(bench.path("edited/pp-1.0"), bench.path("pp-1.0")).unwrap();
    let patch = ended(bench.here("diff").args(["-ru", "pp-1.0.orig", "pp-1.0"])).stdout;
    let (_bench, direct, indirect) = both_ways("postinst", &[&patch]);
    assert!(control_text(&direct, "postinst").contains("echo patched"));
    assert_same("postinst", &direct, &indirect);
}

#[test]
fn a_file_deleted_by_a_patch_is_gone_both_ways() {
    let (_bench, direct, indirect) = both_ways("delete", &[DELETE]);
    assert!(!data(&direct).contains_key("opt/p/gone"));
    assert!(!control_text(&direct, "md5sums").contains("opt/p/gone"));
    assert_same("delete", &direct, &indirect);
}

#[test]
fn a_modified_file_differs_in_its_time_alone() {
    // `convert` dates it like the package's own files; patch(1) dates it now, and `build` believes the manifest.
    let (_bench, deb) = assert_alike("modify", &[MODIFY]);
    assert_eq!(data(&deb)["opt/p/text"].content, b"one\nTWO\nthree\n");
}

#[test]
fn files_created_in_new_directories_differ_in_their_times_alone() {
    // patch(1) dates them now.
    let (_bench, deb) = assert_alike("create", &[CREATE]);
    let members = data(&deb);
    let file = &members["srv/new/deep/file"];
    assert_eq!((file.content.as_slice(), file.mode), (&b"a\nb\n"[..], 0o644));
    assert_eq!((members["srv/new"].mode, members["srv/new"].owner.0.as_str()), (0o755, "root"));
}

#[test]
fn a_renamed_file_differs_in_its_time_alone() {
    let (_bench, deb) = assert_alike("rename", &[RENAME]);
    let members = data(&deb);
    assert!(!members.contains_key("opt/p/old-name"));
    assert_eq!(members["opt/p/new-name"].mode, 0o755);
}

#[test]
fn a_changed_mode_arrives_both_ways() {
    let (_bench, deb) = assert_alike("mode", &[MODE]);
    assert_eq!(data(&deb)["opt/p/script"].mode, 0o755);
}

#[test]
fn patches_apply_in_the_order_of_the_command_line() {
    let again = MODIFY.replace("-two\n+TWO", "-TWO\n+2");
    let (_bench, deb) = assert_alike("all", &[MODIFY, CONTROL, CREATE, DELETE, RENAME, MODE, &again]);
    assert_eq!(data(&deb)["opt/p/text"].content, b"one\n2\nthree\n");
}

#[test]
fn a_strip_count_stands_before_the_file_name() {
    let bench = Workbench::new();
    bench.put("p.rpm", package());
    fs::write(bench.path("one.patch"), MODIFY.replace("pp-1.0.orig/", "a/pp-1.0/").replace("+++ ", "+++ b/")).unwrap();
    let deb = bench.convert("p.rpm", "out", &["--patch", "1:one.patch"]);
    assert_eq!(data(&deb)["opt/p/text"].content, b"one\nTWO\nthree\n");
}

#[test]
fn fuzz_and_offset_are_reported() {
    let bench = Workbench::new();
    bench.put("p.rpm", package());
    let fuzzy = "--- pp-1.0/opt/p/text\n+++ pp-1.0/opt/p/text\n@@ -1,3 +1,3 @@\n ONE\n-two\n+TWO\n three\n";
    fs::write(bench.path("fuzzy.patch"), fuzzy).unwrap();
    let run = bench.done(&["convert", "p.rpm", "--patch", "fuzzy.patch"]);
    assert!(run.stderr.lines().any(|line| line.contains("fuzzy.patch") && line.contains("fuzz ")), "{}", run.stderr);
}

#[test]
fn a_hunk_that_fails_stops_everything_and_is_shown_with_its_nearest_match() {
    let failing = [
        ("tree", "--- pp-1.0/opt/p/text\n+++ pp-1.0/opt/p/text\n@@ -1,3 +1,3 @@\n one\n-deux\n+zwei\n three\n", "deux"),
        (
            "debian",
            "--- pp-1.0/debian/control\n+++ pp-1.0/debian/control\n@@ -1,3 +1,3 @@\n Package: pp\n-Version: 9\n+Version: 8\n Section: misc\n",
            "Version: 9",
        ),
    ];
    for (name, patch, shown) in failing {
        let bench = Workbench::new();
        bench.put("p.rpm", package());
        fs::write(bench.path("bad.patch"), patch).unwrap();
        fs::create_dir(bench.path("out")).unwrap();
        fs::write(bench.path("out/pp_1.0-1_all.deb"), "an older one").unwrap();
        let run = bench.run(&["convert", "p.rpm", "-o", "out", "--patch", "bad.patch"]);
        assert_eq!(run.code, Some(1), "{name}");
        for fragment in
            ["error: p.rpm: patch bad.patch, hunk 1", "the hunk:", "@@ -1,3 +1,3 @@", shown, "nearest match: line 1"]
        {
            assert!(run.stderr.contains(fragment), "{name}: {fragment}: {}", run.stderr);
        }
        assert_eq!(bench.listing("out"), ["pp_1.0-1_all.deb"], "{name}");
        assert_eq!(fs::read(bench.path("out/pp_1.0-1_all.deb")).unwrap(), b"an older one", "{name}");
    }
}

#[test]
fn a_patch_of_a_hard_linked_file_is_refused_with_advice_that_works() {
    let bench = Workbench::new();
    let builder = RpmBuilder::new("pp").hardlinks(&["/opt/p/text", "/opt/p/twin"], 0o644, "one\ntwo\nthree\n");
    bench.put("p.rpm", builder);
    for path in ["text", "twin"] {
        fs::write(bench.path("p.patch"), MODIFY.replace("/text", &format!("/{path}"))).unwrap();
        let run = bench.run(&["convert", "p.rpm", "-o", path, "--patch", "p.patch"]);
        assert_eq!((run.code, bench.listing(path)), (Some(1), Vec::new()), "{path}: {}", run.stderr);
        for fragment in ["hard link", "unpack", "build"] {
            assert!(run.stderr.contains(fragment), "{path}: {}", run.stderr);
        }
    }
    // The advice: patch(1) parts the two names.
    bench.done(&["unpack", "p.rpm"]);
    assert_eq!(ended(bench.here("patch").args(["-p0", "--input", "p.patch"])).code, Some(0));
    bench.done(&["build", "pp-1.0", "-o", "out"]);
    let members = data(&bench.only("out"));
    let content = |path: &str| members[path].content.as_slice();
    assert_eq!((content("opt/p/text"), content("opt/p/twin")), (&b"one\ntwo\nthree\n"[..], &b"one\nTWO\nthree\n"[..]));
}
