//! From arguments as typed to what the library takes: checked once, before the first package is opened.

use anyhow::{Context, bail};
use std::path::Path;

use rpm2deb::convert::Output;
use rpm2deb::deb::archive::Checksums;
use rpm2deb::deb::compress::{Compression, Format};
use rpm2deb::limits::Limits;
use rpm2deb::patch::Patch;
use rpm2deb::plan::{Policy, arch, description, script};

use crate::cli::{Compress, Libdir, OutputArgs, PolicyArgs, Scripts};

/// The conversion's policy.
pub(crate) fn policy(args: &PolicyArgs) -> anyhow::Result<Policy> {
    if let Some(arch) = &args.arch {
        if !arch::is_debian_arch(arch) {
            bail!("--arch {arch}: not a Debian architecture; dpkg-architecture -L lists them");
        }
    }
    if let Some(maintainer) = &args.maintainer {
        if !description::is_address(maintainer) {
            bail!("--maintainer '{maintainer}': write NAME <USER@HOST.DOMAIN>");
        }
    }
    if let Some(root) = &args.shlibs_root {
        let info = root.join("var/lib/dpkg/info");
        if !info.is_dir() {
            bail!("--shlibs-root {}: no dpkg system, {} is not there", root.display(), info.display());
        }
    }
    Ok(Policy {
        arch: args.arch.clone(),
        release: args.release.parse().map_err(|error| anyhow::anyhow!("--release {}: {error}", args.release))?,
        multiarch_libdir: args.libdir == Libdir::Multiarch,
        scripts: match args.scripts {
            Scripts::Translate => script::Mode::Translate,
            Scripts::Verbatim => script::Mode::Verbatim,
            Scripts::Drop => script::Mode::Drop,
        },
        maintainer: args.maintainer.clone(),
        source_date_epoch: args.source_date_epoch,
        shlibs_root: args.shlibs_root.clone(),
        force: args.force,
        limits: Limits {
            max_unpacked_bytes: parse_bytes(&args.max_size).with_context(|| {
                format!("--max-size {}: write a number, with K, M, G or T behind it", args.max_size)
            })?,
            max_ratio: args.max_ratio,
        },
    })
}

/// `64G` in bytes.
fn parse_bytes(text: &str) -> anyhow::Result<u64> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        Some((at, 'T' | 't')) => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 = digits.parse()?;
    number.checked_mul(1 << shift).context("the number is too large")
}

/// Where and in what form; the directory is made if it is missing.
pub(crate) fn output(args: &OutputArgs, jobs: usize) -> anyhow::Result<Output> {
    let format = match args.compress {
        Compress::Xz => Format::Xz,
        Compress::Zstd => Format::Zstd,
        Compress::Gzip => Format::Gzip,
        Compress::None => Format::None,
    };
    let threads = args.threads.unwrap_or_else(|| default_threads(jobs));
    let compression =
        Compression::new(format, args.level, threads).map_err(|error| anyhow::anyhow!("--level: {error}"))?;
    make_directory(&args.output)?;
    let checksums = Checksums { sha1: args.sha1sum, sha256: args.sha256sum };
    Ok(Output { directory: args.output.clone(), compression, checksums })
}

/// Makes an output directory.
pub(crate) fn make_directory(directory: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot create the directory {}", directory.display()))
}

/// Processors, shared by the jobs.
fn default_threads(jobs: usize) -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(processors / jobs.max(1)).unwrap_or(1).max(1)
}

/// Reads `[N:]FILE` patches. A file name with a colon needs its own `0:` in front.
pub(crate) fn patches(arguments: &[String]) -> anyhow::Result<Vec<Patch>> {
    arguments
        .iter()
        .map(|argument| {
            let (strip, file) = match argument.split_once(':') {
                Some((digits, file)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    (digits.parse().with_context(|| format!("--patch {argument}"))?, file)
                }
                _ => (0, argument.as_str()),
            };
            let text = read_patch(Path::new(file))?;
            Patch::parse(file, &text, strip).map_err(|error| anyhow::Error::new(rpm2deb::error::Error::from(error)))
        })
        .collect()
}

fn read_patch(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let file = std::fs::File::open(path).with_context(|| format!("cannot open the patch {}", path.display()))?;
    let mut text = Vec::new();
    file.take(Limits::PATCHED_FILE_BYTES + 1)
        .read_to_end(&mut text)
        .with_context(|| format!("cannot read the patch {}", path.display()))?;
    if text.len() as u64 > Limits::PATCHED_FILE_BYTES {
        bail!("the patch {} is larger than 64 MiB", path.display());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::parse_bytes;

    #[test]
    fn sizes_have_binary_suffixes() {
        assert_eq!(parse_bytes("5").unwrap(), 5);
        assert_eq!(parse_bytes("64G").unwrap(), 64 << 30);
        assert!(parse_bytes("").is_err());
        assert!(parse_bytes("99999999T").is_err());
        assert!(parse_bytes("x").is_err());
    }
}
