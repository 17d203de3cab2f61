//! Files of the guest that come from Debian's packages: busybox and its applets, Debian's own DLPAR tools.

use std::path::Path;

use anyhow::{Context, Result};

use crate::debian;
use crate::tree::Tree;

/// Where libraries are in Debian, beside the dynamic linker's directory.
const LIBRARIES: [&str; 2] = ["usr/lib/powerpc64le-linux-gnu/", "usr/lib64/"];

/// busybox and a link for each of its applets.
pub(crate) fn add_busybox(tree: &mut Tree, deb: &Path) -> Result<()> {
    let mut program = Vec::new();
    debian::each_file(deb, |file| {
        if file.regular && usr_merged(file.path) == "usr/bin/busybox" {
            program = file.content.to_vec();
        }
        Ok(())
    })?;
    let applets = applets(&program).with_context(|| format!("{}: no busybox with a list of applets", deb.display()))?;
    for applet in applets {
        tree.link(&format!("usr/bin/{applet}"), "busybox");
    }
    tree.file("usr/bin/busybox", 0o755, program);
    Ok(())
}

/// The names of the applets: a sorted list in the program, each with a zero byte, an empty one at the end
/// (busybox, include/applet_tables.h). Reading it needs no emulator.
fn applets(program: &[u8]) -> Option<Vec<String>> {
    const BEGIN: &[u8] = b"[\0[[\0";
    let at = program.windows(BEGIN.len()).position(|window| window == BEGIN)?;
    let names = program[at..].split(|byte| *byte == 0).take_while(|name| !name.is_empty());
    let names: Vec<String> = names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let good = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"[_-.".contains(&byte));
    (names.len() > 50 && names.is_sorted() && names.iter().all(good)).then_some(names)
}

/// Programs and libraries of a package, at their own paths; nothing else of it.
pub(crate) fn add_programs(tree: &mut Tree, deb: &Path) -> Result<()> {
    debian::each_file(deb, |file| {
        let path = usr_merged(file.path);
        if !is_wanted(&path) {
            return Ok(());
        }
        match file.link {
            Some(target) if !file.regular => tree.link(&path, target),
            _ if file.regular => tree.file(&path, file.mode & 0o755, file.content.to_vec()),
            _ => {}
        }
        Ok(())
    })
}

/// Programs, and what lies directly in the directories of libraries.
fn is_wanted(path: &str) -> bool {
    let directly_in = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'));
    directly_in("usr/bin/") || LIBRARIES.into_iter().any(|dir| directly_in(dir) && path.contains(".so"))
}

/// The guest has one directory for programs; `bin`, `sbin`, `lib`, `lib64` at the root are links.
fn usr_merged(path: &str) -> String {
    let path = path.strip_prefix("usr/").unwrap_or(path);
    let path = path.strip_prefix("sbin/").map_or_else(|| path.to_owned(), |name| format!("bin/{name}"));
    format!("usr/{path}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn applets_are_found_in_the_program() {
        let names: Vec<String> =
            ["[", "[["].into_iter().map(str::to_owned).chain((10..90).map(|n| format!("a{n}"))).collect();
        let program = format!("\x7fELFx\0{}\0\0more\0", names.join("\0"));
        assert_eq!(applets(program.as_bytes()).unwrap(), names);
        assert_eq!(applets(b"\x7fELF\0[\0[[\0a\0\0"), None);
        assert_eq!(applets(program.replace("a20", "../").as_bytes()), None);
    }

    #[test]
    fn programs_and_libraries_are_wanted() {
        for (path, expected) in [
            ("usr/sbin/drmgr", Some("usr/bin/drmgr")),
            ("sbin/x", Some("usr/bin/x")),
            ("lib64/ld64.so.2", Some("usr/lib64/ld64.so.2")),
            ("lib/powerpc64le-linux-gnu/libc.so.6", Some("usr/lib/powerpc64le-linux-gnu/libc.so.6")),
            ("usr/lib/powerpc64le-linux-gnu/gconv/IBM037.so", None),
            ("usr/share/man/man8/drmgr.8.gz", None),
            ("etc/bindresvport.blacklist", None),
        ] {
            let merged = usr_merged(path);
            assert_eq!(is_wanted(&merged).then_some(merged.as_str()), expected);
        }
    }
}
