//! The data formats, a root made by hand, and this machine's own against dpkg-shlibdeps.
#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use goblin::elf::Elf;

use super::*;
use crate::elf::{ElfFacts, Import};

fn wanted(sonames: &[&str]) -> BTreeSet<String> {
    sonames.iter().map(|soname| (*soname).to_owned()).collect()
}

#[test]
fn sonames_are_split_as_dpkg_shlibdeps_does() {
    for (soname, parts) in [
        ("libfoo.so.1", Some(("libfoo", "1"))),
        ("libvpd-2.2.so.3", Some(("libvpd-2.2", "3"))),
        ("libbfd-2.40-system.so", Some(("libbfd", "2.40-system"))),
        ("libdb-5.3.so", Some(("libdb", "5.3"))),
        ("plugin.so", None),
        (".so.1", None),
        ("-1.so", None),
        ("", None),
    ] {
        assert_eq!(split_soname(soname), parts, "{soname}");
    }
}

#[test]
fn symbols_files_are_read_for_what_is_wanted() {
    let text = "\
libother.so.1 libother1 #MINVER#
 other@Base 1
libx.so.1 libx1 #MINVER#
| libx1 (>> 2), libx1 (<< 3)
* Build-Depends-Package: libx-dev
 plain@Base 1.0
#MISSING: 2# gone@Base 1.0
 (optional)tagged@X_1 1.1
 private@X_PRIVATE 0 1
";
    let libraries = parse_symbols(text.as_bytes(), &wanted(&["libx.so.1"])).unwrap();
    let [(soname, library)] = libraries.as_slice() else { panic!("{libraries:?}") };
    assert_eq!(soname, "libx.so.1");
    assert_eq!(library.templates, ["libx1 #MINVER#", "libx1 (>> 2), libx1 (<< 3)"]);
    let symbols: Vec<(&str, &str, usize)> =
        library.symbols.iter().map(|(symbol, (minimum, id))| (symbol.as_str(), minimum.as_str(), *id)).collect();
    assert_eq!(symbols, [("plain@Base", "1.0", 0), ("private@X_PRIVATE", "0", 1), ("tagged@X_1", "1.1", 0)]);
}

#[test]
fn a_root_is_searched_in_dpkgs_order_and_for_one_architecture() {
    let root = tempfile::tempdir().unwrap();
    let info = root.path().join("var/lib/dpkg/info");
    let etc = root.path().join("etc/dpkg");
    fs::create_dir_all(&info).unwrap();
    fs::create_dir_all(&etc).unwrap();
    let put = |name: &str, text: &str| fs::write(info.join(name), text).unwrap();
    put("liba1:ppc64el.symbols", "liba.so.1 liba1 #MINVER#\n f@Base 1\n");
    put("liba1:ppc64el.list", "/usr/lib/powerpc64le-linux-gnu/liba.so.1\n");
    put("liba1:amd64.symbols", "liba.so.1 wrong-arch #MINVER#\n f@Base 1\n");
    put("aaa-cross.symbols", "liba.so.1 wrong-place #MINVER#\n f@Base 1\nlibe.so.1 wrong-place #MINVER#\n f@Base 1\n");
    put("aaa-cross.list", "/usr/powerpc64le-linux-gnu/lib/liba.so.1\n/usr/powerpc64le-linux-gnu/lib/libe.so.1\n");
    put("libb1.shlibs", "udeb: libb 1 libb1-udeb\nlibb 1 libb1 (>= 2)\nlibc 1 libc1\n");
    put("libb1.list", "/lib/libb.so.1\n/usr/lib/powerpc64le-linux-gnu/x/libc.so.1\n");
    fs::write(etc.join("shlibs.override"), "# comment\nlibc 1 libc1-override\n").unwrap();
    fs::write(etc.join("shlibs.default"), "libb 1 too-late\nlibd 1 libd1-default\n").unwrap();
    let sonames = wanted(&["liba.so.1", "libb.so.1", "libc.so.1", "libd.so.1", "libe.so.1"]);
    let shlibs = Shlibs::read(root.path(), "ppc64el", &sonames).unwrap();
    let Some(Library::Symbols(a)) = shlibs.library("liba.so.1") else { panic!("{shlibs:?}") };
    assert_eq!(a.templates, ["liba1 #MINVER#"]);
    let depends = |soname| match shlibs.library(soname) {
        Some(Library::Depends(text)) => Some(text.as_str()),
        _ => None,
    };
    assert_eq!(depends("libb.so.1"), Some("libb1 (>= 2)"));
    assert_eq!(depends("libc.so.1"), Some("libc1-override"));
    assert_eq!(depends("libd.so.1"), Some("libd1-default"));
    assert_eq!(shlibs.library("libe.so.1"), None);
    assert!(Shlibs::read(&root.path().join("none"), "ppc64el", &sonames).is_err());
}

