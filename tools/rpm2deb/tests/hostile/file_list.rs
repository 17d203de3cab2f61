//! File lists of the header that are inconsistent or point elsewhere.

use crate::expect::{Case, all_harmless, all_refused, case};
use crate::plain;
use crate::rpm_writer::{Format, RpmBuilder, Value, tag};
use crate::sandbox::Sandbox;

fn with_file(path: &[u8]) -> RpmBuilder {
    plain().file(path, 0o644, "evil")
}

#[test]
fn arrays_of_different_lengths() {
    let tags = [
        (tag::FILESIZES, "1028"),
        (tag::FILEMODES, "1030"),
        (tag::FILERDEVS, "1033"),
        (tag::FILEMTIMES, "1034"),
        (tag::FILEDIGESTS, "1035"),
        (tag::FILELINKTOS, "1036"),
        (tag::FILEFLAGS, "1037"),
        (tag::FILEUSERNAME, "1039"),
        (tag::FILEGROUPNAME, "1040"),
        (tag::FILEDEVICES, "1095"),
        (tag::FILEINODES, "1096"),
        (tag::DIRINDEXES, "1116"),
    ];
    let mut cases = Vec::new();
    for (number, shown) in tags {
        let short = plain().edit_tags(move |tags| match tags.0.get_mut(&number) {
            Some(Value::Int32(items)) => items.truncate(items.len() - 1),
            Some(Value::Int16(items)) => items.truncate(items.len() - 1),
            Some(Value::Array(items)) => items.truncate(items.len() - 1),
            other => panic!("{other:?}"),
        });
        let fragment = if number == tag::DIRINDEXES { "director" } else { shown };
        cases.push(case(&format!("{shown} one short"), short, &[fragment]));
    }
    let long = plain().edit_tags(|tags| tags.ints(tag::FILESIZES).push(1));
    cases.push(case("1028 one long", long, &["1028"]));
    let relations = plain().edit_tags(|tags| tags.ints(tag::REQUIREFLAGS).truncate(1));
    cases.push(case("REQUIREFLAGS one short", relations, &["1048"]));
    let changes = plain().change(1, "a", "b").edit_tags(|tags| tags.ints(tag::CHANGELOGTIME).push(1));
    cases.push(case("CHANGELOGTIME one long", changes, &["changelog"]));
    all_refused(cases);
}

#[test]
fn names_that_do_not_add_up() {
    // Format 6: its payload has no names that would disagree first.
    let tags = |edit: fn(&mut crate::rpm_writer::Tags)| plain().format(Format::V6).edit_tags(edit);
    all_refused(vec![
        case("directory index beyond", tags(|tags| tags.ints(tag::DIRINDEXES)[0] = 77), &["directory", "77"]),
        case("directory index 2^32-1", tags(|tags| tags.ints(tag::DIRINDEXES)[0] = u32::MAX), &["4294967295"]),
        case("base name empty", tags(|tags| tags.array(tag::BASENAMES)[1].clear()), &["empty"]),
        case("base name with a slash", tags(|tags| tags.array(tag::BASENAMES)[1] = b"a/../../b".to_vec()), &[".."]),
        case("directory without a slash", tags(|tags| tags.array(tag::DIRNAMES)[0] = b"opt".to_vec()), &["opt"]),
        case(
            "both kinds of names",
            tags(|tags| tags.set(tag::OLDFILENAMES, Value::array(&["/a", "/b", "/c"]))),
            &["name"],
        ),
        case(
            "no names, only sizes",
            tags(|tags| {
                tags.remove(tag::BASENAMES);
                tags.remove(tag::DIRNAMES);
                tags.remove(tag::DIRINDEXES);
            }),
            &[],
        ),
    ]);
}

#[test]
fn paths_that_lead_elsewhere() {
    let mut cases = vec![case("the root as a regular file", with_file(b"/"), &[])];
    let paths: [&[u8]; 9] = [
        b"/opt/../../../canaries/file",
        b"/..",
        b"/opt/..",
        b"/opt/./x",
        b"/opt//x",
        b"/opt/x/",
        b"opt/relative",
        b"//double",
        b"/opt/hostile/../data",
    ];
    for path in paths {
        let shown = String::from_utf8_lossy(path).into_owned();
        cases.push(case(&shown, with_file(path), &[]));
        cases.push(case(&format!("{shown} in format 3"), with_file(path).format(Format::V3), &[]));
        cases.push(case(&format!("{shown} in format 6"), with_file(path).format(Format::V6), &[]));
    }
    all_refused(cases);
}

