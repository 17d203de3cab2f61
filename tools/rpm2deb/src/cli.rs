//! The command line, as typed. Help, manual page and completions all come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Turns RPM packages into proper Debian packages.
///
/// Needs neither root nor rpm, debhelper or the target's architecture; never runs anything from a package.
#[derive(Debug, Parser)]
#[command(name = "rpm2deb", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert RPMs into .debs: unpack, patch and build in one stream
    Convert(Convert),
    /// Show what an RPM says of itself, and verify its digests
    Inspect(Inspect),
    /// Unpack an RPM into NAME-VERSION/ with a debian/ directory, to be edited or patched (patch -p0)
    Unpack(Unpack),
    /// Build a .deb from a directory that unpack made
    Build(Build),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Manual,
}

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The RPMs
    #[arg(required = true, value_name = "RPM")]
    pub(crate) rpms: Vec<PathBuf>,
    /// Patch to apply, as `patch -pN` would in the directory that holds NAME-VERSION/; N is 0 unless given
    #[arg(long = "patch", value_name = "[N:]FILE")]
    pub(crate) patches: Vec<String>,
    /// Do everything but write
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Packages to convert at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) jobs: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) report: ReportArgs,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The RPM
    pub(crate) rpm: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// List the files
    #[arg(long)]
    pub(crate) files: bool,
    /// Show the scriptlets and triggers
    #[arg(long)]
    pub(crate) scripts: bool,
}

/// Arguments of `unpack`.
#[derive(Debug, Args)]
pub(crate) struct Unpack {
    /// The RPM
    pub(crate) rpm: PathBuf,
    /// Directory in which NAME-VERSION/ is made
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) report: ReportArgs,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The directory
    pub(crate) directory: PathBuf,
    /// Time of the package's own files, in seconds since 1970; the newest file's otherwise
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    pub(crate) source_date_epoch: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) report: ReportArgs,
}

/// What the package shall be like.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Debian architecture of the package: powerpc, ppc64, ppc64el, amd64, all, … instead of the RPM's
    #[arg(long)]
    pub(crate) arch: Option<String>,
    /// Revision of the package: `same` as the RPM's release, `bump` it by one, `+SUFFIX` appended, or `=REV`
    #[arg(long, value_name = "same|bump|+SUFFIX|=REV", default_value = "same")]
    pub(crate) release: String,
    /// What becomes of scriptlets
    #[arg(long, value_enum, default_value_t = Scripts::Translate)]
    pub(crate) scripts: Scripts,
    /// Where libraries of /usr/lib64 and /lib64 go
    #[arg(long, value_enum, default_value_t = Libdir::Keep)]
    pub(crate) libdir: Libdir,
    /// Root of a Debian system whose shlibs and symbols data turn library names into dependencies
    #[arg(long, value_name = "DIR")]
    pub(crate) shlibs_root: Option<PathBuf>,
    /// Maintainer of the package: `NAME <USER@HOST>`
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) maintainer: Option<String>,
    /// Clamp all times to this one, in seconds since 1970
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    pub(crate) source_date_epoch: Option<u64>,
    /// Turn contradictions, such as programs of another architecture, into warnings
    #[arg(long)]
    pub(crate) force: bool,
    /// Refuse packages that unpack to more than this; K, M, G and T are powers of 1024
    #[arg(long, value_name = "BYTES", default_value = "64G")]
    pub(crate) max_size: String,
    /// Refuse payloads that unpack to more than this many times their size
    #[arg(long, value_name = "N", default_value_t = 1100)]
    pub(crate) max_ratio: u64,
}

/// Where and in what form.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Directory for the .debs
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Compression of the .deb
    #[arg(long, value_enum, default_value_t = Compress::Xz)]
    pub(crate) compress: Compress,
    /// Compression level; dpkg-deb's default otherwise
    #[arg(long, value_name = "N")]
    pub(crate) level: Option<u32>,
    /// Threads for xz and zstd; the bytes do not depend on it [default: one per processor]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<u32>,
    /// Write NAME.deb.sha1sum too
    #[arg(long)]
    pub(crate) sha1sum: bool,
    /// Write NAME.deb.sha256sum too
    #[arg(long)]
    pub(crate) sha256sum: bool,
}

/// How results are told.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReportArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show notes too: names that were mapped, paths that moved
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `--scripts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scripts {
    /// Run them when dpkg does what rpm would do, with rpm's arguments
    Translate,
    /// Run them with dpkg's arguments
    Verbatim,
    /// Leave them out
    Drop,
}

/// `--libdir`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Libdir {
    /// Where the RPM has them
    Keep,
    /// To Debian's multiarch directory, /usr/lib/TRIPLET
    Multiarch,
}

/// `--compress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub(crate) enum Compress {
    Xz,
    Zstd,
    Gzip,
    None,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
