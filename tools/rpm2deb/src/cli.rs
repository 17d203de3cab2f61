//! The command line, as typed. Help, manual page and completions all come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Turns RPM packages into proper Debian packages.
///
/// Needs neither root nor rpm, debhelper or the target's architecture; never runs anything from a package.
#[derive(Debug, Parser)]
#[command(name = "rpm2deb", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
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
pub struct Convert {
    /// The RPMs
    #[arg(required = true, value_name = "RPM")]
    pub rpms: Vec<PathBuf>,
    /// Patch to apply, as `patch -pN` would in the directory that holds NAME-VERSION/; N is 0 unless given
    #[arg(long = "patch", value_name = "[N:]FILE")]
    pub patches: Vec<String>,
    /// Do everything but write
    #[arg(long)]
    pub dry_run: bool,
    /// Packages to convert at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub jobs: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub policy: PolicyArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: OutputArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub report: ReportArgs,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The RPM
    pub rpm: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// List the files
    #[arg(long)]
    pub files: bool,
    /// Show the scriptlets and triggers
    #[arg(long)]
    pub scripts: bool,
}

/// Arguments of `unpack`.
#[derive(Debug, Args)]
pub struct Unpack {
    /// The RPM
    pub rpm: PathBuf,
    /// Directory in which NAME-VERSION/ is made
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub policy: PolicyArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub report: ReportArgs,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct Build {
    /// The directory
    pub directory: PathBuf,
    /// Time of the package's own files, in seconds since 1970; the newest file's otherwise
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    pub source_date_epoch: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: OutputArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub report: ReportArgs,
}

/// What the package shall be like.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// Debian architecture of the package: powerpc, ppc64, ppc64el, amd64, all, … instead of the RPM's
    #[arg(long)]
    pub arch: Option<String>,
    /// Revision of the package: `same` as the RPM's release, `bump` it by one, `+SUFFIX` appended, or `=REV`
    #[arg(long, value_name = "same|bump|+SUFFIX|=REV", default_value = "same")]
    pub release: String,
    /// What becomes of scriptlets
    #[arg(long, value_enum, default_value_t = Scripts::Translate)]
    pub scripts: Scripts,
    /// Where libraries of /usr/lib64 and /lib64 go
    #[arg(long, value_enum, default_value_t = Libdir::Keep)]
    pub libdir: Libdir,
    /// Root of a Debian system whose shlibs and symbols data turn library names into dependencies
    #[arg(long, value_name = "DIR")]
    pub shlibs_root: Option<PathBuf>,
    /// Maintainer of the package: `NAME <USER@HOST>`
    #[arg(long, value_name = "ADDRESS")]
    pub maintainer: Option<String>,
    /// Clamp all times to this one, in seconds since 1970
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    pub source_date_epoch: Option<u64>,
    /// Turn contradictions, such as programs of another architecture, into warnings
    #[arg(long)]
    pub force: bool,
    /// Refuse packages that unpack to more than this; K, M, G and T are powers of 1024
    #[arg(long, value_name = "BYTES", default_value = "64G")]
    pub max_size: String,
    /// Refuse payloads that unpack to more than this many times their size
    #[arg(long, value_name = "N", default_value_t = 1100)]
    pub max_ratio: u64,
}

/// Where and in what form.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Directory for the .debs
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// Compression of the .deb
    #[arg(long, value_enum, default_value_t = Compress::Xz)]
    pub compress: Compress,
    /// Compression level; dpkg-deb's default otherwise
    #[arg(long, value_name = "N")]
    pub level: Option<u32>,
    /// Threads for xz and zstd; the bytes do not depend on it [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// Write NAME.deb.sha1sum too
    #[arg(long)]
    pub sha1sum: bool,
    /// Write NAME.deb.sha256sum too
    #[arg(long)]
    pub sha256sum: bool,
}

/// How results are told.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReportArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Show notes too: names that were mapped, paths that moved
    #[arg(short, long)]
    pub verbose: bool,
}

/// `--scripts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scripts {
    /// Run them when dpkg does what rpm would do, with rpm's arguments
    Translate,
    /// Run them with dpkg's arguments
    Verbatim,
    /// Leave them out
    Drop,
}

/// `--libdir`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Libdir {
    /// Where the RPM has them
    Keep,
    /// To Debian's multiarch directory, /usr/lib/TRIPLET
    Multiarch,
}

/// `--compress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Compress {
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
