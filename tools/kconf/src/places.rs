//! The system as this program sees it: every path below the root, and the only readers of it. `--sysroot DIR` moves
//! the root, for tests and for systems that are mounted somewhere.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::version::KernelVersion;

/// Bytes of a file of /proc or /sys. /proc/modules of a desktop has 20 KB.
const TEXT_BYTES: u64 = 1 << 20;
/// Entries of a directory that are looked at.
const ENTRIES: usize = 4096;

/// The configuration of the running kernel itself.
pub const PROC_CONFIG: &str = "proc/config.gz";
/// Release of the running kernel, as `uname -r`.
const RELEASE: &str = "proc/sys/kernel/osrelease";
/// Loaded modules, one a line.
const MODULES: &str = "proc/modules";
/// `none [integrity] confidentiality`: the state in brackets.
const LOCKDOWN: &str = "sys/kernel/security/lockdown";
/// Directories of loaded modules, and of built-in ones that have parameters.
const SYS_MODULES: &str = "sys/module";
/// One directory a virtual device.
const VIO_DEVICES: &str = "sys/bus/vio/devices";

/// A directory that stands for `/`.
#[derive(Debug, Clone)]
pub struct Sysroot(PathBuf);

impl Sysroot {
    /// The root itself is `Sysroot::at("/")`.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Where a path of the system is; a leading `/` means the root.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Release of the running kernel.
    pub fn release(&self) -> io::Result<String> {
        self.text(RELEASE)
    }

    /// Where distributions keep the configuration of a release, the surest place first.
    pub fn configs_of(&self, release: &str) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if self.release().is_ok_and(|running| running == release) {
            places.push(self.path(PROC_CONFIG));
        }
        places.extend(
            [
                format!("boot/config-{release}"),
                format!("usr/lib/modules/{release}/config"),
                format!("lib/modules/{release}/config"),
                format!("lib/modules/{release}/build/.config"),
            ]
            .map(|place| self.path(&place)),
        );
        places
    }

    /// Kernel images of a release, which may have the configuration in them.
    pub fn images_of(&self, release: &str) -> Vec<PathBuf> {
        [
            format!("boot/vmlinux-{release}"),
            format!("boot/vmlinuz-{release}"),
            format!("usr/lib/modules/{release}/vmlinuz"),
            format!("usr/lib/modules/{release}/vmlinux"),
        ]
        .map(|place| self.path(&place))
        .to_vec()
    }

    /// Lines of /proc/modules.
    pub fn modules(&self) -> io::Result<String> {
        self.text(MODULES)
    }

    /// The lockdown state as the kernel writes it; nothing where securityfs or the module is missing.
    pub fn lockdown(&self) -> Option<String> {
        self.text(LOCKDOWN).ok()
    }

    /// Whether the kernel shows a module, loaded or built in.
    pub fn has_module_directory(&self, module: &str) -> bool {
        self.path(SYS_MODULES).join(module).exists()
    }

    /// The `modalias` of each virtual device: `vio:TnetworkSIBM,l-lan`.
    pub fn virtual_devices(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(VIO_DEVICES)) else { return Vec::new() };
        let aliases = entries.take(ENTRIES).filter_map(|entry| read_text(&entry.ok()?.path().join("modalias")).ok());
        aliases.collect()
    }

    /// Whether a path of the system exists; an error if we may not look.
    pub fn exists(&self, path: &str) -> io::Result<bool> {
        self.path(path).try_exists()
    }

    fn text(&self, path: &str) -> io::Result<String> {
        read_text(&self.path(path))
    }
}

/// A small text, without the line end.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TEXT_BYTES).read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}

/// Files of a directory that look like kernel configurations: of a system, a build tree, /boot, or an unpacked package.
pub fn configs_in(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = [".config", "config", PROC_CONFIG]
        .iter()
        .map(|name| directory.join(name))
        .filter(|path| path.is_file())
        .collect();
    found.extend(children(directory, is_config_name));
    found.extend(children(&directory.join("boot"), is_config_name));
    for (parent, prefix) in [("usr/lib/modules", ""), ("lib/modules", ""), ("usr/src", "linux-config-")] {
        for child in children(&directory.join(parent), |name| name.starts_with(prefix)) {
            found.extend(Some(child.join("config")).filter(|path| path.is_file()));
            found.extend(children(&child, is_config_name));
        }
    }
    without_aliases(found)
}

/// The release in a file's name: `config-6.1.0-50-powerpc64le`, `vmlinux-…`; or its directory's: `6.1.0-50…/config`.
pub fn release_in(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let release = match name.split_once('-') {
        Some((_, release)) => release,
        None if name == "config" || is_image_name(name) => path.parent()?.file_name()?.to_str()?,
        None => return None,
    };
    release.parse::<KernelVersion>().is_ok().then(|| release.to_owned())
}

/// `vmlinux`, `vmlinuz-RELEASE`.
pub fn is_image_name(name: &str) -> bool {
    name.starts_with("vmlinux") || name.starts_with("vmlinuz")
}

/// `config-RELEASE` of /boot, `config.ARCHITECTURE_FLAVOUR.xz` of Debian's linux-config packages.
pub fn is_config_name(name: &str) -> bool {
    (name.starts_with("config-") || name.starts_with("config."))
        && Path::new(name).extension().is_none_or(|extension| extension != "old")
}

/// Children by name.
fn children(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.take(ENTRIES).filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted)).collect();
    paths.sort();
    paths
}

/// Each file once, though /lib may be /usr/lib.
fn without_aliases(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    paths
        .into_iter()
        .filter(|path| fs::canonicalize(path).is_ok_and(|real| real.is_file() && seen.insert(real)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_in_names_of_files_and_directories() {
        let cases = [
            ("/boot/config-6.1.0-50-powerpc64le", Some("6.1.0-50-powerpc64le")),
            ("/boot/vmlinux-6.1.0-50-powerpc64le", Some("6.1.0-50-powerpc64le")),
            ("usr/lib/modules/7.2.13-powerpc64le/config", Some("7.2.13-powerpc64le")),
            ("usr/lib/modules/7.2.13-powerpc64le/vmlinuz", Some("7.2.13-powerpc64le")),
            ("lpar-fragment.config", None),
            ("/tmp/x/.config", None),
            ("linux-config-6.12/config.ppc64el_none_powerpc64le-64k.xz", None),
        ];
        for (path, release) in cases {
            assert_eq!(release_in(Path::new(path)).as_deref(), release, "{path}");
        }
    }

    #[test]
    fn configurations_of_systems_trees_and_packages_are_found_once() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "boot/config-1.2",
            "usr/lib/modules/1.3/config",
            "usr/src/linux-config-6.1/config.x.xz",
            ".config",
            ".config.old",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("usr/lib", root.path().join("lib")).unwrap();
        let found: Vec<_> = configs_in(root.path())
            .iter()
            .map(|path| path.strip_prefix(root.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(
            found,
            [".config", "boot/config-1.2", "usr/lib/modules/1.3/config", "usr/src/linux-config-6.1/config.x.xz"]
        );
    }
}
