//! Headers whose index and data lie: counts, offsets, types, regions.

use crate::expect::{all_refused, case};
use crate::plain;
use crate::rpm_writer::{Image, RpmBuilder, Value, header::IndexEntry, tag};

fn image(edit: impl FnOnce(&mut Image) + 'static) -> RpmBuilder {
    plain().edit_image(edit)
}

fn signature(edit: impl FnOnce(&mut Image) + 'static) -> RpmBuilder {
    plain().edit_signature_image(edit)
}

#[test]
fn sizes_that_the_file_does_not_have() {
    all_refused(vec![
        case("index count beyond the file", image(|image| image.claimed_entries = Some(60_000)), &["header"]),
        case("index count beyond the limit", image(|image| image.claimed_entries = Some(0x10000)), &["65536", "index"]),
        case("index count of 2^32-1", image(|image| image.claimed_entries = Some(u32::MAX)), &["4294967295", "index"]),
        case("index count of 0", image(|image| image.claimed_entries = Some(0)), &["header", "index"]),
        case("data beyond the file", image(|image| image.claimed_bytes = Some(200 << 20)), &["header", "bytes"]),
        case("data beyond the limit", image(|image| image.claimed_bytes = Some(u32::MAX)), &["header", "4294967295"]),
        case("data of 0 bytes", image(|image| image.claimed_bytes = Some(0)), &["header"]),
        case("signature index of 2^32-1", signature(|image| image.claimed_entries = Some(u32::MAX)), &["signature"]),
        case("signature data of 2^31", signature(|image| image.claimed_bytes = Some(1 << 31)), &["signature"]),
        case("header magic", image(|image| image.magic = Some(*b"\x8e\xad\xe9\x01\0\0\0\0")), &["header", "magic"]),
        case("header version", image(|image| image.magic = Some(*b"\x8e\xad\xe8\x02\0\0\0\0")), &["header", "magic"]),
        case("signature magic", signature(|image| image.magic = Some([0; 8])), &["signature", "magic"]),
    ]);
}

#[test]
fn entries_that_reach_outside_the_data_or_into_each_other() {
    let on = |number, change: fn(&mut IndexEntry)| image(move |image| change(image.entry(number)));
    all_refused(vec![
        case("offset outside", on(tag::NAME, |entry| entry.offset = 1 << 24), &["1000", "header"]),
        case(
            "offset at the very end",
            image(|image| image.entry(tag::NAME).offset = image.data.len() as i32),
            &["1000"],
        ),
        case("negative offset", on(tag::NAME, |entry| entry.offset = -1), &["1000", "header"]),
        case("smallest offset", on(tag::BUILDTIME, |entry| entry.offset = i32::MIN), &["1006"]),
        case("unaligned integer", on(tag::BUILDTIME, |entry| entry.offset += 1), &["1006", "align"]),
        case("count of 0", on(tag::BUILDTIME, |entry| entry.count = 0), &["1006"]),
        case("integers past the end", on(tag::FILESIZES, |entry| entry.count = 1 << 29), &["1028"]),
        case("count that overflows", on(tag::FILESIZES, |entry| entry.count = 0x4000_0001), &["1028"]),
        case("binary past the end", image(|image| image.entry(tag::FILEMODES).count = u32::MAX), &["1030"]),
        case("a string with a count of 2", on(tag::NAME, |entry| entry.count = 2), &["1000"]),
        case("array with a huge count", on(tag::BASENAMES, |entry| entry.count = u32::MAX), &["1117"]),
        case("array with one string too many", on(tag::DIRNAMES, |entry| entry.count = 0xffff), &["1118"]),
        case("type 0", on(tag::NAME, |entry| entry.kind = 0), &["1000", "type"]),
        case("type 10", on(tag::NAME, |entry| entry.kind = 10), &["1000", "type"]),
        case(
            "two entries with the same data",
            image(|image| {
                let offset = image.entry(tag::VERSION).offset;
                image.entry(tag::RELEASE).offset = offset;
            }),
            &["1001", "1002", "overlap"],
        ),
        case(
            "a string in the middle of another",
            image(|image| {
                let offset = image.entry(tag::SUMMARY).offset;
                image.entry(tag::NAME).offset = offset + 2;
            }),
            &["overlap"],
        ),
        case(
            "the same tag twice",
            image(|image| {
                let mut entry = *image.entry(tag::NAME);
                entry.offset = image.data.len() as i32 - 16;
                image.data.splice(image.data.len() - 16..image.data.len() - 16, *b"other-name\0\0\0\0\0\0");
                image.index[0].offset += 16;
                image.index.push(entry);
                let spanned = -16 * image.index.len() as i32;
                image.trailer()[8..12].copy_from_slice(&spanned.to_be_bytes());
            }),
            &["1000", "twice"],
        ),
    ]);
}

