//! Lintian overrides: what is the vendor's choice or binary, and stays as it is. Each line says why.
//!
//! An override is written only where its tag would come (lintian 2.116 and 2.122 were asked), so that every other
//! finding still speaks.

use std::fmt::Write as _;

use crate::elf::ElfFacts;
use crate::tree::TreePath;

/// The overrides file, or `None` if nothing needs overriding.
pub fn overrides<'a>(name: &str, elf: &[ElfFacts], paths: impl Iterator<Item = &'a TreePath>) -> Option<String> {
    let mut text = String::new();
    let mut group = |why: &str, tag: &str, paths: &mut dyn Iterator<Item = &TreePath>| {
        let lines: Vec<String> = paths.map(|path| override_line(name, tag, path)).collect();
        if !lines.is_empty() {
            let _ = write!(text, "# {why}\n{}", lines.concat());
        }
    };
    let paths: Vec<&TreePath> = paths.collect();
    let linked = || elf.iter().filter(|file| file.is_linked);
    group(
        "The binaries are the vendor's, byte for byte: rpm2deb does not strip them.",
        "unstripped-binary-or-object",
        &mut linked().filter(|file| file.has_symtab).map(|file| &file.path),
    );
    group(
        "The vendor's linker made no PT_GNU_STACK segment; 64-bit big-endian Power needs none.",
        "shared-library-lacks-stack-section",
        &mut linked()
            .filter(|file| !file.has_stack_header && !file.is_program && !file.header_only)
            .map(|file| &file.path),
    );
    group(
        "The RPM keeps its udev rules in /etc; they are conffiles here.",
        "udev-rule-in-etc",
        &mut paths.iter().copied().filter(|path| path.starts_with(b"etc/udev/rules.d/")),
    );
    group(
        "The vendor installs below /opt, and its programs expect to be there.",
        "dir-or-file-in-opt",
        &mut paths.iter().copied().filter(|path| path.starts_with(b"opt/")),
    );
    Some(text).filter(|text| !text.is_empty())
}

/// Lintian has no way to quote a path: where it holds a wildcard or other odd byte, the whole tag is overridden.
fn override_line(name: &str, tag: &str, path: &[u8]) -> String {
    let is_plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(byte));
    match std::str::from_utf8(path) {
        Ok(path) if is_plain => format!("{name}: {tag} [{path}]\n"),
        _ => format!("{name}: {tag}\n"),
    }
}
