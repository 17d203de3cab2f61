//! The C library: the one package whose name is the same on every Debian architecture that RPMs are made for, and whose
//! symbol versions are its versions. So it needs no `--shlibs-root`, and a converted program always depends on it.
//!
//! Facts: Debian's libc6 ships these sonames (libc6.symbols of Debian 12 and 13); a symbol version `GLIBC_2.17` is there
//! since glibc 2.17 (glibc's `Versions.def`). Alpha and IA-64 call the package otherwise.

/// glibc's libraries; libcrypt.so.1 and libnsl.so.2 have packages of their own.
const SONAMES: [&str; 12] = [
    "libc.so.6",
    "libm.so.6",
    "libmvec.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    "libBrokenLocale.so.1",
    "libthread_db.so.1",
    "libnss_files.so.2",
];

/// Dependency template of the library, in the form of a symbols file; `None` for other libraries.
pub(super) fn template(soname: &str, arch: &str) -> Option<String> {
    let is_usual = !matches!(arch, "alpha" | "ia64");
    (is_usual && SONAMES.contains(&soname)).then(|| "libc6 #MINVER#".to_owned())
}

/// `2.17` of `GLIBC_2.17`; empty for `GLIBC_PRIVATE` and the like, which say no version.
pub(super) fn minimum(node: &str) -> &str {
    let version = node.strip_prefix("GLIBC_").unwrap_or("");
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.len() < 16
        && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_version { version } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_nodes_and_nothing_else() {
        let cases = [
            ("GLIBC_2.17", "2.17"),
            ("GLIBC_2.2.5", "2.2.5"),
            ("GLIBC_PRIVATE", ""),
            ("GLIBCXX_3.4", ""),
            ("GLIBC_2.1) | x", ""),
        ];
        for (node, version) in cases {
            assert_eq!(minimum(node), version, "{node}");
        }
        assert_eq!(template("libc.so.6", "ia64"), None);
        assert_eq!(template("libcrypt.so.1", "ppc64el"), None);
    }
}
