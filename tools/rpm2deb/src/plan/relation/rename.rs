//! What RPM calls one way and Debian another: names, capabilities and files, from two small tables.

/// See the comments in the file.
const NAMES: &str = include_str!("rpm-to-debian-names.tsv");
/// See the comments in the file.
const PATHS: &str = include_str!("path-owners.tsv");

/// Essential packages of both Debian 12 and 13 (`Essential: yes`): nothing needs to depend on them (policy 3.5).
const ESSENTIAL: [&str; 22] = [
    "base-files",
    "base-passwd",
    "bash",
    "bsdutils",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "libc-bin",
    "ncurses-base",
    "ncurses-bin",
    "perl-base",
    "sed",
    "sysvinit-utils",
    "tar",
    "util-linux",
];

/// Debian's own package or packages for an RPM name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DebiansOwn {
    /// Alternatives.
    pub(super) names: Vec<&'static str>,
    /// Epoch of Debian's versions; `None`: the versions cannot be compared.
    pub(super) epoch: Option<u32>,
}

/// Looks up a name as RPM writes it, without the ISA suffix.
pub(super) fn debians_own(rpm_name: &str) -> Option<DebiansOwn> {
    rows(NAMES).find(|columns| columns[0] == rpm_name).and_then(|columns| {
        let names = columns.get(1)?.split('|').map(str::trim).collect();
        Some(DebiansOwn { names, epoch: columns.get(2).and_then(|epoch| epoch.parse().ok()) })
    })
}

/// The packages that have a file, as alternatives. `/bin`, `/sbin` and `/usr/sbin` are looked up in `/usr/bin` too.
pub(super) fn file_owners(path: &str) -> Option<Vec<&'static str>> {
    let (directory, file) = path.rsplit_once('/')?;
    let candidates: &[&str] = match directory {
        "/bin" | "/usr/bin" => &["/usr/bin"],
        "/sbin" | "/usr/sbin" => &["/usr/sbin", "/usr/bin"],
        _ => &[],
    };
    let owner = |place: &&str| {
        let wanted = format!("{place}/{file}");
        rows(PATHS).find(|columns| columns[0] == wanted).and_then(|columns| columns.get(1).copied())
    };
    candidates.iter().find_map(owner).map(|names| names.split('|').map(str::trim).collect())
}

/// Whether every Debian system has the package.
pub(super) fn is_essential(name: &str) -> bool {
    ESSENTIAL.contains(&name)
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::plan::name;

    #[test]
    fn both_tables_are_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for columns in rows(NAMES) {
            assert_eq!(columns.len(), 3, "{columns:?}");
            assert!(columns[2] == "-" || columns[2].parse::<u32>().is_ok(), "{columns:?}");
            assert!(seen.insert(columns[0]), "{columns:?} is there twice");
            assert!(debians_own(columns[0]).unwrap().names.iter().all(|n| name::is_valid(n)), "{columns:?}");
        }
        for columns in rows(PATHS) {
            assert_eq!(columns.len(), 2, "{columns:?}");
            assert!(file_owners(columns[0]).unwrap().iter().all(|n| name::is_valid(n)), "{columns:?}");
        }
    }

    #[test]
    fn files_are_found_wherever_a_merged_usr_has_them() {
        assert_eq!(file_owners("/bin/sh"), Some(vec!["dash"]));
        assert_eq!(file_owners("/sbin/ldconfig"), Some(vec!["libc-bin"]));
        assert_eq!(file_owners("/sbin/udevadm"), Some(vec!["udev"]));
        assert_eq!(file_owners("/opt/x"), None);
        assert_eq!(file_owners("/"), None);
    }
}
