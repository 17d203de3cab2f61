//! What an RPM says about itself, as types: the result of reading its headers, before any decision.
//!
//! Everything here is still the packager's word: names may be hostile, paths may point anywhere. The plan decides what
//! is acceptable. Field comments name the RPM tag a value comes from.

use serde::Serialize;

use super::digest::Expected;

/// An RPM's headers, read and verified against the header digests.
#[derive(Debug, Clone)]
pub struct Package {
    /// Package format: 3, 4 or 6 (from the lead, the header regions and RPMFORMAT).
    pub format: u8,
    /// A source RPM (lead type 1, or no SOURCERPM tag).
    pub is_source: bool,
    /// NAME, as written.
    pub name: String,
    /// EPOCH, VERSION and RELEASE.
    pub evr: Evr,
    /// ARCH: `ppc64le`, `noarch`, …
    pub arch: String,
    /// One-line SUMMARY and DESCRIPTION body.
    pub summary: String,
    /// DESCRIPTION, may have several lines.
    pub description: String,
    /// LICENSE.
    pub license: Option<String>,
    /// GROUP: `System Environment/Libraries`, …
    pub group: Option<String>,
    /// VENDOR.
    pub vendor: Option<String>,
    /// URL.
    pub url: Option<String>,
    /// PACKAGER.
    pub packager: Option<String>,
    /// DISTRIBUTION.
    pub distribution: Option<String>,
    /// SOURCERPM.
    pub source_rpm: Option<String>,
    /// BUILDTIME in seconds since 1970.
    pub build_time: Option<u64>,
    /// Dependencies of every kind.
    pub relations: Relations,
    /// PREIN, POSTIN, PREUN, …, in RPM's order of execution.
    pub scriptlets: Vec<Scriptlet>,
    /// Triggers and file triggers.
    pub triggers: Vec<Trigger>,
    /// PREFIXES of a relocatable package.
    pub prefixes: Vec<String>,
    /// Changelog, newest entry first as in the header.
    pub changelog: Vec<ChangelogEntry>,
    /// The file list. The payload's entries are matched against it.
    pub files: Vec<File>,
    /// PAYLOADCOMPRESSOR and the sizes it announces.
    pub payload: Payload,
    /// Digests that the payload must match.
    pub expected: Expected,
    /// Kinds of signature that are present (`RSA/header`, `OpenPGP`, …). Reported, never checked.
    pub signatures: Vec<&'static str>,
}

/// Epoch, version and release, as RPM writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evr {
    /// EPOCH; `None` compares as 0.
    pub epoch: Option<u32>,
    /// VERSION.
    pub version: String,
    /// RELEASE; dependencies may leave it out, packages never do.
    pub release: Option<String>,
}

/// All dependency lists of a package.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    /// REQUIRENAME and friends.
    pub requires: Vec<Relation>,
    /// PROVIDENAME …
    pub provides: Vec<Relation>,
    /// CONFLICTNAME …
    pub conflicts: Vec<Relation>,
    /// OBSOLETENAME …
    pub obsoletes: Vec<Relation>,
    /// RECOMMENDNAME …
    pub recommends: Vec<Relation>,
    /// SUGGESTNAME …
    pub suggests: Vec<Relation>,
    /// SUPPLEMENTNAME … (the reverse of Recommends).
    pub supplements: Vec<Relation>,
    /// ENHANCENAME … (the reverse of Suggests).
    pub enhances: Vec<Relation>,
}

/// One dependency: `libfoo(ppc-64) >= 1:2.0-3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The whole name part, with parentheses; a rich dependency starts with `(`.
    pub name: String,
    /// The comparison, if the relation has a version.
    pub version: Option<(Compare, Evr)>,
    /// RPMSENSE flags, raw: see [`Relation::PREREQ`] and friends.
    pub flags: u32,
}

impl Relation {
    /// RPMSENSE_PREREQ (1 << 6): needed before scriptlets run.
    pub const PREREQ: u32 = 1 << 6;
    /// RPMSENSE_SCRIPT_PRE (1 << 9): needed by %pre.
    pub const SCRIPT_PRE: u32 = 1 << 9;
    /// RPMSENSE_SCRIPT_POST (1 << 10): needed by %post.
    pub const SCRIPT_POST: u32 = 1 << 10;
    /// RPMSENSE_SCRIPT_PREUN (1 << 11): needed by %preun.
    pub const SCRIPT_PREUN: u32 = 1 << 11;
    /// RPMSENSE_SCRIPT_POSTUN (1 << 12): needed by %postun.
    pub const SCRIPT_POSTUN: u32 = 1 << 12;
    /// RPMSENSE_RPMLIB (1 << 24): a feature of rpm itself.
    pub const RPMLIB: u32 = 1 << 24;
    /// RPMSENSE_CONFIG (1 << 28): `config(NAME)`.
    pub const CONFIG: u32 = 1 << 28;
}

