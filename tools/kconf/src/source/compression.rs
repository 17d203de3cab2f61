//! The compressions that kernels and their packages use, each as a stream.
//!
//! LZO is known and refused: no kept-up crate of a licence that fits decodes it, and no pseries kernel can use it.

use std::io::{self, BufReader, Read};

use liblzma::read::XzDecoder;
use liblzma::stream::Stream;

/// Memory of one xz or lzma decoder. `xz -9` wants 65 MiB, the kernel's own images 33.
const LZMA_MEMORY_BYTES: u64 = 128 << 20;
/// Window of zstd, as a power of two: 128 MiB, which `zstd --ultra -22` uses for kernel images.
const ZSTD_WINDOW_LOG: u32 = 27;
/// Bytes of one block of the LZ4 framing that the kernel uses (`lz4 -l`, LEGACY_BLOCKSIZE).
const LZ4_BLOCK_BYTES: usize = 8 << 20;
/// The longest that such a block can become (LZ4_COMPRESSBOUND).
const LZ4_COMPRESSED_BYTES: usize = LZ4_BLOCK_BYTES + LZ4_BLOCK_BYTES / 255 + 16;

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `gzip`.
    Gzip,
    /// `xz`.
    Xz,
    /// `zstd`.
    Zstd,
    /// `bzip2`.
    Bzip2,
    /// `lzma`, the format before xz.
    Lzma,
    /// `lz4 -l`, the legacy framing of kernel images.
    Lz4,
    /// `lzop`.
    Lzo,
}

/// How each begins; what `scripts/extract-ikconfig` looks for.
pub const MAGICS: [(Compression, &[u8]); 7] = [
    (Compression::Gzip, b"\x1f\x8b\x08"),
    (Compression::Xz, b"\xfd7zXZ\0"),
    (Compression::Bzip2, b"BZh"),
    (Compression::Lzma, b"\x5d\0\0\0"),
    (Compression::Lz4, b"\x02\x21\x4c\x18"),
    (Compression::Zstd, b"\x28\xb5\x2f\xfd"),
    (Compression::Lzo, b"\x89LZO\0"),
];

impl Compression {
    /// What bytes begin with.
    pub fn of(head: &[u8]) -> Option<Self> {
        MAGICS.iter().find(|(_, magic)| head.starts_with(magic)).map(|(compression, _)| *compression)
    }

    /// A stream of what was compressed.
    pub fn decoder<'r>(self, reader: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::read::GzDecoder::new(reader)),
            Self::Xz => Box::new(XzDecoder::new_stream(reader, Stream::new_stream_decoder(LZMA_MEMORY_BYTES, 0)?)),
            Self::Lzma => Box::new(XzDecoder::new_stream(reader, Stream::new_lzma_decoder(LZMA_MEMORY_BYTES)?)),
            Self::Bzip2 => Box::new(bzip2::read::BzDecoder::new(reader)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(reader)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Self::Lz4 => Box::new(LegacyLz4::new(BufReader::new(reader))),
            Self::Lzo => {
                let advice = "is compressed with LZO, which this program cannot read: unpack it with lzop -d";
                return Err(io::Error::new(io::ErrorKind::Unsupported, advice));
            }
        })
    }
}

/// The LZ4 framing of kernel images: a magic number, then blocks with their length before them.
struct LegacyLz4<R> {
    reader: R,
    block: Vec<u8>,
    position: usize,
    begun: bool,
}

impl<R: Read> LegacyLz4<R> {
    fn new(reader: R) -> Self {
        Self { reader, block: Vec::new(), position: 0, begun: false }
    }

    /// Reads and unpacks the next block; false at the end. What follows the last block in an image is no block.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut word = [0; 4];
        if !self.begun {
            self.reader.read_exact(&mut word)?;
            self.begun = true;
        }
        if self.reader.read_exact(&mut word).is_err() {
            return Ok(false);
        }
        let length = u32::from_le_bytes(word) as usize;
        if length == 0 || length > LZ4_COMPRESSED_BYTES {
            return Ok(false);
        }
        let mut packed = Vec::new();
        self.reader.by_ref().take(length as u64).read_to_end(&mut packed)?;
        self.block.resize(LZ4_BLOCK_BYTES, 0);
        let unpacked = lz4_flex::block::decompress_into(&packed, &mut self.block)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.block.truncate(unpacked);
        self.position = 0;
        Ok(true)
    }
}

impl<R: Read> Read for LegacyLz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.block.len() - self.position);
        buffer[..count].copy_from_slice(&self.block[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}
