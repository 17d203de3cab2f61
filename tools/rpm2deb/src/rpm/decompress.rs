//! The payload's compression, by its first bytes: every one that RPM has used.

use std::io::{self, BufRead, BufReader, Read};

use liblzma::stream::Stream;

use super::READ_BUFFER_BYTES;
use super::digest::CheckedReader;
use crate::error::Error;
use crate::limits::Limits;
use crate::printable::printable;

/// Memory that an xz or lzma stream may ask for. `xz -9` asks for 65 MiB; a hostile stream may ask for 4 GiB.
const LZMA_MEMORY_BYTES: u64 = 256 << 20;

/// Largest zstd window, as a power of two: 128 MiB is what `zstd --ultra -22` uses and zstd itself accepts by default.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Names of PAYLOADCOMPRESSOR and the first bytes of such a stream.
const FORMATS: [(&str, &[u8]); 6] = [
    ("gzip", &[0x1f, 0x8b]),
    ("bzip2", b"BZh"),
    ("xz", &[0xfd, b'7', b'z', b'X', b'Z', 0]),
    ("zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    // An lzma file has no magic: properties byte 93 and a dictionary size of whole 4 KiB, as lzma and xz write it.
    ("lzma", &[0x5d, 0x00, 0x00]),
    ("none", b"0707"),
];

/// A decoder of any of the formats, which stops bombs.
pub struct Decoder<R: Read> {
    format: Format<R>,
    /// Bytes given out so far.
    produced: u64,
    limits: Limits,
    /// Bytes that the archive may take for names and headers, on top of the content.
    overhead_bytes: u64,
}

/// The compressed side: payload digests are computed as the bytes pass.
type Compressed<R> = BufReader<CheckedReader<R>>;

enum Format<R: Read> {
    Gzip(flate2::bufread::MultiGzDecoder<Compressed<R>>),
    Bzip2(bzip2::bufread::MultiBzDecoder<Compressed<R>>),
    /// xz and lzma.
    Xz(liblzma::bufread::XzDecoder<Compressed<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Compressed<R>>),
    None(Compressed<R>),
}

impl<R: Read> Decoder<R> {
    /// Finds the compression by the first bytes. `announced` is PAYLOADCOMPRESSOR; a stream of another kind is refused.
    /// `overhead_bytes` is what the archive may take for names and headers, beside [`Limits::max_unpacked_bytes`].
    pub fn new(
        payload: CheckedReader<R>,
        announced: Option<&str>,
        limits: Limits,
        overhead_bytes: u64,
    ) -> Result<Self, Error> {
        let mut compressed = BufReader::with_capacity(READ_BUFFER_BYTES, payload);
        let unreadable = |error| Error::malformed("payload", format!("cannot be decoded: {error}"));
        let start = compressed.fill_buf().map_err(unreadable)?;
        let Some((found, _)) = FORMATS.iter().find(|(_, magic)| start.starts_with(magic)) else {
            let reason =
                if start.is_empty() { "is missing: the file ends before it" } else { "has an unknown compression" };
            return Err(Error::malformed("payload", reason));
        };
        if !announcement_fits(announced, found) {
            let announced = printable(announced.unwrap_or_default().as_bytes());
            return Err(Error::malformed("payload", format!("is {found}, but the header says '{announced}'")));
        }
        let format = Format::open(compressed, found).map_err(unreadable)?;
        Ok(Self { format, produced: 0, limits, overhead_bytes })
    }

    /// The compressed side, wherever the decoder stopped reading.
    pub fn into_inner(self) -> Compressed<R> {
        match self.format {
            Format::Gzip(decoder) => decoder.into_inner(),
            Format::Bzip2(decoder) => decoder.into_inner(),
            Format::Xz(decoder) => decoder.into_inner(),
            Format::Zstd(decoder) => decoder.finish(),
            Format::None(compressed) => compressed,
        }
    }

    fn check_limits(&self) -> io::Result<()> {
        let most = self.limits.max_unpacked_bytes.saturating_add(self.overhead_bytes);
        if self.produced > most {
            return Err(io::Error::other(format!(
                "the payload unpacks to more than {most} bytes; raise the limit with --max-size if that is right"
            )));
        }
        if self.produced > Limits::RATIO_FREE_BYTES {
            let ratio = self.produced / self.format.compressed_bytes().max(1);
            if ratio > self.limits.max_ratio {
                return Err(io::Error::other(format!(
                    "the payload unpacks to more than {} times its size; raise the limit with --max-ratio if that is right",
                    self.limits.max_ratio
                )));
            }
        }
        Ok(())
    }
}

/// rpm reads "gzip" through zlib, which passes uncompressed data; no tag means gzip or, from some writers, nothing.
fn announcement_fits(announced: Option<&str>, found: &str) -> bool {
    match announced {
        None => true,
        Some("gzip" | "uncompressed" | "identity") if found == "none" => true,
        Some(name) => name == found,
    }
}

impl<R: Read> Format<R> {
    fn open(compressed: Compressed<R>, name: &str) -> io::Result<Self> {
        Ok(match name {
            "gzip" => Self::Gzip(flate2::bufread::MultiGzDecoder::new(compressed)),
            "bzip2" => Self::Bzip2(bzip2::bufread::MultiBzDecoder::new(compressed)),
            "xz" => {
                let stream = Stream::new_stream_decoder(LZMA_MEMORY_BYTES, liblzma::stream::CONCATENATED)?;
                Self::Xz(liblzma::bufread::XzDecoder::new_stream(compressed, stream))
            }
            "lzma" => {
                let stream = Stream::new_lzma_decoder(LZMA_MEMORY_BYTES)?;
                Self::Xz(liblzma::bufread::XzDecoder::new_stream(compressed, stream))
            }
            "zstd" => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Self::Zstd(decoder)
            }
            _ => Self::None(compressed),
        })
    }

    fn compressed_bytes(&self) -> u64 {
        let compressed = match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Bzip2(decoder) => decoder.get_ref(),
            Self::Xz(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
            Self::None(compressed) => compressed,
        };
        compressed.get_ref().bytes_read()
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.format {
            Format::Gzip(decoder) => decoder.read(buffer),
            Format::Bzip2(decoder) => decoder.read(buffer),
            Format::Xz(decoder) => decoder.read(buffer),
            Format::Zstd(decoder) => decoder.read(buffer),
            Format::None(compressed) => compressed.read(buffer),
        }?;
        self.produced += count as u64;
        self.check_limits()?;
        Ok(count)
    }
}

impl<R: Read> std::fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("produced", &self.produced).finish_non_exhaustive()
    }
}
