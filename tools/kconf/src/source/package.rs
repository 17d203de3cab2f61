//! The configurations in a kernel package: `boot/config-*` of linux-image, `usr/lib/modules/*/config` of linux-base,
//! `usr/src/linux-config-*/config.*.xz` of linux-config. The .deb streams: nothing is unpacked to disk but a kernel
//! image that may hold what no file does.

use std::io::{self, Read, Seek, SeekFrom, Write as _};

use super::compression::Compression;
use super::image::IMAGE_BYTES;
use crate::config::CONFIG_BYTES;
use crate::places::{is_config_name, is_image_name};

/// Bytes of an unpacked package. linux-image with all modules has 0.4 GB.
const UNPACKED_BYTES: u64 = 8 << 30;
/// Configurations of one package; linux-config of amd64 has six.
const CONFIGS: usize = 64;

/// What a package has.
#[derive(Debug, Default)]
pub struct Contents {
    /// Path and bytes of each configuration; compressed ones as they are.
    pub configs: Vec<(String, Vec<u8>)>,
    /// Path of the first kernel image, and the image.
    pub image: Option<(String, std::fs::File)>,
}

/// Reads a .deb.
pub fn read(package: impl Read) -> io::Result<Contents> {
    let mut archive = ar::Archive::new(package);
    while let Some(member) = archive.next_entry() {
        let member = member?;
        let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
        if let Some(suffix) = name.strip_prefix("data.tar") {
            return read_tar(unpacked(suffix.trim_end_matches('/'), member)?.take(UNPACKED_BYTES));
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "no data.tar in it: this is no Debian package"))
}

fn unpacked<'r>(suffix: &str, member: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let compression = match suffix {
        "" => return Ok(Box::new(member)),
        ".gz" => Compression::Gzip,
        ".xz" => Compression::Xz,
        ".zst" => Compression::Zstd,
        ".bz2" => Compression::Bzip2,
        ".lzma" => Compression::Lzma,
        other => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("data.tar{other} is of an unknown compression"),
            ));
        }
    };
    compression.decoder(member)
}

fn read_tar(tar: impl Read) -> io::Result<Contents> {
    let mut contents = Contents::default();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        match Kind::of(&path) {
            Some(Kind::OnlyConfig) => {
                contents.configs.push((path, config(&mut entry)?));
                // Packages with such a file have one kernel: the rest is modules.
                return Ok(contents);
            }
            Some(Kind::OneOfSeveral) if contents.configs.len() < CONFIGS => {
                contents.configs.push((path, config(&mut entry)?));
            }
            Some(Kind::Image) if contents.image.is_none() => contents.image = Some((path, spool(&mut entry)?)),
            _ => {}
        }
    }
    Ok(contents)
}

/// What a path in a package is to us.
enum Kind {
    OnlyConfig,
    OneOfSeveral,
    Image,
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        let (directory, name) = path.rsplit_once('/')?;
        let of_release = directory.starts_with("usr/lib/modules/") || directory.starts_with("lib/modules/");
        if directory == "boot" && is_config_name(name) || of_release && name == "config" {
            Some(Self::OnlyConfig)
        } else if directory.starts_with("usr/src/") && (is_config_name(name) || name == ".config") {
            Some(Self::OneOfSeveral)
        } else if is_image_name(name) && (directory == "boot" || of_release) {
            Some(Self::Image)
        } else {
            None
        }
    }
}

/// The bytes of a configuration, bounded; one that is too long is refused by the parser.
fn config(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(CONFIG_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A stream as a file that has no name, so that it can be searched more than once.
pub fn spool(stream: &mut impl Read) -> io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    let copied = io::copy(&mut stream.take(IMAGE_BYTES + 1), &mut file)?;
    if copied > IMAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "is larger than 1 GiB, and so no kernel"));
    }
    file.flush()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
