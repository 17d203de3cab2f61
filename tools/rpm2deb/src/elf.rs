//! What an ELF file says of its machine and its libraries.

use goblin::elf::Elf;
use goblin::elf::header::{self, EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, Header};
use goblin::elf::program_header::PT_GNU_STACK;
use goblin::elf::section_header::SHT_SYMTAB;

use crate::tree::TreePath;

/// Facts about one ELF file of the package.
#[allow(clippy::struct_excessive_bools)] // independent facts, not the states of one thing
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ElfFacts {
    /// Where it is in the Debian package.
    pub path: TreePath,
    /// Debian architecture that can run it (`ppc64el`), or `None` for a machine that Debian has no name for.
    pub arch: Option<&'static str>,
    /// An executable or shared object, not an object file (`.o`, `.ko`).
    pub is_linked: bool,
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
    /// PT_GNU_STACK is present.
    pub has_stack_header: bool,
    /// Only the ELF header was read, because the file is larger than [`crate::limits::Limits::ELF_BYTES`], or damaged.
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

/// The four bytes with which every ELF file begins.
pub const MAGIC: &[u8] = b"\x7fELF";

/// Bytes of the largest ELF header.
pub const HEADER_BYTES: usize = 64;

/// Looks at an ELF file; `None` if the bytes are not one. `whole` says that `bytes` is all of it.
///
/// A file that begins as ELF and is damaged further on gives what its header says: a vendor's firmware blob must not
/// stop a conversion.
pub fn look(path: &[u8], bytes: &[u8], whole: bool) -> Option<ElfFacts> {
    let start: [u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
    let header = parse_header(&start)?;
    let mut facts = ElfFacts {
        path: path.to_vec(),
        arch: debian_arch(&header),
        is_linked: matches!(header.e_type, header::ET_EXEC | header::ET_DYN),
        header_only: true,
        ..ElfFacts::default()
    };
    if whole {
        if let Ok(elf) = Elf::parse(bytes) {
            read_whole(&elf, &mut facts);
        }
    }
    Some(facts)
}

/// The ELF header of a 32-bit file is shorter; the bytes behind it do no harm.
fn parse_header(start: &[u8; HEADER_BYTES]) -> Option<Header> {
    if !start.starts_with(MAGIC) {
        return None;
    }
    Elf::parse_header(start).ok()
}

fn read_whole(elf: &Elf<'_>, facts: &mut ElfFacts) {
    facts.header_only = false;
    facts.soname = elf.soname.filter(|name| is_soname(name)).map(str::to_owned);
    facts.needed = elf.libraries.iter().filter(|name| is_soname(name)).map(|name| (*name).to_owned()).collect();
    facts.is_program = elf.interpreter.is_some();
    facts.has_symtab = elf.section_headers.iter().any(|section| section.sh_type == SHT_SYMTAB);
    facts.has_stack_header = elf.program_headers.iter().any(|segment| segment.p_type == PT_GNU_STACK);
    facts.imports = imports(elf);
}

/// A library name that may go into a control file: what linkers make, and nothing that dpkg takes for syntax.
fn is_soname(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-/".contains(&byte))
}

fn imports(elf: &Elf<'_>) -> Vec<Import> {
    let versions = needed_versions(elf);
    let Some(version_of_symbol) = elf.versym.as_ref() else {
        return unversioned(elf);
    };
    elf.dynsyms
        .iter()
        .enumerate()
        .filter(|(_, symbol)| symbol.is_import())
        .filter_map(|(at, symbol)| {
            let number = version_of_symbol.get_at(at).map(|version| version.version());
            let named = number.and_then(|number| versions.iter().find(|(known, _, _)| *known == number));
            Some(Import {
                symbol: symbol_name(elf, symbol.st_name)?,
                version: named.map(|(_, version, _)| version.clone()),
                library: named.map(|(_, _, library)| library.clone()),
            })
        })
        .collect()
}

fn unversioned(elf: &Elf<'_>) -> Vec<Import> {
    let imported = elf.dynsyms.iter().filter(goblin::elf::Sym::is_import);
    imported
        .filter_map(|symbol| Some(Import { symbol: symbol_name(elf, symbol.st_name)?, version: None, library: None }))
        .collect()
}

fn symbol_name(elf: &Elf<'_>, at: usize) -> Option<String> {
    elf.dynstrtab.get_at(at).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// (number in the version table, version, library) of `.gnu.version_r`.
fn needed_versions(elf: &Elf<'_>) -> Vec<(u16, String, String)> {
    let mut versions = Vec::new();
    let Some(needs) = elf.verneed.as_ref() else { return versions };
    for need in needs {
        let Some(library) = elf.dynstrtab.get_at(need.vn_file) else { continue };
        for version in &need {
            if let Some(name) = elf.dynstrtab.get_at(version.vna_name) {
                versions.push((version.vna_other, name.to_owned(), library.to_owned()));
            }
        }
    }
    versions
}

/// Debian's name for machine, word size, byte order and, on 64-bit Power, ABI.
fn debian_arch(header: &Header) -> Option<&'static str> {
    let (wide, little) = match (header.e_ident[EI_CLASS], header.e_ident[EI_DATA]) {
        (ELFCLASS64, ELFDATA2LSB) => (true, true),
        (ELFCLASS64, ELFDATA2MSB) => (true, false),
        (ELFCLASS32, ELFDATA2LSB) => (false, true),
        (ELFCLASS32, ELFDATA2MSB) => (false, false),
        _ => return None,
    };
    Some(match (header.e_machine, wide, little) {
        (header::EM_PPC64, true, true) => "ppc64el",
        (header::EM_PPC64, true, false) => "ppc64",
        (header::EM_PPC, false, false) => "powerpc",
        (header::EM_X86_64, true, true) => "amd64",
        (header::EM_X86_64, false, true) => "x32",
        (header::EM_386, false, true) => "i386",
        (header::EM_AARCH64, true, true) => "arm64",
        (header::EM_ARM, false, true) if header.e_flags & EF_ARM_ABI_FLOAT_SOFT != 0 => "armel",
        (header::EM_ARM, false, true) => "armhf",
        (header::EM_S390, true, false) => "s390x",
        (header::EM_RISCV, true, true) => "riscv64",
        (header::EM_LOONGARCH, true, true) => "loong64",
        (header::EM_SPARCV9, true, false) => "sparc64",
        _ => return None,
    })
}

/// ARM ELF flag (`EF_ARM_ABI_FLOAT_SOFT`, ELF for the Arm Architecture).
const EF_ARM_ABI_FLOAT_SOFT: u32 = 0x200;
