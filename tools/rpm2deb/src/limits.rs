//! How much of a stranger's package we are willing to read: every bound, with its reason.

/// Bounds that the command line can move.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of unpacked content. 64 GiB: three times the largest RPM that a distribution ships, and it fits a disk.
    pub max_unpacked_bytes: u64,
    /// Unpacked bytes for one byte of payload. 1,100 is above what gzip can reach (1,032) and far above what programs
    /// and logs compress to; xz and zstd bombs reach tens of thousands. Checked past [`Limits::RATIO_FREE_BYTES`].
    pub max_ratio: u64,
}

impl Limits {
    /// Unpacked bytes below which the ratio is not looked at: a small file of zeros is no bomb.
    pub const RATIO_FREE_BYTES: u64 = 256 << 20;
    /// Bytes of one header's data, as in rpm itself (`HEADER_DATA_MAX`, 256 MiB).
    pub const HEADER_DATA_BYTES: u32 = 256 << 20;
    /// Entries of one header's index, as in rpm itself (`HEADER_TAGS_MAX`, 0xffff).
    pub const HEADER_TAGS: u32 = 0xffff;
    /// Bytes of the signature header's data, as in rpm itself (64 MiB: `hdrblobInit`, signatures).
    pub const SIGNATURE_DATA_BYTES: u32 = 64 << 20;
    /// Bytes of one file that a patch touches, and of the patch: both are held in memory.
    pub const PATCHED_FILE_BYTES: u64 = 64 << 20;
    /// Bytes of an ELF file that is looked at whole; of a larger one only the ELF header is read.
    pub const ELF_BYTES: u64 = 6 << 20;
    /// Bytes of one path. dpkg, tar and the kernel (`PATH_MAX`) agree on 4096 with the final NUL.
    pub const PATH_BYTES: usize = 4095;
    /// Bytes of all paths together, and number of files: both far beyond any package, and both fit in memory.
    pub const ALL_PATHS_BYTES: usize = 256 << 20;
    /// See [`Limits::ALL_PATHS_BYTES`].
    pub const FILES: usize = 1 << 20;
    /// Bytes of one path component (`NAME_MAX`).
    pub const NAME_BYTES: usize = 255;
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_unpacked_bytes: 64 << 30, max_ratio: 1100 }
    }
}
