//! The signature header: digests of what follows it (docs/manual/format_v3.md, format_v4.md, format_v6.md).

use std::io::Read;

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use sha3::Sha3_256;

use super::content::{DigestSink, hex};
use super::header::{Tags, Value};
use super::package::Format;
use super::tag;

/// Sizes and digests of the payload, compressed (`outer`) and not (`inner`).
#[derive(Debug, Clone, Default)]
pub struct PayloadFacts {
    pub outer: StreamFacts,
    pub inner: StreamFacts,
}

/// Size and digests of a stream.
#[derive(Debug, Clone, Default)]
pub struct StreamFacts {
    pub bytes: u64,
    pub sha256: String,
    /// Only for format 6.
    pub sha512: String,
    /// Only for format 6.
    pub sha3_256: String,
}

/// Passes bytes on and digests them.
pub struct Measure<'a> {
    sink: &'a mut dyn std::io::Write,
    bytes: u64,
    sha256: Sha256,
    wide: Option<(Sha512, Sha3_256)>,
}

impl<'a> Measure<'a> {
    pub fn new(sink: &'a mut dyn std::io::Write, format: Format) -> Self {
        let wide = (format == Format::V6).then(Default::default);
        Self { sink, bytes: 0, sha256: Sha256::new(), wide }
    }

    pub fn finish(self) -> StreamFacts {
        let (sha512, sha3) = self.wide.unwrap_or_default();
        StreamFacts {
            bytes: self.bytes,
            sha256: hex(&self.sha256.finalize()),
            sha512: hex(&sha512.finalize()),
            sha3_256: hex(&sha3.finalize()),
        }
    }
}

impl std::io::Write for Measure<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.bytes += written as u64;
        self.sha256.update(&bytes[..written]);
        if let Some((sha512, sha3)) = &mut self.wide {
            sha512.update(&bytes[..written]);
            sha3.update(&bytes[..written]);
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

/// Signature tags of a package with this header and payload.
pub fn tags(format: Format, header: &[u8], payload: &mut dyn Read, facts: &PayloadFacts) -> Tags {
    let mut tags = Tags::default();
    if format != Format::V3 {
        tags.set(tag::SIG_SHA256, Value::text(hex(&Sha256::digest(header))));
    }
    if format == Format::V6 {
        tags.set(tag::SIG_SHA3_256, Value::text(hex(&Sha3_256::digest(header))));
        tags.set(tag::SIG_RESERVED, Value::Binary(vec![0; 64]));
        return tags;
    }
    if format == Format::V4 {
        tags.set(tag::SIG_SHA1, Value::text(hex(&Sha1::digest(header))));
        tags.set(tag::SIG_RESERVEDSPACE, Value::Binary(vec![0; 64]));
    }
    let mut md5 = DigestSink(Md5::new_with_prefix(header));
    std::io::copy(payload, &mut md5).unwrap();
    tags.set(tag::SIG_MD5, Value::Binary(md5.0.finalize().to_vec()));
    size(&mut tags, tag::SIG_SIZE, tag::SIG_LONGSIZE, header.len() as u64 + facts.outer.bytes);
    size(&mut tags, tag::SIG_PAYLOADSIZE, tag::SIG_LONGARCHIVESIZE, facts.inner.bytes);
    tags
}

fn size(tags: &mut Tags, short: u32, long: u32, bytes: u64) {
    match u32::try_from(bytes) {
        Ok(bytes) => tags.set_int(short, bytes),
        Err(_) => tags.set(long, Value::Int64(vec![bytes])),
    }
}
