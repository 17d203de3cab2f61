//! What the fuzz targets call: one function for each parser of strangers' bytes. `tests/fuzz_seeds_and_regressions.rs`
//! calls the same functions on the committed inputs, so that the stable toolchain runs them too.

use std::io;

use rpm2deb::limits::Limits;
use rpm2deb::patch::{FileKind, Patch, resolve};
use rpm2deb::plan::Policy;
use rpm2deb::plan::script::Mode;
use rpm2deb::plan::version::ReleasePolicy;
use rpm2deb::rpm::cpio::{Head, Reader};
use rpm2deb::rpm::header::{Header, Part};

/// Parses bytes as a header; what passes must answer every question without a panic.
pub(crate) fn header(data: &[u8]) {
    for part in [Part::Signature, Part::Main] {
        let Ok(header) = Header::parse(data, part) else { continue };
        for tag in (0..1200).chain(5000..5130) {
            let _ = header.string(tag);
            let _ = header.strings(tag);
            let _ = header.integers(tag);
            let _ = header.integer32(tag);
            let _ = header.binary(tag);
        }
    }
}

/// Reads bytes as an archive, data included.
pub(crate) fn cpio(data: &[u8]) {
    let mut reader = Reader::new(data);
    while let Ok(Some(head)) = reader.next_entry() {
        if let Head::Numbered(number) = head {
            // Sizes come from the header, which is not here: any small one will do.
            reader.expect(u64::from(number % 512));
        }
        if io::copy(&mut reader, &mut io::sink()).is_err() {
            break;
        }
    }
    assert!(reader.position() <= data.len() as u64, "more was read than there is");
}

/// Parses bytes as a patch and applies it to a small tree in which every name is a file of a few lines.
pub(crate) fn patch(data: &[u8]) {
    const LINES: &[u8] = b"one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
    for strip in 0..2 {
        let Ok(patch) = Patch::parse("fuzz", data, strip) else { continue };
        let kind = |path: &[u8]| match path.last() {
            Some(b'/') | None => Some(FileKind::Directory),
            Some(b'l') => Some(FileKind::Other),
            Some(b'n') => None,
            _ => Some(FileKind::Regular),
        };
        let Ok(edits) = resolve(&[patch], b"tree", &kind) else { continue };
        let touched: Vec<Vec<u8>> = edits.touched_paths().map(<[u8]>::to_vec).collect();
        for path in touched {
            if let Some(edit) = edits.touching(&path) {
                let _ = edit.apply(LINES, 0o644);
            }
        }
        for edit in edits.created() {
            let _ = edit.apply(b"", 0o644);
        }
    }
}

/// Converts bytes as a package, all but the writing. Digests are compared last, so that most of it runs on any input.
pub(crate) fn convert(data: &[u8]) {
    let policy = Policy {
        arch: None,
        release: ReleasePolicy::Bump,
        multiarch_libdir: true,
        scripts: Mode::Translate,
        maintainer: None,
        source_date_epoch: None,
        shlibs_root: None,
        force: true,
        limits: Limits { max_unpacked_bytes: 16 << 20, ..Limits::default() },
    };
    if let Ok(report) = rpm2deb::convert::convert(data, &policy, &[], None) {
        let identity = report.identity;
        assert!(!identity.file_name().contains('/'), "a file name leads elsewhere: {identity:?}");
    }
}
