//! Finds and reads a configuration wherever distributions keep one: a file, a directory, a kernel release, the running
//! kernel, inside a kernel image, in a kernel package, on standard input. What comes out is its text.

pub mod compression;
pub mod image;
pub mod package;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::config::{CONFIG_BYTES, Config, ParseError, is_control};
use crate::places::{self, Sysroot};
use compression::Compression;
use image::{Embedded, IMAGE_BYTES};

/// Bytes by which a text is told from a binary.
const HEAD_BYTES: usize = 512;

/// The text of a configuration, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The text, not yet parsed.
    pub text: Vec<u8>,
    /// For people: `/boot/config-6.1`, `x.deb: boot/config-6.1`, `vmlinuz (embedded)`.
    pub origin: String,
    /// The kernel release in the file's name.
    pub release: Option<String>,
}

/// Why no configuration was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A system call failed, or a decoder.
    #[error("cannot read {origin}")]
    Io {
        /// Which file or stream.
        origin: String,
        /// Why.
        source: io::Error,
    },
    /// Nothing is where it could be.
    #[error("no kernel configuration for {what}; looked at {}", .looked.join(", "))]
    NotFound {
        /// What was asked for.
        what: String,
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// There are several, and nobody said which.
    #[error("{what} holds {} kernel configurations; choose one with --select TEXT, a part of its name: {}", .found.len(), .found.join(", "))]
    Ambiguous {
        /// The directory or package.
        what: String,
        /// Their names.
        found: Vec<String>,
    },
    /// The image was built without one.
    #[error(
        "{origin} holds no configuration: the kernel was built without CONFIG_IKCONFIG, or this is no kernel; give its config-* file"
    )]
    NotEmbedded {
        /// Which image.
        origin: String,
    },
    /// The image is packed in a way that we cannot read.
    #[error("{origin} is compressed with LZO, which this program cannot read; unpack it with lzop -d")]
    Lzo {
        /// Which image.
        origin: String,
    },
    /// The text is no configuration.
    #[error("{origin} {source}")]
    Parse {
        /// Which file.
        origin: String,
        /// Why.
        source: ParseError,
    },
}

impl Source {
    /// Parses the text.
    pub fn config(&self) -> Result<Config<'_>, ReadError> {
        Config::parse(&self.text).map_err(|source| ReadError::Parse { origin: self.origin.clone(), source })
    }
}

/// Reads what an argument names: a path, a kernel release, `-`, or without an argument the running kernel. `select`
/// chooses where a directory or a package has several.
pub fn read(argument: Option<&str>, select: Option<&str>, root: &Sysroot) -> Result<Source, ReadError> {
    match argument {
        None => read_running(root),
        Some("-") => read_stream(&mut io::stdin().lock(), "standard input", select),
        Some(argument) => match std::fs::metadata(argument) {
            Ok(metadata) if metadata.is_dir() => read_directory(Path::new(argument), select),
            Ok(_) => read_file(Path::new(argument), select),
            Err(_) if is_release(argument) => read_release(argument, root),
            Err(source) => Err(ReadError::Io { origin: argument.to_owned(), source }),
        },
    }
}

/// A word such as 6.1.0-50-powerpc64le.
fn is_release(argument: &str) -> bool {
    argument.starts_with(|first: char| first.is_ascii_digit()) && !argument.contains('/')
}

fn read_running(root: &Sysroot) -> Result<Source, ReadError> {
    let release = root
        .release()
        .map_err(|source| ReadError::Io { origin: "the release of the running kernel".to_owned(), source })?;
    read_release(&release, root)
}

fn read_release(release: &str, root: &Sysroot) -> Result<Source, ReadError> {
    let places = root.configs_of(release);
    if let Some(place) = places.iter().find(|place| place.is_file()) {
        let source = read_file(place, None)?;
        return Ok(Source { release: Some(release.to_owned()), ..source });
    }
    let images = root.images_of(release);
    for place in images.iter().filter(|place| place.is_file()) {
        if let Ok(source) = read_file(place, None) {
            return Ok(Source { release: Some(release.to_owned()), ..source });
        }
    }
    let looked = places.iter().chain(&images).map(|place| place.display().to_string()).collect();
    Err(ReadError::NotFound { what: format!("kernel {release}"), looked })
}

fn read_directory(directory: &Path, select: Option<&str>) -> Result<Source, ReadError> {
    let what = directory.display().to_string();
    let found = places::configs_in(directory);
    if found.is_empty() {
        let looked =
            ["config-*, .config, boot/, usr/lib/modules/*/config, usr/src/linux-config-*/, proc/config.gz in it"
                .to_owned()];
        return Err(ReadError::NotFound { what, looked: looked.to_vec() });
    }
    let named: Vec<(String, PathBuf)> = found.into_iter().map(|path| (path.display().to_string(), path)).collect();
    let path = choose(&what, select, named)?;
    read_file(&path, None)
}

/// The one that was meant.
fn choose<T>(what: &str, select: Option<&str>, found: Vec<(String, T)>) -> Result<T, ReadError> {
    let names: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
    let wanted = |name: &str| select.is_none_or(|text| name.contains(text));
    let mut chosen: Vec<T> = found.into_iter().filter(|(name, _)| wanted(name)).map(|(_, one)| one).collect();
    match (chosen.pop(), chosen.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(ReadError::Ambiguous { what: what.to_owned(), found: names }),
    }
}

