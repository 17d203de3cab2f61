//! Architectures: RPM's names, Debian's names, GNU triplets, and whether an ELF file belongs where it claims to.

use crate::elf::ElfFacts;
use crate::printable::printable;

/// RPM's name, Debian's name. RPM's from rpm's `rpmrc.in`, Debian's from dpkg's `cputable` and `tupletable`.
const RPM_TO_DEBIAN: &[(&str, &str)] = &[
    ("noarch", "all"),
    ("ppc", "powerpc"),
    ("ppc64", "ppc64"),
    ("ppc64p7", "ppc64"), // the same ABI, compiled for POWER7
    ("ppc64le", "ppc64el"),
    ("x86_64", "amd64"),
    ("x86_64_v2", "amd64"),
    ("x86_64_v3", "amd64"),
    ("amd64", "amd64"),
    ("ia32e", "amd64"),
    ("i386", "i386"),
    ("i486", "i386"),
    ("i586", "i386"),
    ("i686", "i386"),
    ("athlon", "i386"),
    ("geode", "i386"),
    ("aarch64", "arm64"),
    ("armv7hl", "armhf"),
    ("armv7hnl", "armhf"),
    ("armv5tel", "armel"),
    ("armv5tejl", "armel"),
    ("armv6l", "armel"),
    ("armv7l", "armel"),
    ("s390x", "s390x"),
    ("s390", "s390"),
    ("riscv64", "riscv64"),
    ("loongarch64", "loong64"),
    ("mips64el", "mips64el"),
    ("mipsel", "mipsel"),
    ("mips64", "mips64"),
    ("mips", "mips"),
    ("sparc64", "sparc64"),
    ("sparc", "sparc"),
    ("ia64", "ia64"),
    ("alpha", "alpha"),
    ("m68k", "m68k"),
    ("sh4", "sh4"),
];

/// Debian's name, GNU triplet of its library directory, bits of a pointer (`dpkg-architecture -L`, `-qDEB_HOST_MULTIARCH`).
const DEBIAN: &[(&str, &str, u8)] = &[
    ("powerpc", "powerpc-linux-gnu", 32),
    ("ppc64", "powerpc64-linux-gnu", 64),
    ("ppc64el", "powerpc64le-linux-gnu", 64),
    ("amd64", "x86_64-linux-gnu", 64),
    ("i386", "i386-linux-gnu", 32),
    ("arm64", "aarch64-linux-gnu", 64),
    ("armhf", "arm-linux-gnueabihf", 32),
    ("armel", "arm-linux-gnueabi", 32),
    ("s390x", "s390x-linux-gnu", 64),
    ("s390", "s390-linux-gnu", 32),
    ("riscv64", "riscv64-linux-gnu", 64),
    ("loong64", "loongarch64-linux-gnu", 64),
    ("mips64el", "mips64el-linux-gnuabi64", 64),
    ("mipsel", "mipsel-linux-gnu", 32),
    ("mips64", "mips64-linux-gnuabi64", 64),
    ("mips", "mips-linux-gnu", 32),
    ("sparc64", "sparc64-linux-gnu", 64),
    ("sparc", "sparc-linux-gnu", 32),
    ("ia64", "ia64-linux-gnu", 64),
    ("alpha", "alpha-linux-gnu", 64),
    ("m68k", "m68k-linux-gnu", 32),
    ("sh4", "sh4-linux-gnu", 32),
    ("x32", "x86_64-linux-gnux32", 32),
    ("hppa", "hppa-linux-gnu", 32),
];

/// Directories whose ELF files run on another processor, or on none: firmware images are data to the package.
const FIRMWARE: [&[u8]; 2] = [b"lib/firmware/", b"usr/lib/firmware/"];

/// Debian's name of an RPM architecture, or `None` for one that Debian never had.
pub fn debian_arch(rpm_arch: &str) -> Option<&'static str> {
    RPM_TO_DEBIAN.iter().find(|(rpm, _)| *rpm == rpm_arch).map(|(_, debian)| *debian)
}

/// Whether `--arch` may be this: `all`, or an architecture of [`multiarch_triplet`].
pub fn is_debian_arch(arch: &str) -> bool {
    arch == "all" || multiarch_triplet(arch).is_some()
}

/// The directory under `/usr/lib` that holds a Debian architecture's libraries; `all` has none.
pub fn multiarch_triplet(arch: &str) -> Option<&'static str> {
    DEBIAN.iter().find(|(name, ..)| *name == arch).map(|(_, triplet, _)| *triplet)
}

/// Bits of a pointer, 32 or 64; `all` has none.
pub fn bits(arch: &str) -> Option<u8> {
    DEBIAN.iter().find(|(name, ..)| *name == arch).map(|(.., bits)| *bits)
}

/// Whether a file may be in a package for the Debian architecture `declared`.
pub fn fits(declared: &str, elf: &ElfFacts) -> bool {
    contradiction(declared, elf).is_none()
}

/// Why a file cannot be in a package for the Debian architecture `declared`: a clause that follows the file's name.
pub fn contradiction(declared: &str, elf: &ElfFacts) -> Option<String> {
    if elf.arch == Some(declared) || FIRMWARE.iter().any(|directory| elf.path.starts_with(directory)) {
        return None;
    }
    let path = printable(&elf.path);
    Some(match (elf.arch, declared) {
        (Some(arch), "all") => {
            format!("{path} is a program for {arch}, but the package says it fits every architecture")
        }
        (None, _) => format!("{path} is a program for a machine that Debian does not know, not for {declared}"),
        (Some(arch), _) => format!("{path} is a program for {arch}, not for {declared}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(path: &str, arch: Option<&'static str>) -> ElfFacts {
        ElfFacts { path: path.into(), arch, ..ElfFacts::default() }
    }

    #[test]
    fn every_debian_name_in_the_first_table_is_in_the_second() {
        for (rpm, debian) in RPM_TO_DEBIAN {
            assert!(is_debian_arch(debian), "{rpm} -> {debian}");
        }
        assert_eq!(debian_arch("ppc64p7"), Some("ppc64"));
        assert_eq!(debian_arch("ppc64le"), Some("ppc64el"));
        assert_eq!(debian_arch("vax\n"), None);
        assert_eq!(bits("powerpc"), Some(32));
    }

    #[test]
    fn a_32_bit_program_contradicts_ppc64_and_firmware_contradicts_nothing() {
        assert!(fits("ppc64", &elf("usr/bin/x", Some("ppc64"))));
        assert!(!fits("ppc64", &elf("usr/bin/x", Some("powerpc"))));
        assert!(!fits("ppc64el", &elf("usr/bin/x", Some("ppc64"))));
        assert!(!fits("all", &elf("usr/bin/x", Some("ppc64el"))));
        assert!(!fits("ppc64el", &elf("usr/bin/x", None)));
        assert!(fits("all", &elf("usr/lib/firmware/x.elf", None)));
        let text = contradiction("ppc64", &elf("usr/bin/x", Some("powerpc")));
        assert_eq!(text.as_deref(), Some("usr/bin/x is a program for powerpc, not for ppc64"));
    }
}
