//! Payload compressors.

use std::io::{self, Write};

/// How the payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressor {
    None,
    Gzip,
    Xz,
    Lzma,
    Bzip2,
    Zstd,
}

impl Compressor {
    /// All of them.
    pub const ALL: [Compressor; 6] = [Self::None, Self::Gzip, Self::Xz, Self::Lzma, Self::Bzip2, Self::Zstd];

    /// PAYLOADCOMPRESSOR; rpmbuild writes none for an uncompressed payload.
    pub fn tag_value(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Xz => Some("xz"),
            Self::Lzma => Some("lzma"),
            Self::Bzip2 => Some("bzip2"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Starts a compressed stream into `sink`.
    pub fn start(self, sink: &mut dyn Write) -> Stream<'_> {
        use liblzma::stream::{Check, LzmaOptions, Stream as Lzma};
        match self {
            Self::None => Stream::Plain(sink),
            Self::Gzip => Stream::Gzip(flate2::write::GzEncoder::new(sink, flate2::Compression::fast())),
            Self::Xz => {
                let encoder = Lzma::new_easy_encoder(1, Check::Crc64).unwrap();
                Stream::Xz(liblzma::write::XzEncoder::new_stream(sink, encoder))
            }
            Self::Lzma => {
                let encoder = Lzma::new_lzma_encoder(&LzmaOptions::new_preset(1).unwrap()).unwrap();
                Stream::Xz(liblzma::write::XzEncoder::new_stream(sink, encoder))
            }
            Self::Bzip2 => Stream::Bzip2(bzip2::write::BzEncoder::new(sink, bzip2::Compression::fast())),
            Self::Zstd => Stream::Zstd(zstd::Encoder::new(sink, 1).unwrap()),
        }
    }
}

/// A compressed stream under way.
pub enum Stream<'a> {
    Plain(&'a mut dyn Write),
    Gzip(flate2::write::GzEncoder<&'a mut dyn Write>),
    Xz(liblzma::write::XzEncoder<&'a mut dyn Write>),
    Bzip2(bzip2::write::BzEncoder<&'a mut dyn Write>),
    Zstd(zstd::Encoder<'static, &'a mut dyn Write>),
}

impl Stream<'_> {
    /// Writes what the compressor still holds.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Stream::Plain(_) => Ok(()),
            Stream::Gzip(stream) => stream.finish().map(drop),
            Stream::Xz(stream) => stream.finish().map(drop),
            Stream::Bzip2(stream) => stream.finish().map(drop),
            Stream::Zstd(stream) => stream.finish().map(drop),
        }
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Gzip(stream) => stream.write(bytes),
            Stream::Xz(stream) => stream.write(bytes),
            Stream::Bzip2(stream) => stream.write(bytes),
            Stream::Zstd(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