#[test]
fn names_that_no_package_can_have() {
    let mut cases: Vec<Case> = (1..32)
        .chain([127])
        .map(|byte: u8| {
            let path = [b"/opt/evil", [byte].as_slice(), b"name"].concat();
            case(&format!("byte {byte} in a name"), with_file(&path), &["opt/evil", "name"])
        })
        .collect();
    cases.push(case("a component of 256 bytes", with_file(&[b"/opt/".as_slice(), &[b'x'; 256]].concat()), &["255"]));
    let long = b"/0123456789".repeat(500);
    cases.push(case("a path of 5500 bytes", with_file(&long), &["path"]));
    cases.push(case("newline in a directory", with_file(b"/opt/a\nb/c"), &["\\n"]));
    cases.push(case("escape sequence in a name", with_file(b"/opt/\x1b[2J\x1b]0;evil\x07"), &["1b"]));
    cases.push(case("newline in a symlink's target", plain().symlink("/opt/l", "a\nb"), &["opt/l"]));
    cases.push(case("symlink without a target", plain().symlink("/opt/l", ""), &["opt/l"]));
    all_refused(cases);
}

#[test]
fn files_below_what_is_no_directory() {
    let sandbox = Sandbox::new();
    let canaries = sandbox.path("canaries");
    let link = |target: &str| plain().symlink("/opt/link", target).file("/opt/link/file", 0o6777, "evil");
    all_refused(vec![
        case("a symlink that leads outside", link(canaries.to_str().unwrap()), &["opt/link", "symbolic link"]),
        case("a relative symlink outside", link("../../../canaries"), &["opt/link", "symbolic link"]),
        case("a symlink inside", link("hostile"), &["opt/link", "symbolic link"]),
        case(
            "a symlink, two levels up",
            plain().symlink("/opt/link", "/").file("/opt/link/a/b", 0o644, "evil"),
            &["opt/link"],
        ),
        case(
            "a symlink listed after the file",
            {
                plain()
                    .symlink("/opt/zlink", "/")
                    .file("/opt/zlink/f", 0o644, "evil")
                    .edit_archive(|archive| archive.entries.reverse())
            },
            &["opt/zlink"],
        ),
        case("a file", plain().file("/opt/f", 0o644, "x").file("/opt/f/below", 0o644, "evil"), &["opt/f"]),
        case("a FIFO", plain().fifo("/opt/f", 0o644).file("/opt/f/below", 0o644, "evil"), &["opt/f"]),
    ]);
    // The link itself is not in the package.
    let ghost = plain().symlink("/opt/g", "/").flags(tag::GHOST).file("/opt/g/below", 0o644, "evil");
    all_harmless(vec![case("a %ghost symlink", ghost, &["opt/g"])]);
}

#[test]
fn the_same_name_twice() {
    all_refused(vec![
        case(
            "two files",
            plain().file("/opt/twice", 0o644, "a").file("/opt/twice", 0o644, "b"),
            &["opt/twice", "twice"],
        ),
        case("file and symlink", plain().file("/opt/twice", 0o644, "a").symlink("/opt/twice", "/etc"), &["opt/twice"]),
        case("file and directory", plain().file("/opt/twice", 0o644, "a").dir("/opt/twice", 0o755), &["opt/twice"]),
        case(
            "in format 3",
            plain().format(Format::V3).file("/opt/t", 0o644, "a").file("/opt/t", 0o644, "b"),
            &["opt/t"],
        ),
        case(
            "in format 6",
            plain().format(Format::V6).file("/opt/t", 0o644, "a").file("/opt/t", 0o644, "b"),
            &["opt/t"],
        ),
    ]);
}

#[test]
fn types_and_sizes_that_no_file_has() {
    let mode = |mode: u16| plain().edit_tags(move |tags| tags.shorts(tag::FILEMODES)[1] = mode);
    all_refused(vec![
        case("a socket", mode(0o140_755), &["opt/hostile/data", "type"]),
        case("type 0", mode(0o755), &["opt/hostile/data"]),
        case("type 15", mode(0o170_755), &["opt/hostile/data", "type"]),
        case(
            "a size of 2^32-1",
            plain().edit_tags(|tags| tags.ints(tag::FILESIZES)[1] = u32::MAX),
            &["opt/hostile/data"],
        ),
        case(
            "sizes that overflow",
            plain().format(Format::V6).edit_tags(|tags| {
                tags.set(tag::LONGFILESIZES, Value::Int64(vec![u64::MAX, u64::MAX, u64::MAX]));
            }),
            &["size"],
        ),
        case("/debian in the payload", plain().file("/debian/rules", 0o755, "#!/bin/sh\nevil\n"), &["/debian"]),
        case("/debian as a symlink", plain().symlink("/debian", "/etc"), &["/debian"]),
    ]);
    // dpkg-deb --build would take it for a script; a member of data.tar is only a file.
    let shouting = plain().file("/DEBIAN/postinst", 0o755, "#!/bin/sh\nevil\n");
    all_harmless(vec![case("/DEBIAN/postinst in the payload", shouting, &["DEBIAN"])]);
}