#[test]
fn strings_without_an_end() {
    let unterminated = |edit: fn(&mut Image)| plain().edit_image(edit);
    all_refused(vec![
        case(
            "the last string runs out of the data",
            unterminated(|image| {
                let end = image.data.len();
                image.data.extend(b"evil");
                *image.entry(tag::NAME) = IndexEntry { tag: tag::NAME, kind: 6, offset: end as i32, count: 1 };
            }),
            &["1000"],
        ),
        case(
            "the last of an array runs out of the data",
            unterminated(|image| {
                let end = image.data.len();
                image.data.extend(b"a\0b\0c");
                *image.entry(tag::BASENAMES) =
                    IndexEntry { tag: tag::BASENAMES, kind: 8, offset: end as i32, count: 3 };
            }),
            &["1117"],
        ),
    ]);
}

#[test]
fn regions_that_lie() {
    let trailer = |number: usize, value: i32| {
        move |image: &mut Image| image.trailer()[number * 4..number * 4 + 4].copy_from_slice(&value.to_be_bytes())
    };
    all_refused(vec![
        case("offset outside", image(|image| image.index[0].offset = 1 << 24), &["header"]),
        case("offset of an installed header", image(|image| image.index[0].offset = -160), &["header"]),
        case("wrong type", image(|image| image.index[0].kind = 4), &["header"]),
        case("wrong count", image(|image| image.index[0].count = 15), &["region"]),
        case("not first", image(|image| image.index.swap(0, 1)), &["region"]),
        case("trailer of another tag", image(trailer(0, 1000)), &["region"]),
        case("trailer of another type", image(trailer(1, 6)), &["region"]),
        case("trailer with another count", image(trailer(3, 17)), &["region"]),
        case("trailer offset positive", image(trailer(2, 160)), &["region"]),
        case("trailer offset 0", image(trailer(2, 0)), &["region"]),
        case("trailer offset no multiple of 16", image(trailer(2, -24)), &["region"]),
        case("trailer offset beyond the index", image(trailer(2, -0x10_0000)), &["region"]),
        case("trailer offset smallest", image(trailer(2, i32::MIN)), &["region"]),
        case("region without most of the index", image(trailer(2, -32)), &["region"]),
        case("signature trailer lies", signature(trailer(2, -0x10_0000)), &["signature", "region"]),
        case("signature region outside", signature(|image| image.index[0].offset = 1 << 24), &["signature"]),
        case(
            "data behind the region's trailer",
            image(|image| {
                let end = image.data.len();
                image.data.extend(b"other-name\0");
                image.entry(tag::NAME).offset = end as i32;
            }),
            &["region"],
        ),
    ]);
}

#[test]
fn tags_of_a_wrong_type() {
    let set = |number: u32, value: Value| plain().edit_tags(move |tags| tags.set(number, value));
    all_refused(vec![
        case("NAME is a number", set(tag::NAME, Value::Int32(vec![7])), &["1000"]),
        case("VERSION is binary", set(tag::VERSION, Value::Binary(vec![7])), &["1001"]),
        case("EPOCH is a string", set(tag::EPOCH, Value::text("1")), &["1003"]),
        case("FILEMODES is a string", set(tag::FILEMODES, Value::text("1")), &["1030"]),
        case("BASENAMES are numbers", set(tag::BASENAMES, Value::Int32(vec![1, 2, 3])), &["1117"]),
        case("REQUIREFLAGS are strings", set(tag::REQUIREFLAGS, Value::array(&["a", "b"])), &["1048"]),
        case("FILEDIGESTS is binary", set(tag::FILEDIGESTS, Value::Binary(vec![0; 32])), &["1035"]),
    ]);
}
