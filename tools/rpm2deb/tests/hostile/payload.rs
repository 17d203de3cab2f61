//! Payloads that disagree with the header, or with themselves.

use crate::expect::{all_harmless, all_refused, case};
use crate::plain;
use crate::rpm_writer::{Archive, Compressor, Content, Entry, Format, RpmBuilder, Value, tag};

fn archive(edit: impl FnOnce(&mut Archive) + 'static) -> RpmBuilder {
    plain().edit_archive(edit)
}

const DATA: &str = "./opt/hostile/data";

#[test]
fn names_that_are_not_the_headers() {
    let renamed = |name: &'static [u8]| archive(|archive| archive.entry(DATA).name = name.to_vec());
    all_refused(vec![
        case("another name", renamed(b"./opt/evil"), &["evil"]),
        case("an absolute name", renamed(b"/opt/hostile/data"), &["opt/hostile/data"]),
        case("an absolute name elsewhere", renamed(b"/etc/passwd"), &["/etc/passwd"]),
        case("dots in the payload only", renamed(b"./opt/hostile/../hostile/data"), &[".."]),
        case("up and out", renamed(b"../../canaries/file"), &[".."]),
        case("a doubled slash", renamed(b"./opt//hostile/data"), &["//"]),
        case("an empty name", renamed(b""), &["payload entry"]),
        case("a NUL in the name", renamed(b"./opt/hostile/data\0evil"), &["payload entry"]),
        case("a newline in the name", renamed(b"./opt/evil\nname"), &["evil\\nname"]),
        case("an escape in the name", renamed(b"./opt/\x1b[31mevil"), &["evil"]),
        case("a name of 100,000 bytes", archive(|archive| archive.entry(DATA).name = vec![b'x'; 100_000]), &["name"]),
        case("case of letters", renamed(b"./opt/hostile/DATA"), &["DATA"]),
    ]);
}

#[test]
fn entries_too_many_or_too_few() {
    all_refused(vec![
        case("an entry missing", archive(|archive| drop(archive.entries.pop())), &["opt/hostile/program"]),
        case("all entries missing", archive(|archive| archive.entries.clear()), &["opt/hostile"]),
        case("an entry too many", archive(|archive| archive.entries.push(Entry::file("./opt/evil", "x"))), &["evil"]),
        case(
            "an entry twice",
            archive(|archive| archive.entries.push(archive.entries[1].clone())),
            &["opt/hostile/data"],
        ),
        case(
            "a symlink in the payload only, and a file below",
            archive(|archive| {
                archive.entries.insert(0, Entry::symlink("./opt/hostile", "/tmp"));
            }),
            &["opt/hostile"],
        ),
        case(
            "a symlink in place of the directory",
            archive(|archive| {
                archive.entries[0] = Entry::symlink("./opt/hostile", "/tmp");
            }),
            &["opt/hostile"],
        ),
        case(
            "a %ghost in the payload",
            plain().file("/var/g", 0o644, "").flags(tag::GHOST).edit_archive(|archive| {
                archive.entries.push(Entry::file("./var/g", ""));
            }),
            &["var/g"],
        ),
        case("no trailer", archive(|archive| archive.trailer = false), &["payload"]),
        case(
            "no payload at all",
            archive(|archive| {
                archive.entries.clear();
                archive.trailer = false;
            }),
            &["payload"],
        ),
    ]);
}

#[test]
fn entries_that_contradict_the_header() {
    let entry = |edit: fn(&mut Entry)| archive(move |archive| edit(archive.entry(DATA)));
    all_refused(vec![
        case(
            "a smaller size",
            entry(|entry| {
                entry.size = 4;
                entry.content = "some".into();
            }),
            &["opt/hostile/data", "bytes"],
        ),
        case(
            "a larger size",
            entry(|entry| {
                entry.size = 40;
                entry.content = Content::Zeros(40);
            }),
            &["opt/hostile/data", "bytes"],
        ),
        case("a size of 0xfffffff0", entry(|entry| entry.size = 0xffff_fff0), &["opt/hostile/data"]),
        case("other content", entry(|entry| entry.content = "evil data\n".into()), &["opt/hostile/data", "sha256"]),
        case("a directory's mode", entry(|entry| entry.mode = 0o040_755), &["opt/hostile/data", "type"]),
        case("a symlink's mode", entry(|entry| entry.mode = 0o120_777), &["opt/hostile/data", "type"]),
        case("a device's mode", entry(|entry| entry.mode = 0o020_666), &["opt/hostile/data", "type"]),
        case(
            "0xfffffff0 bytes in header and payload",
            plain()
                .edit_tags(|tags| {
                    tags.ints(tag::FILESIZES)[1] = 0xffff_fff0;
                })
                .edit_archive(|archive| archive.entry(DATA).size = 0xffff_fff0),
            &["opt/hostile/data"],
        ),
    ]);
}

