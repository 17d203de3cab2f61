//! The configuration inside a kernel image (`CONFIG_IKCONFIG`).
//!
//! The kernel keeps it gzipped behind the mark `IKCFG_ST`. In a vmlinux the mark is in plain sight. A vmlinuz or zImage
//! holds the kernel compressed, somewhere: wherever a compression could begin, the rest is unpacked and searched, as
//! `scripts/extract-ikconfig` does it. All of it streams; what is unpacked is bounded, and so is the number of attempts.

use std::io::{self, Read, Seek, SeekFrom};
use std::iter;

use super::compression::{Compression, MAGICS};
use crate::config::CONFIG_BYTES;

/// Bytes of an image. A vmlinux with debug information has about 600 MB.
pub const IMAGE_BYTES: u64 = 1 << 30;
/// Bytes that all attempts together may unpack: a distribution's kernel has 60 MB without debug information.
const UNPACKED_BYTES: u64 = 1 << 30;
/// Attempts for each compression. Its magic number occurs by chance, too: LZMA's often, in tables of small numbers.
const ATTEMPTS: usize = 32;
/// Before the gzipped configuration.
const MARK: &[u8] = b"IKCFG_ST";
/// Bytes that are searched at a time.
const WINDOW_BYTES: usize = 64 << 10;
/// Bytes that a look at one place may need: those at the end of a window are searched again with the next.
const OVERLAP: usize = 16;

/// What was found.
#[derive(Debug)]
pub enum Embedded {
    /// The configuration's text.
    Config(Vec<u8>),
    /// None; the LZO that could hold it cannot be read.
    OnlyLzo,
    /// None.
    Nothing,
}

/// Looks for the configuration in an image.
pub fn extract(image: &mut (impl Read + Seek)) -> io::Result<Embedded> {
    let mut compressed: Vec<(Compression, u64)> = Vec::new();
    image.seek(SeekFrom::Start(0))?;
    let found = search(&mut image.take(IMAGE_BYTES), |offset, rest| {
        let Some(compression) = Compression::of(rest).filter(|compression| is_plausible(*compression, rest)) else {
            return;
        };
        if compressed.iter().filter(|(other, _)| *other == compression).count() < ATTEMPTS {
            compressed.push((compression, offset));
        }
    })?;
    if let Some(config) = found {
        return Ok(Embedded::Config(config));
    }
    // In the order of extract-ikconfig, so that both find the same.
    compressed
        .sort_by_key(|(compression, offset)| (MAGICS.iter().position(|(other, _)| other == compression), *offset));
    let mut budget = UNPACKED_BYTES;
    for (compression, offset) in &compressed {
        image.seek(SeekFrom::Start(*offset))?;
        let Ok(decoder) = compression.decoder(&mut *image) else { continue };
        let mut unpacked = decoder.take(budget);
        // An error only says that no compression began here after all.
        if let Ok(Some(config)) = search(&mut unpacked, |_, _| {}) {
            return Ok(Embedded::Config(config));
        }
        budget = unpacked.limit();
    }
    let only_lzo = compressed.iter().any(|(compression, _)| *compression == Compression::Lzo);
    Ok(if only_lzo { Embedded::OnlyLzo } else { Embedded::Nothing })
}

/// Whether more than the magic number fits. Every kernel that can unpack an initramfs holds these numbers as constants.
fn is_plausible(compression: Compression, rest: &[u8]) -> bool {
    match compression {
        // Behind lzop's nine bytes of magic: its version, the library's, the one needed, the method.
        Compression::Lzo => {
            rest.starts_with(b"\x89LZO\0\r\n\x1a\n")
                && rest.get(9) == Some(&0x10)
                && matches!(rest.get(15), Some(1..=3))
        }
        // Behind the magic number: the level, then the first block's.
        Compression::Bzip2 => matches!(rest.get(3), Some(b'1'..=b'9')) && rest.get(4..10) == Some(b"1AY&SY"),
        _ => true,
    }
}

/// Looks for the configuration in a stream that is unpacked already.
pub fn extract_from_stream(stream: impl Read) -> io::Result<Option<Vec<u8>>> {
    search(&mut stream.take(UNPACKED_BYTES), |_, _| {})
}

/// Reads to the mark and unpacks the configuration behind it. `candidate` sees every place where a compression's first
/// byte stands, with what follows.
fn search(stream: &mut impl Read, mut candidate: impl FnMut(u64, &[u8])) -> io::Result<Option<Vec<u8>>> {
    let firsts: Vec<u8> = MAGICS.iter().map(|(_, magic)| magic[0]).chain([MARK[0]]).collect();
    let mut window: Vec<u8> = Vec::with_capacity(WINDOW_BYTES + OVERLAP);
    let mut start = 0;
    loop {
        let more = stream.take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
        let searched = if more == 0 { window.len() } else { window.len().saturating_sub(OVERLAP) };
        for at in places_of(&firsts, &window[..searched]) {
            let rest = &window[at..];
            match rest.strip_prefix(MARK).filter(|packed| packed.starts_with(b"\x1f\x8b\x08")) {
                Some(packed) => {
                    if let Some(config) = unpack(packed.chain(&mut *stream)) {
                        return Ok(Some(config));
                    }
                    // A mark without a configuration is damage: what follows has been read past.
                    return Ok(None);
                }
                None => candidate(start + at as u64, rest),
            }
        }
        if more == 0 {
            return Ok(None);
        }
        window.drain(..searched);
        start += searched as u64;
    }
}

/// Where one of these bytes stands, in order. An image is searched at the speed of memory, three bytes at a time.
fn places_of(firsts: &[u8], window: &[u8]) -> impl Iterator<Item = usize> {
    let three = |bytes: &[u8]| [0, 1, 2].map(|index| bytes[index.min(bytes.len() - 1)]);
    let places = firsts.chunks(3).map(three).map(|[a, b, c]| memchr::memchr3_iter(a, b, c, window).peekable());
    let mut places: Vec<_> = places.collect();
    iter::from_fn(move || {
        let next = places.iter_mut().filter_map(|places| places.peek().copied()).min()?;
        for places in &mut places {
            places.next_if_eq(&next);
        }
        Some(next)
    })
}

/// The gzipped configuration, if it is whole and of a configuration's size.
fn unpack(packed: impl Read) -> Option<Vec<u8>> {
    let mut config = Vec::new();
    flate2::read::GzDecoder::new(packed).take(CONFIG_BYTES as u64 + 1).read_to_end(&mut config).ok()?;
    (config.len() <= CONFIG_BYTES).then_some(config)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn nothing_is_lost_between_two_windows() {
        let kernel = [MARK, &gzip(b"CONFIG_A=y\n")].concat();
        for inner in [kernel.clone(), gzip(&kernel)] {
            for offset in WINDOW_BYTES - 2 * OVERLAP..WINDOW_BYTES + 2 {
                let image = [&vec![0; offset], inner.as_slice()].concat();
                let found = extract(&mut Cursor::new(image)).unwrap();
                assert!(matches!(&found, Embedded::Config(text) if text == b"CONFIG_A=y\n"), "at {offset}: {found:?}");
            }
        }
    }

    #[test]
    fn a_mark_without_a_configuration_is_not_one() {
        for image in [&b"IKCFG_ST"[..], b"IKCFG_ST\x1f\x8b\x08", b"IKCFG_STIKCFG_ED", b""] {
            assert!(matches!(extract(&mut Cursor::new(image)).unwrap(), Embedded::Nothing), "{image:?}");
        }
    }
}
