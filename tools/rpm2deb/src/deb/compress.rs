//! Compressors of a .deb's members, with the parameters that dpkg-deb uses.

use std::io::{self, Write};
use std::str::FromStr;

use flate2::write::GzEncoder;
use liblzma::stream::{Check, Filters, LzmaOptions, MtStreamBuilder, Stream};
use liblzma::write::XzEncoder;
use zstd::zstd_safe::CParameter;

/// Compression formats that dpkg reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// dpkg's default.
    Xz,
    /// Read by dpkg since 1.21.18 (Debian 12).
    Zstd,
    /// Read by every dpkg.
    Gzip,
    /// No compression.
    None,
}

impl Format {
    /// What dpkg-deb appends to the member's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }

    /// dpkg-deb's default level.
    fn default_level(self) -> u32 {
        match self {
            Self::Xz => 6,
            Self::Zstd => 3,
            Self::Gzip => 9,
            Self::None => 0,
        }
    }

    /// Highest level.
    fn highest_level(self) -> u32 {
        match self {
            Self::Xz | Self::Gzip => 9,
            Self::Zstd => 22,
            Self::None => 0,
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "xz" => Ok(Self::Xz),
            "zstd" => Ok(Self::Zstd),
            "gzip" => Ok(Self::Gzip),
            "none" => Ok(Self::None),
            _ => Err(format!("'{name}' is not one of xz, zstd, gzip, none")),
        }
    }
}

/// How to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The format.
    pub format: Format,
    level: u32,
    /// Threads for xz and zstd; 1 at least. The bytes do not depend on it.
    pub threads: u32,
}

impl Compression {
    /// Checks the level; without one, dpkg-deb's default is taken.
    pub fn new(format: Format, level: Option<u32>, threads: u32) -> Result<Self, String> {
        let level = level.unwrap_or(format.default_level());
        if level > format.highest_level() {
            return Err(format!("{format:?} has levels up to {}, not {level}", format.highest_level()));
        }
        Ok(Self { format, level, threads: threads.max(1) })
    }

    /// The same for the small control.tar.
    #[must_use]
    pub fn single_threaded(self) -> Self {
        Self { threads: 1, ..self }
    }
}

/// A compressor in front of a writer.
pub enum Encoder<W: Write> {
    /// xz, in blocks, so that threads can share the work.
    Xz(Box<XzEncoder<W>>),
    /// zstd.
    Zstd(Box<zstd::stream::write::Encoder<'static, W>>),
    /// gzip.
    Gzip(Box<GzEncoder<W>>),
    /// No compression.
    None(W),
}

impl<W: Write> Encoder<W> {
    /// `size_bytes` is what will come, about: it bounds the dictionary, and with it the memory for a small package.
    pub fn new(output: W, compression: Compression, size_bytes: u64) -> io::Result<Self> {
        Ok(match compression.format {
            Format::Xz => Self::Xz(Box::new(xz(output, compression, size_bytes)?)),
            Format::Zstd => Self::Zstd(Box::new(zstd(output, compression, size_bytes)?)),
            Format::Gzip => {
                // mtime 0 and no name: reproducible, as gzip -n.
                let level = flate2::Compression::new(compression.level);
                Self::Gzip(Box::new(flate2::GzBuilder::new().write(output, level)))
            }
            Format::None => Self::None(output),
        })
    }

    /// Writes what is left and hands back the writer.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Xz(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
            Self::None(output) => Ok(output),
        }
    }
}

/// dpkg-deb's xz: the preset's parameters, CRC32, blocks of three dictionaries. Blocks make the bytes independent of
/// the number of threads; what fits into one block needs no threads.
fn xz<W: Write>(output: W, compression: Compression, size_bytes: u64) -> io::Result<XzEncoder<W>> {
    let mut options = LzmaOptions::new_preset(compression.level)?;
    let dictionary_bytes = xz_dictionary_bytes(compression.level);
    // A dictionary larger than the data is memory for nothing, and clearing it costs more than a small package.
    let needed = size_bytes.next_power_of_two().clamp(64 << 10, u64::from(dictionary_bytes));
    options.dict_size(u32::try_from(needed).unwrap_or(dictionary_bytes));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let block_bytes = 3 * u64::from(dictionary_bytes);
    let stream = if size_bytes <= block_bytes {
        Stream::new_stream_encoder(&filters, Check::Crc32)?
    } else {
        MtStreamBuilder::new()
            .filters(filters)
            .check(Check::Crc32)
            .block_size(block_bytes)
            .threads(compression.threads)
            .encoder()?
    };
    Ok(XzEncoder::new_stream(output, stream))
}

/// Dictionary of each preset, from xz(1).
fn xz_dictionary_bytes(level: u32) -> u32 {
    match level {
        0 => 256 << 10,
        1 => 1 << 20,
        2 => 2 << 20,
        3 | 4 => 4 << 20,
        5 | 6 => 8 << 20,
        7 => 16 << 20,
        8 => 32 << 20,
        _ => 64 << 20,
    }
}

fn zstd<W: Write>(
    output: W,
    compression: Compression,
    size_bytes: u64,
) -> io::Result<zstd::stream::write::Encoder<'static, W>> {
    let level = i32::try_from(compression.level).unwrap_or(i32::MAX);
    let mut encoder = zstd::stream::write::Encoder::new(output, level)?;
    encoder.include_checksum(true)?;
    // zstd cuts the work into jobs only when it has workers; one worker and many give the same bytes, none gives others.
    if size_bytes > ZSTD_PARALLEL_BYTES {
        encoder.multithread(compression.threads)?;
        encoder.set_parameter(CParameter::JobSize(ZSTD_JOB_BYTES))?;
        encoder.set_parameter(CParameter::OverlapSizeLog(ZSTD_OVERLAP_HALF_A_WINDOW))?;
    }
    Ok(encoder)
}

/// Below this size a thread of its own for zstd would only cost.
const ZSTD_PARALLEL_BYTES: u64 = 2 << 20;
/// Bytes that a worker gets at a time. zstd's own choice, four windows, is 8 MiB at level 3: a worker would begin when most
/// packages have come to their end, and hold more memory than all the rest of a conversion.
const ZSTD_JOB_BYTES: u32 = 1 << 20;
/// How much of the window a job takes over from the one before it (from 9, all, down in halves): with half of it the
/// package is as small as dpkg-deb's; zstd's own choice makes it 2 % larger.
const ZSTD_OVERLAP_HALF_A_WINDOW: u32 = 8;

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Xz(encoder) => encoder.write(buffer),
            Self::Zstd(encoder) => encoder.write(buffer),
            Self::Gzip(encoder) => encoder.write(buffer),
            Self::None(output) => output.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Xz(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::None(output) => output.flush(),
        }
    }
}

impl<W: Write> std::fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}
