//! Reading RPMs, format v3, v4 and v6: lead, signature header, header, payload.
//!
//! ```text
//! lead 96 bytes | signature header, padded to 8 | header | payload: compressed cpio
//! ```
//!
//! The headers are read and their digests verified at once; the payload is a stream whose digests are compared at its
//! end. Whoever reads the payload must call [`payload::Archive::finish`] before anything becomes final.

pub mod cpio;
pub mod decompress;
pub mod digest;
mod file_list;
pub mod header;
pub mod lead;
pub mod package;
pub mod payload;
mod scriptlets;
pub mod tag;
mod text;

use std::io::Read;

use digest::{Algorithm, Check, CheckedReader, Expected};
use header::{Header, Part};
use package::{ChangelogEntry, Compare, Evr, Package, Payload, Relation, Relations};
use text::{string, strings};

use crate::error::Error;

/// RPMs are read through a buffer of this size, in bytes: large enough that system calls do not count.
pub const READ_BUFFER_BYTES: usize = 128 << 10;

/// An RPM whose headers have been read; the payload waits.
#[derive(Debug)]
pub struct Opened<R> {
    /// What the headers say.
    pub package: Package,
    /// The compressed payload, under the digests that cover it.
    pub payload: CheckedReader<R>,
    /// Bytes of the main header in the file, which count into the announced size of header and payload.
    pub header_bytes: u64,
}

/// Reads lead and headers, and verifies every digest of the headers.
pub fn open<R: Read>(mut input: R) -> Result<Opened<R>, Error> {
    let lead = lead::read(&mut input)?;
    let signature = Header::read(&mut input, Part::Signature, &mut [])?;
    skip_padding(&mut input, signature.data_bytes())?;

    let mut checks = header_checks(&signature)?;
    let covers_payload = header_and_payload_check(&signature)?;
    let header_only = checks.len();
    checks.extend(covers_payload);
    let header = Header::read(&mut input, Part::Main, &mut checks)?;
    let covers_payload = checks.split_off(header_only);
    for check in checks {
        check.finish("header")?;
    }

    let package = read_package(lead, &signature, &header)?;
    let payload_checks = package
        .expected
        .payload
        .iter()
        .map(|(algorithm, hex)| (Check::new(*algorithm, hex), "payload"))
        .chain(covers_payload.into_iter().map(|check| (check, "header and payload")))
        .collect();
    let header_bytes = header.file_bytes();
    Ok(Opened { package, payload: CheckedReader::new(input, payload_checks), header_bytes })
}

/// The signature header is padded to a multiple of 8 bytes.
fn skip_padding(input: &mut impl Read, data_bytes: usize) -> Result<(), Error> {
    let mut padding = [0; 8];
    let count = data_bytes.wrapping_neg() % 8;
    input
        .read_exact(&mut padding[..count])
        .map_err(|_| Error::malformed("signature header", "the file ends in the padding behind it"))
}

/// Digests that cover the main header alone.
fn header_checks(signature: &Header) -> Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    for (tag, algorithm) in [
        (tag::signature::SHA1, Algorithm::Sha1),
        (tag::signature::SHA256, Algorithm::Sha256),
        (tag::signature::SHA3_256, Algorithm::Sha3_256),
    ] {
        if let Some(expected) = string(signature, tag)? {
            checks.push(Check::new(algorithm, &expected));
        }
    }
    Ok(checks)
}

/// The MD5 of v3 and v4, over header and compressed payload.
fn header_and_payload_check(signature: &Header) -> Result<Option<Check>, Error> {
    let expected = signature.binary(tag::signature::MD5)?;
    Ok(expected.map(|bytes| Check::new(Algorithm::Md5, &digest::hex(bytes))))
}

fn read_package(lead: lead::Lead, signature: &Header, header: &Header) -> Result<Package, Error> {
    let format = match header.integer(tag::RPM_FORMAT)? {
        Some(6) => 6,
        Some(other @ 7..) => return Err(Error::malformed("header", format!("RPM format {other} is not known"))),
        _ if header.has_region() => 4,
        _ => 3,
    };
    let files = file_list::read(header)?;
    Ok(Package {
        format,
        is_source: lead.is_source || header.contains(tag::SOURCE_PACKAGE),
        name: required(header, tag::NAME, "name")?,
        evr: Evr {
            epoch: header.integer32(tag::EPOCH)?,
            version: required(header, tag::VERSION, "version")?,
            release: Some(required(header, tag::RELEASE, "release")?),
        },
        arch: string(header, tag::ARCH)?.unwrap_or_default(),
        summary: string(header, tag::SUMMARY)?.unwrap_or_default(),
        description: string(header, tag::DESCRIPTION)?.unwrap_or_default(),
        license: string(header, tag::LICENSE)?,
        group: string(header, tag::GROUP)?,
        vendor: string(header, tag::VENDOR)?,
        url: string(header, tag::URL)?,
        packager: string(header, tag::PACKAGER)?,
        distribution: string(header, tag::DISTRIBUTION)?,
        source_rpm: string(header, tag::SOURCE_RPM)?,
        build_time: header.integer(tag::BUILD_TIME)?,
        relations: read_relations(header)?,
        scriptlets: scriptlets::read(header)?,
        triggers: scriptlets::read_triggers(header)?,
        prefixes: strings(header, tag::PREFIXES)?,
        changelog: read_changelog(header)?,
        payload: read_payload_facts(signature, header, file_list::content_bytes(&files)?)?,
        files,
        expected: read_expected(signature, header)?,
        signatures: signature_kinds(signature),
    })
}