#[test]
fn what_rpm_itself_ignores_does_no_harm() {
    let other_target = plain().symlink("/opt/l", "right").edit_archive(|archive| {
        archive.entry("./opt/l").content = "wrong".into();
    });
    all_harmless(vec![
        case("another symlink target than the header's", other_target, &["opt/l"]),
        case("bytes after the trailer", archive(|archive| archive.tail = b"070701evil".to_vec()), &["payload"]),
    ]);
}

#[test]
fn entry_heads_that_are_garbage() {
    let magic = |magic: [u8; 6]| archive(move |archive| archive.entries[1].magic = Some(magic));
    let patched = |at: usize, bytes: &'static [u8]| {
        plain().edit_cpio(move |cpio| cpio[at..at + bytes.len()].copy_from_slice(bytes))
    };
    all_refused(vec![
        case("old portable cpio", magic(*b"070707"), &["payload"]),
        case("letters", magic(*b"evil!!"), &["payload"]),
        case("a number that is no hex", patched(14, b"0000zzzz"), &["payload"]),
        case("a signed number", patched(54, b"-0000001"), &["payload"]),
        case("a number with spaces", patched(54, b"       0"), &["payload"]),
        case("a name of 0 bytes", patched(94, b"00000000"), &["payload"]),
        case("a name of 4 GiB", patched(94, b"ffffffff"), &["payload"]),
        case("a name without a NUL", patched(94, b"0000000d"), &["payload"]),
        case("a tar archive", plain().edit_cpio(|cpio| *cpio = vec![0; 10240]), &["payload"]),
    ]);
}

#[test]
fn numbered_entries() {
    let v6 = |edit: fn(&mut Archive)| plain().format(Format::V6).edit_archive(edit);
    all_refused(vec![
        case("a number beyond the list", v6(|archive| archive.entries[1].index = Some(3)), &["3"]),
        case("the number 2^32-1", v6(|archive| archive.entries[1].index = Some(u32::MAX)), &["payload"]),
        case("a number twice", v6(|archive| archive.entries[1].index = Some(2)), &["opt/hostile/program"]),
        case("a number missing", v6(|archive| drop(archive.entries.remove(1))), &["opt/hostile/data"]),
        case("content cut short", v6(|archive| archive.entries[1].content = "some".into()), &["opt/hostile/data"]),
        case(
            "a named entry between them",
            v6(|archive| archive.entries.push(Entry::file("./opt/evil", "x"))),
            &["evil"],
        ),
    ]);
    // Every number names a file of the list: nothing is wrong but the custom.
    all_harmless(vec![case(
        "a number among names",
        archive(|archive| archive.entries[1].index = Some(1)),
        &["payload"],
    )]);
}

#[test]
fn hard_links_to_nothing() {
    let linked = || plain().hardlinks(&["/opt/one", "/opt/two"], 0o644, "linked");
    all_refused(vec![
        case(
            "no link brings the data",
            linked().edit_archive(|archive| {
                let last = archive.entry("./opt/two");
                last.size = 0;
                last.content = "".into();
            }),
            &["opt/two"],
        ),
        case(
            "both links bring data",
            linked().edit_archive(|archive| {
                let first = archive.entry("./opt/one");
                first.size = 6;
                first.content = "linked".into();
            }),
            &["opt/two"],
        ),
        case(
            "the link with the data is missing",
            linked().edit_archive(|archive| {
                archive.entries.retain(|entry| entry.name != b"./opt/two");
            }),
            &["opt/two"],
        ),
        case("links of different sizes", linked().edit_tags(|tags| tags.ints(tag::FILESIZES)[4] = 5), &["opt/"]),
        case(
            "links of different digests",
            linked().edit_tags(|tags| {
                tags.array(tag::FILEDIGESTS)[3] = "0".repeat(64).into_bytes();
            }),
            &["opt/"],
        ),
        case("links of different owners", linked().on_last(|file| file.user = b"daemon".to_vec()), &["opt/"]),
        case("links of different modes", linked().on_last(|file| file.mode = 0o104_755), &["opt/"]),
        case(
            "v6: no link brings the data",
            linked().format(Format::V6).edit_archive(|archive| {
                archive.entries.last_mut().unwrap().content = "".into();
            }),
            &["opt/"],
        ),
    ]);
}

#[test]
fn compressors_that_are_not_what_they_say() {
    let claimed = |actual: Compressor, claim: &'static str| {
        plain().payload(actual).edit_tags(move |tags| tags.set(tag::PAYLOADCOMPRESSOR, Value::text(claim)))
    };
    all_refused(vec![
        case("xz is gzip", claimed(Compressor::Gzip, "xz"), &["xz"]),
        case("zstd is bzip2", claimed(Compressor::Bzip2, "zstd"), &["zstd"]),
        case("an unknown compressor", claimed(Compressor::Gzip, "evil"), &["evil"]),
        case("a command as compressor", claimed(Compressor::Gzip, "gzip; touch evil"), &["evil"]),
        case("garbage", plain().edit_payload(|payload| payload.iter_mut().for_each(|byte| *byte = 0x55)), &["payload"]),
        case(
            "an unknown archive",
            plain().edit_tags(|tags| tags.set(tag::PAYLOADFORMAT, Value::text("drpm"))),
            &["drpm"],
        ),
    ]);
}
