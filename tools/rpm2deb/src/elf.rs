//! What an ELF file says of its machine and its libraries.

use crate::tree::TreePath;

/// Facts about one ELF file of the package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ElfFacts {
    /// Where it is in the Debian package.
    pub path: TreePath,
    /// Debian architecture that can run it (`ppc64el`), or `None` for a machine that Debian has no name for.
    pub arch: Option<&'static str>,
    /// DT_SONAME.
    pub soname: Option<String>,
    /// DT_NEEDED, in order.
    pub needed: Vec<String>,
    /// Undefined dynamic symbols with the version and library that the file asks for.
    pub imports: Vec<Import>,
    /// PT_INTERP is present: a program rather than a library.
    pub is_program: bool,
    /// A static symbol table is present (not stripped).
    pub has_symtab: bool,
    /// Only the ELF header was read, because the file is larger than [`crate::limits::Limits::ELF_BYTES`].
    pub header_only: bool,
}

/// One undefined symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// `memcpy`.
    pub symbol: String,
    /// `GLIBC_2.17`, if versioned.
    pub version: Option<String>,
    /// Soname that the version belongs to (`libc.so.6`).
    pub library: Option<String>,
}