fn required(header: &Header, tag: u32, what: &str) -> Result<String, Error> {
    string(header, tag)?.ok_or_else(|| Error::malformed("header", format!("has no {what} (tag {tag})")))
}

fn read_payload_facts(signature: &Header, header: &Header, content_bytes: u64) -> Result<Payload, Error> {
    if let Some(format) = string(header, tag::PAYLOAD_FORMAT)? {
        if format != "cpio" {
            return Err(Error::malformed("payload", format!("has the format '{format}'; only cpio is known")));
        }
    }
    let archive_bytes = match header.integer(tag::PAYLOAD_SIZE_ALT)? {
        Some(bytes) => Some(bytes),
        None => signature.integer(tag::LONG_ARCHIVE_SIZE)?.or(header.integer(tag::ARCHIVE_SIZE)?),
    };
    Ok(Payload { compressor: string(header, tag::PAYLOAD_COMPRESSOR)?, archive_bytes, content_bytes })
}

fn read_expected(signature: &Header, header: &Header) -> Result<Expected, Error> {
    let sha256 = header_algorithm(header, tag::PAYLOAD_SHA256_ALGO, Algorithm::Sha256)?;
    let mut expected = Expected {
        headers: verified_header_digests(signature),
        payload: Vec::new(),
        archive: Vec::new(),
        header_and_payload_bytes: match signature.integer(tag::signature::LONG_SIZE)? {
            Some(bytes) => Some(bytes),
            None => signature.integer(tag::signature::SIZE)?,
        },
        files: header_algorithm(header, tag::FILE_DIGEST_ALGO, Algorithm::Md5)?,
    };
    for (tag, algorithm) in [
        (tag::PAYLOAD_SHA256, sha256),
        (tag::PAYLOAD_SHA512, Algorithm::Sha512),
        (tag::PAYLOAD_SHA3_256, Algorithm::Sha3_256),
    ] {
        expected.payload.extend(string(header, tag)?.map(|hex| (algorithm, hex)));
    }
    for (tag, algorithm) in [
        (tag::PAYLOAD_SHA256_ALT, sha256),
        (tag::PAYLOAD_SHA512_ALT, Algorithm::Sha512),
        (tag::PAYLOAD_SHA3_256_ALT, Algorithm::Sha3_256),
    ] {
        expected.archive.extend(string(header, tag)?.map(|hex| (algorithm, hex)));
    }
    Ok(expected)
}

/// Names of the digests in the signature header; [`open`] has compared them.
fn verified_header_digests(signature: &Header) -> Vec<&'static str> {
    [
        (tag::signature::SHA1, "header SHA1"),
        (tag::signature::SHA256, "header SHA256"),
        (tag::signature::SHA3_256, "header SHA3-256"),
        (tag::signature::MD5, "header and payload MD5"),
    ]
    .into_iter()
    .filter(|(tag, _)| signature.contains(*tag))
    .map(|(_, name)| name)
    .collect()
}

fn header_algorithm(header: &Header, tag: u32, default: Algorithm) -> Result<Algorithm, Error> {
    match header.integer32(tag)? {
        None => Ok(default),
        Some(number) => Algorithm::from_number(number).ok_or_else(|| {
            Error::malformed(
                "header",
                format!("digest algorithm {number} (tag {tag}) is not known, so nothing could be verified"),
            )
        }),
    }
}

/// Which signatures are there; none is checked, for that needs keys and a decision about whom to trust.
fn signature_kinds(signature: &Header) -> Vec<&'static str> {
    [
        (tag::signature::RSA, "RSA over the header"),
        (tag::signature::DSA, "DSA over the header"),
        (tag::signature::OPENPGP, "OpenPGP over the header"),
        (tag::signature::PGP, "PGP over header and payload"),
        (tag::signature::GPG, "GPG over header and payload"),
        (tag::signature::FILE_SIGNATURES, "IMA per file"),
        (tag::signature::VERITY_SIGNATURES, "fs-verity per file"),
    ]
    .into_iter()
    .filter(|(tag, _)| signature.contains(*tag))
    .map(|(_, kind)| kind)
    .collect()
}