/// Facts of a program of this machine.
fn facts(path: &str, arch: &'static str) -> ElfFacts {
    let bytes = fs::read(path).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let mut nodes = std::collections::BTreeMap::new();
    for need in elf.verneed.iter().flat_map(goblin::elf::VerneedSection::iter) {
        let library = elf.dynstrtab.get_at(need.vn_file).unwrap().to_owned();
        for node in &need {
            let name = elf.dynstrtab.get_at(node.vna_name).unwrap().to_owned();
            nodes.insert(node.vna_other, (name, library.clone()));
        }
    }
    let versym = elf.versym.as_ref().unwrap();
    let undefined = elf.dynsyms.iter().enumerate().filter(|(_, symbol)| symbol.st_shndx == 0 && symbol.st_name != 0);
    let imports = undefined.map(|(at, symbol)| {
        let node = nodes.get(&(versym.get_at(at).unwrap().vs_val & 0x7fff)).cloned();
        let (version, library) = node.map_or((None, None), |(version, library)| (Some(version), Some(library)));
        Import { symbol: elf.dynstrtab.get_at(symbol.st_name).unwrap().to_owned(), version, library }
    });
    ElfFacts {
        path: path.trim_start_matches('/').into(),
        arch: Some(arch),
        needed: elf.libraries.iter().map(|soname| (*soname).to_owned()).collect(),
        imports: imports.collect(),
        is_program: true,
        ..ElfFacts::default()
    }
}

#[test]
fn depends_are_those_of_dpkg_shlibdeps() {
    let Ok(output) = Command::new("dpkg").arg("--print-architecture").output() else {
        eprintln!("skipped: no dpkg here");
        return;
    };
    let arch = crate::plan::arch::debian_arch(std::env::consts::ARCH).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), arch);
    let work = tempfile::tempdir().unwrap();
    fs::create_dir_all(work.path().join("debian")).unwrap();
    let control = "Source: x\n\nPackage: x\nArchitecture: any\nDepends: ${shlibs:Depends}\nDescription: x\n";
    fs::write(work.path().join("debian/control"), control).unwrap();
    let mut compared = 0;
    for program in ["/usr/bin/patch", "/usr/bin/rpm", "/usr/bin/dpkg-deb", "/usr/bin/curl", "/usr/bin/sqlite3"] {
        let answer = Command::new("dpkg-shlibdeps").current_dir(work.path()).args(["-O", program]).output();
        let Some(answer) = answer.ok().filter(|answer| answer.status.success() && Path::new(program).exists()) else {
            eprintln!("skipped {program}: dpkg-shlibdeps does not answer");
            continue;
        };
        let line = String::from_utf8(answer.stdout).unwrap();
        let mut expected: Vec<&str> = line.trim().trim_start_matches("shlibs:Depends=").split(", ").collect();
        expected.sort_unstable();
        assert_eq!(depends_of(facts(program, arch), arch), expected, "{program}");
        compared += 1;
    }
    assert!(compared > 0, "dpkg-shlibdeps answered for no program");
}

fn depends_of(facts: ElfFacts, arch: &str) -> Vec<String> {
    let sonames = facts.needed.iter().cloned().collect();
    let shlibs = Shlibs::read(Path::new("/"), arch, &sonames).unwrap();
    crate::plan::relation::library_depends(&[facts], arch, &shlibs)
}