/// RPM's comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub enum Compare {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// When RPM runs a scriptlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // RPM's own names
pub enum Slot {
    PreTrans,
    Pre,
    Post,
    PostTrans,
    PreUnTrans,
    PreUn,
    PostUn,
    PostUnTrans,
    /// Runs only on `rpm --verify`.
    Verify,
}

impl Slot {
    /// The name as in a spec file, with the percent sign.
    pub fn name(self) -> &'static str {
        match self {
            Slot::PreTrans => "%pretrans",
            Slot::Pre => "%pre",
            Slot::Post => "%post",
            Slot::PostTrans => "%posttrans",
            Slot::PreUnTrans => "%preuntrans",
            Slot::PreUn => "%preun",
            Slot::PostUn => "%postun",
            Slot::PostUnTrans => "%postuntrans",
            Slot::Verify => "%verifyscript",
        }
    }
}

/// One scriptlet. At least one of `interpreter` and `body` is present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scriptlet {
    /// When it runs.
    pub slot: Slot,
    /// PREINPROG …: program and arguments, `["/sbin/ldconfig"]`, `["/bin/sh"]`, `["<lua>"]`. Empty means `/bin/sh`.
    pub interpreter: Vec<String>,
    /// The text, `None` when the program is all there is (`%post -p /sbin/ldconfig`). Bytes: encodings vary.
    pub body: Option<Vec<u8>>,
    /// RPMSCRIPT_FLAG_*: see [`Scriptlet::EXPAND`], [`Scriptlet::QUERYFORMAT`].
    pub flags: u32,
}

impl Scriptlet {
    /// `-e`: the body holds rpm macros that rpm would expand on the target (RPMSCRIPT_FLAG_EXPAND).
    pub const EXPAND: u32 = 1 << 0;
    /// `-q`: the body is a query format (RPMSCRIPT_FLAG_QFORMAT).
    pub const QUERYFORMAT: u32 = 1 << 1;
}

/// A trigger or file trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Which list it is in.
    pub kind: TriggerKind,
    /// Conditions as `rpm -q --triggers` shows them: `glibc < 2.40`, or path prefixes for file triggers.
    pub conditions: Vec<String>,
    /// Program and arguments.
    pub interpreter: Vec<String>,
    /// The text, if any.
    pub body: Option<Vec<u8>>,
}

/// RPM's three lists of triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum TriggerKind {
    Package,
    File,
    TransactionFile,
}

/// One entry of the changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangelogEntry {
    /// Seconds since 1970 (RPM stores noon of the day).
    pub time: u64,
    /// `Name <mail> - version`.
    pub name: String,
    /// The text, with its dashes.
    pub text: String,
}

/// One file of the header's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Absolute path as in the header, raw bytes.
    pub path: Vec<u8>,
    /// File type and what belongs to it.
    pub kind: FileKind,
    /// Permission bits, 07777.
    pub mode: u32,
    /// Owner's name.
    pub user: String,
    /// Group's name.
    pub group: String,
    /// Modification time, seconds since 1970.
    pub mtime: u64,
    /// FILEFLAGS, raw: see the constants.
    pub flags: u32,
    /// FILEDIGESTS, lower-case hex; empty when there is none.
    pub digest: String,
    /// FILECAPS: `cap_net_raw=ep`.
    pub capabilities: Option<String>,
    /// (device, inode): files that share it and are regular are hard links of each other.
    pub inode: (u32, u32),
}

impl File {
    /// RPMFILE_CONFIG: `%config`.
    pub const CONFIG: u32 = 1 << 0;
    /// RPMFILE_DOC: `%doc`.
    pub const DOC: u32 = 1 << 1;
    /// RPMFILE_MISSINGOK: `%config(missingok)`.
    pub const MISSING_OK: u32 = 1 << 3;
    /// RPMFILE_NOREPLACE: `%config(noreplace)`.
    pub const NOREPLACE: u32 = 1 << 4;
    /// RPMFILE_GHOST: `%ghost`, not in the payload.
    pub const GHOST: u32 = 1 << 6;
    /// RPMFILE_LICENSE: `%license`.
    pub const LICENSE: u32 = 1 << 7;
    /// RPMFILE_ARTIFACT: build by-product such as `.build-id` links.
    pub const ARTIFACT: u32 = 1 << 12;

    /// Whether all bits of `flag` are set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }
}

/// File types of FILEMODES.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileKind {
    Directory,
    Regular { size_bytes: u64 },
    Symlink { target: Vec<u8> },
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Fifo,
}

/// What the header says of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// PAYLOADCOMPRESSOR: `gzip`, `xz`, `lzma`, `bzip2`, `zstd`; old packages leave it out and mean gzip.
    pub compressor: Option<String>,
    /// Bytes of the compressed payload, if announced (v6, PAYLOADSIZE).
    pub payload_bytes: Option<u64>,
    /// Bytes of the uncompressed archive, if announced (v6, PAYLOADSIZEALT).
    pub archive_bytes: Option<u64>,
    /// Sum of the sizes of all regular files, hard links counted once.
    pub content_bytes: u64,
}
