//! What configurations travel in: compressions and packages.

use std::io::Write as _;

use liblzma::stream::{LzmaOptions, Stream};
use liblzma::write::XzEncoder;

/// Bytes in, compressed bytes out.
pub(crate) type Pack = fn(&[u8]) -> Vec<u8>;

/// Each compression that is read, and how it is made.
pub(crate) const COMPRESSIONS: [(&str, Pack); 6] =
    [("gzip", gzip), ("xz", xz), ("zstd", zstd), ("bzip2", bzip2), ("lzma", lzma), ("lz4", lz4)];

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As `lzma -9` does it for the kernel: a dictionary of 64 MiB.
fn lzma(bytes: &[u8]) -> Vec<u8> {
    let mut options = LzmaOptions::new_preset(1).unwrap();
    options.dict_size(64 << 20);
    let mut encoder = XzEncoder::new_stream(Vec::new(), Stream::new_lzma_encoder(&options).unwrap());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As `lz4 -l` does it: blocks of 8 MiB, the length before each.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut framed = b"\x02\x21\x4c\x18".to_vec();
    for block in bytes.chunks(8 << 20) {
        let packed = lz4_flex::block::compress(block);
        framed.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        framed.extend(packed);
    }
    framed
}

/// A .deb with these files; `suffix` and `pack` are those of its data.tar.
pub(crate) fn deb(files: &[(&str, &[u8])], suffix: &str, pack: Pack) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("./{path}"), *bytes).unwrap();
    }
    let data = pack(&tar.into_inner().unwrap());
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in
        [("debian-binary", &b"2.0\n"[..]), ("control.tar.xz", b""), (&format!("data.tar{suffix}"), &data)]
    {
        archive.append(&ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64), bytes).unwrap();
    }
    archive.into_inner().unwrap()
}