/// Reads a file of any kind; a kernel image without a configuration sends us to the file beside it.
fn read_file(path: &Path, select: Option<&str>) -> Result<Source, ReadError> {
    let origin = path.display().to_string();
    let io_error = |source| ReadError::Io { origin: origin.clone(), source };
    let mut file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return read_stream(&mut BufReader::new(file), &origin, select);
    }
    if metadata.len() > IMAGE_BYTES {
        return Err(io_error(io::Error::new(io::ErrorKind::FileTooLarge, "is larger than 1 GiB, and so no kernel")));
    }
    let result = read_seekable(&mut file, &origin, select);
    let release = places::release_in(path);
    match (result, beside(path, release.as_deref())) {
        (Ok(source), _) => Ok(Source { release: source.release.clone().or(release), ..source }),
        (Err(ReadError::NotEmbedded { .. } | ReadError::Lzo { .. }), Some(config)) => read_file(&config, None),
        (Err(error), _) => Err(error),
    }
}

/// The configuration that belongs to an image: in /boot by its release, in a module directory by its place.
fn beside(image: &Path, release: Option<&str>) -> Option<PathBuf> {
    if !places::is_image_name(image.file_name()?.to_str()?) {
        return None;
    }
    let directory = image.parent()?;
    let named = release.map(|release| directory.join(format!("config-{release}")));
    let plain = Some(directory.join("config"));
    [named, plain].into_iter().flatten().find(|config| config.is_file())
}

/// Reads a stream: a text as it comes, anything else by way of a file without a name.
fn read_stream(stream: &mut impl BufRead, origin: &str, select: Option<&str>) -> Result<Source, ReadError> {
    let io_error = |source| ReadError::Io { origin: origin.to_owned(), source };
    let head = stream.fill_buf().map_err(io_error)?;
    if is_text(&head[..head.len().min(HEAD_BYTES)]) {
        return text(stream, origin);
    }
    let mut file = package::spool(stream).map_err(io_error)?;
    read_seekable(&mut file, origin, select)
}

/// Reads what can be read twice.
fn read_seekable(file: &mut File, origin: &str, select: Option<&str>) -> Result<Source, ReadError> {
    let io_error = |source| ReadError::Io { origin: origin.to_owned(), source };
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io_error)?;
    file.seek(SeekFrom::Start(0)).map_err(io_error)?;
    if head.starts_with(b"!<arch>\n") {
        return read_package(file, origin, select);
    }
    if is_text(&head) {
        return text(file, origin);
    }
    if let Some(compression) = Compression::of(&head) {
        return read_compressed(compression, BufReader::new(file), origin);
    }
    match image::extract(file).map_err(io_error)? {
        Embedded::Config(text) => Ok(embedded(text, origin)),
        Embedded::OnlyLzo => Err(ReadError::Lzo { origin: origin.to_owned() }),
        Embedded::Nothing => Err(ReadError::NotEmbedded { origin: origin.to_owned() }),
    }
}

fn embedded(text: Vec<u8>, origin: &str) -> Source {
    Source { text, origin: format!("{origin} (embedded)"), release: None }
}

/// A compressed text (/proc/config.gz, linux-config's .xz) or a compressed vmlinux.
fn read_compressed(compression: Compression, packed: impl Read, origin: &str) -> Result<Source, ReadError> {
    let io_error = |source| ReadError::Io { origin: origin.to_owned(), source };
    if compression == Compression::Lzo {
        return Err(ReadError::Lzo { origin: origin.to_owned() });
    }
    let mut unpacked = BufReader::new(compression.decoder(packed).map_err(io_error)?);
    let mut head = Vec::new();
    unpacked.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io_error)?;
    let is_text = is_text(&head);
    let whole = head.chain(unpacked);
    if is_text {
        return text(whole, origin);
    }
    match image::extract_from_stream(whole).map_err(io_error)? {
        Some(text) => Ok(embedded(text, origin)),
        None => Err(ReadError::NotEmbedded { origin: origin.to_owned() }),
    }
}

/// A text, bounded; the parser refuses one that is too long.
fn text(stream: impl Read, origin: &str) -> Result<Source, ReadError> {
    let mut text = Vec::new();
    let read = stream.take(CONFIG_BYTES as u64 + 1).read_to_end(&mut text);
    read.map_err(|source| ReadError::Io { origin: origin.to_owned(), source })?;
    Ok(Source { text, origin: origin.to_owned(), release: None })
}

fn read_package(file: &mut File, origin: &str, select: Option<&str>) -> Result<Source, ReadError> {
    let contents =
        package::read(BufReader::new(file)).map_err(|source| ReadError::Io { origin: origin.to_owned(), source })?;
    if !contents.configs.is_empty() {
        let named: Vec<_> = contents.configs.into_iter().map(|(path, bytes)| (path.clone(), (path, bytes))).collect();
        let (path, bytes) = choose(origin, select, named)?;
        let inner = format!("{origin}: {path}");
        let source = match Compression::of(&bytes) {
            Some(compression) => read_compressed(compression, bytes.as_slice(), &inner)?,
            None => Source { text: bytes, origin: inner, release: None },
        };
        return Ok(Source { release: places::release_in(Path::new(&path)), ..source });
    }
    match contents.image {
        Some((path, mut image)) => read_seekable(&mut image, &format!("{origin}: {path}"), None),
        None => Err(ReadError::NotFound {
            what: origin.to_owned(),
            looked: vec!["boot/config-*, usr/lib/modules/*/config and usr/src/linux-config-*/ in it".to_owned()],
        }),
    }
}

/// Whether bytes can be the beginning of a text.
fn is_text(head: &[u8]) -> bool {
    !head.iter().any(|byte| is_control(*byte))
        && std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}
