//! Truncated files, wrong digests, single flipped bytes.

use std::path::Path;

use crate::expect::{all_refused, case, raw, refusal};
use crate::plain;
use crate::rpm_writer::{Built, Compressor, Format, RpmBuilder, tag};
use crate::sandbox::Sandbox;

#[test]
fn a_package_cut_anywhere_is_refused() {
    for format in [Format::V3, Format::V4, Format::V6] {
        let Built { bytes, signature, header, payload } = plain().format(format).build_parts();
        let powers = (0..).map(|power| 1_usize << power).take_while(|at| *at < bytes.len());
        let borders = [0, 4, 95, 96, signature.start + 8, signature.start + 16, signature.end - 1, signature.end];
        let borders = borders.into_iter().chain([header.start + 16, header.end - 1, header.end, payload.end - 1]);
        let cuts = powers.chain(borders).chain([payload.start + 1, payload.end - 8, payload.end - 20]);
        all_refused(cuts.map(|cut| raw(&format!("{format:?} cut at {cut}"), bytes[..cut].to_vec(), &[])).collect());
    }
}

#[test]
fn a_payload_that_ends_early_with_right_digests_is_refused() {
    let cut = |compressor: Compressor, bytes: usize| {
        plain().payload(compressor).edit_payload(move |payload| payload.truncate(payload.len() - bytes))
    };
    let mut cases = Vec::new();
    for compressor in Compressor::ALL {
        for bytes in [1, 30] {
            // A cpio archive whose last padding is missing has lost nothing.
            if compressor != Compressor::None || bytes > 3 {
                cases.push(case(&format!("{compressor:?} without {bytes}"), cut(compressor, bytes), &["payload"]));
            }
        }
        cases.push(case(
            &format!("{compressor:?} emptied"),
            cut(compressor, 60).edit_payload(Vec::clear),
            &["payload"],
        ));
    }
    all_refused(cases);
}

#[test]
fn something_appended_is_refused() {
    let mut bytes = plain().build();
    bytes.extend(b"more");
    all_refused(vec![
        raw("four bytes after the package", bytes, &[]),
        case(
            "bytes after the compressed stream",
            plain().edit_payload(|payload| payload.extend(b"evil")),
            &["payload"],
        ),
    ]);
}

#[test]
fn every_wrong_digest_is_named() {
    let sig = |number| plain().edit_signature(move |tags| tags.corrupt(number));
    let sig6 = |number| plain().format(Format::V6).edit_signature(move |tags| tags.corrupt(number));
    let hdr = |number| plain().edit_tags(move |tags| tags.corrupt(number));
    let hdr6 = |number| plain().format(Format::V6).edit_tags(move |tags| tags.corrupt(number));
    all_refused(vec![
        case("header SHA1", sig(tag::SIG_SHA1), &["sha1", "header"]),
        case("header SHA256", sig(tag::SIG_SHA256), &["sha256", "header"]),
        case("MD5", sig(tag::SIG_MD5), &["md5"]),
        case("MD5 of format 3", plain().format(Format::V3).edit_signature(|tags| tags.corrupt(tag::SIG_MD5)), &["md5"]),
        case("SIZE", sig(tag::SIG_SIZE), &["bytes"]),
        case("archive size", sig(tag::SIG_PAYLOADSIZE), &["payload"]),
        case("payload SHA256", hdr(tag::PAYLOADSHA256), &["sha256", "payload"]),
        case("archive SHA256", hdr(tag::PAYLOADSHA256ALT), &["sha256", "payload"]),
        case("file SHA256", hdr(tag::FILEDIGESTS), &["sha256", "opt/hostile/"]),
        case(
            "file MD5 of format 3",
            plain().format(Format::V3).edit_tags(|tags| tags.corrupt(tag::FILEDIGESTS)),
            &["md5", "opt/hostile/"],
        ),
        case("v6 header SHA256", sig6(tag::SIG_SHA256), &["sha256", "header"]),
        case("v6 header SHA3", sig6(tag::SIG_SHA3_256), &["sha3", "header"]),
        case("v6 payload SHA256", hdr6(tag::PAYLOADSHA256), &["sha256", "payload"]),
        case("v6 archive SHA256", hdr6(tag::PAYLOADSHA256ALT), &["sha256", "payload"]),
        case("v6 payload SHA512", hdr6(tag::PAYLOADSHA512), &["sha512", "payload"]),
        case("v6 archive SHA512", hdr6(tag::PAYLOADSHA512ALT), &["sha512", "payload"]),
        case("v6 payload SHA3", hdr6(tag::PAYLOADSHA3_256), &["sha3", "payload"]),
        case("v6 archive SHA3", hdr6(tag::PAYLOADSHA3_256ALT), &["sha3", "payload"]),
        case("v6 payload size", hdr6(tag::PAYLOADSIZE), &["payload"]),
        case("v6 archive size", hdr6(tag::PAYLOADSIZEALT), &["payload"]),
        case("v6 file SHA256", hdr6(tag::FILEDIGESTS), &["sha256", "opt/hostile/"]),
    ]);
}

#[test]
fn digests_of_a_wrong_form_are_refused() {
    let file = |digest: &'static [u8]| plain().edit_tags(|tags| tags.array(tag::FILEDIGESTS)[1] = digest.to_vec());
    all_refused(vec![
        case("file digest too short", file(b"abcd"), &["opt/hostile/data"]),
        case("file digest is no hex", file(&[b'z'; 64]), &[]),
        case("unknown digest algorithm", plain().edit_tags(|tags| tags.set_int(tag::FILEDIGESTALGO, 99)), &["99"]),
    ]);
}

#[test]
fn a_flipped_byte_is_refused_or_changes_nothing() {
    for format in [Format::V3, Format::V4, Format::V6] {
        let small = || RpmBuilder::new("hostile").format(format).file("/opt/x", 0o755, "content of the only file\n");
        let bytes = small().build();
        let expected = convert(&bytes).expect("the package without fault");
        let step = (bytes.len() / 70).max(1) | 1;
        for at in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            match convert(&damaged) {
                Ok(deb) => assert!(deb == expected, "{format:?}: byte {at} changes the result, unnoticed"),
                Err(reason) => assert_eq!(reason, "", "{format:?}: byte {at}"),
            }
        }
    }
}

/// The resulting package, or what is wrong with the refusal ("" if nothing).
fn convert(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let sandbox = Sandbox::new();
    let run = sandbox.convert(&sandbox.put("hostile.rpm", bytes), &[]);
    if run.code == Some(0) {
        let deb = sandbox.deb();
        assert_eq!(deb.extension(), Some(Path::new("deb").as_os_str()));
        return Ok(std::fs::read(deb).unwrap());
    }
    Err(refusal(&run, "hostile.rpm", &[]).err().unwrap_or_default())
}