fn read_relations(header: &Header) -> Result<Relations, Error> {
    let list = |name, version, flags| read_relation_list(header, name, version, flags);
    Ok(Relations {
        requires: list(tag::REQUIRE_NAME, tag::REQUIRE_VERSION, tag::REQUIRE_FLAGS)?,
        provides: list(tag::PROVIDE_NAME, tag::PROVIDE_VERSION, tag::PROVIDE_FLAGS)?,
        conflicts: list(tag::CONFLICT_NAME, tag::CONFLICT_VERSION, tag::CONFLICT_FLAGS)?,
        obsoletes: list(tag::OBSOLETE_NAME, tag::OBSOLETE_VERSION, tag::OBSOLETE_FLAGS)?,
        recommends: list(tag::RECOMMEND_NAME, tag::RECOMMEND_VERSION, tag::RECOMMEND_FLAGS)?,
        suggests: list(tag::SUGGEST_NAME, tag::SUGGEST_VERSION, tag::SUGGEST_FLAGS)?,
        supplements: list(tag::SUPPLEMENT_NAME, tag::SUPPLEMENT_VERSION, tag::SUPPLEMENT_FLAGS)?,
        enhances: list(tag::ENHANCE_NAME, tag::ENHANCE_VERSION, tag::ENHANCE_FLAGS)?,
    })
}

/// Three parallel arrays make one list. Versions and flags may be missing altogether (old Provides), not in part.
fn read_relation_list(header: &Header, name: u32, version: u32, flags: u32) -> Result<Vec<Relation>, Error> {
    let names = strings(header, name)?;
    let versions = strings(header, version)?;
    let senses = header.integers(flags)?;
    for (tag, count) in [(version, versions.len()), (flags, senses.len())] {
        if count != 0 && count != names.len() {
            return Err(Error::malformed(
                format!("header tag {tag}"),
                format!("has {count} values for {} names of tag {name}", names.len()),
            ));
        }
    }
    names
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let flags = u32::try_from(senses.get(at).copied().unwrap_or(0) & 0xffff_ffff).unwrap_or(0);
            let version = versions.get(at).map_or("", String::as_str);
            Ok(Relation { name, version: comparison(flags).zip(parse_evr(version)), flags })
        })
        .collect()
}

/// RPMSENSE_LESS (2), RPMSENSE_GREATER (4), RPMSENSE_EQUAL (8).
fn comparison(flags: u32) -> Option<Compare> {
    Some(match flags & 0xe {
        2 => Compare::Less,
        10 => Compare::LessOrEqual,
        8 => Compare::Equal,
        12 => Compare::GreaterOrEqual,
        4 => Compare::Greater,
        _ => return None,
    })
}

/// `[EPOCH:]VERSION[-RELEASE]`; an epoch that is no number is part of the version, as in rpm's `parseEVR`.
pub fn parse_evr(text: &str) -> Option<Evr> {
    if text.is_empty() {
        return None;
    }
    let (epoch, rest) = match text.split_once(':') {
        Some((digits, rest)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (if digits.is_empty() { Some(0) } else { digits.parse().ok() }, rest)
        }
        _ => (None, text),
    };
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release.to_owned())),
        None => (rest, None),
    };
    Some(Evr { epoch, version: version.to_owned(), release })
}

fn read_changelog(header: &Header) -> Result<Vec<ChangelogEntry>, Error> {
    let times = header.integers(tag::CHANGELOG_TIME)?;
    let names = strings(header, tag::CHANGELOG_NAME)?;
    let texts = strings(header, tag::CHANGELOG_TEXT)?;
    if times.len() != names.len() || times.len() != texts.len() {
        return Err(Error::malformed(
            "header changelog",
            format!("has {} times, {} names and {} texts", times.len(), names.len(), texts.len()),
        ));
    }
    let entries = times.into_iter().zip(names).zip(texts);
    Ok(entries.map(|((time, name), text)| ChangelogEntry { time, name, text }).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn evr_strings_split_as_rpm_splits_them() {
        for (text, epoch, version, release) in [
            ("2.0.4-1", None, "2.0.4", Some("1")),
            ("1:2.0", Some(1), "2.0", None),
            (":2.0-1.el9", Some(0), "2.0", Some("1.el9")),
            ("v:2", None, "v:2", None),
            ("1-2-3", None, "1-2", Some("3")),
        ] {
            let evr = parse_evr(text).unwrap();
            assert_eq!((evr.epoch, evr.version.as_str(), evr.release.as_deref()), (epoch, version, release), "{text}");
        }
        assert_eq!(parse_evr(""), None);
    }
}
