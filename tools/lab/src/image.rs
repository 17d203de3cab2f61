//! Guest images: the kernel and the initial file system that `cargo xtask guest-image` makes and keeps in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::scenario::Lpar;

/// A guest image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `vmlinux`, an ELF file.
    pub kernel: PathBuf,
    /// The initial file system.
    pub initrd: PathBuf,
}

/// Where downloads and images are kept: `LPARKIT_CACHE`, or one directory for all checkouts of this user.
pub fn cache() -> PathBuf {
    if let Some(directory) = std::env::var_os("LPARKIT_CACHE") {
        return directory.into();
    }
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
    std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from).join("lparkit")
}

impl Image {
    /// What tells images apart: the kernel's name, and whether Debian's tools and lparkit's agent are in it.
    pub fn key(lpar: &Lpar) -> String {
        let Lpar { kernel, debian_tools, agent, .. } = lpar;
        let [tools, agent] =
            [(*debian_tools, "+tools"), (*agent, "+agent")].map(|(is, word)| if is { word } else { "" });
        format!("{kernel}{tools}{agent}")
    }

    /// Finds an image, or makes it. `LPARLAB_IMAGES` may name a directory with images ready made, one directory a key;
    /// otherwise `cargo xtask guest-image` is asked, or the xtask that `LPARKIT_XTASK` names, in the checkout that
    /// `LPARLAB_CHECKOUT` names, or in this one.
    pub fn get(lpar: &Lpar) -> Result<Self, Error> {
        let key = Self::key(lpar);
        if let Some(directory) = std::env::var_os("LPARLAB_IMAGES") {
            return Self::at(&Path::new(&directory).join(key));
        }
        let failed = |cause: String| Error::failed("make guest image", &key, cause);
        let mut command = xtask();
        command.args(["guest-image", "--kernel", &lpar.kernel]);
        if lpar.debian_tools {
            command.arg("--tools");
        }
        if lpar.agent {
            command.arg("--agent");
        }
        if let Some(checkout) = std::env::var_os("LPARLAB_CHECKOUT") {
            command.current_dir(checkout);
        }
        let made = command.stderr(std::process::Stdio::inherit()).output().map_err(|error| {
            let program = command.get_program().to_string_lossy();
            failed(format!("{program}: {error}; run it in a checkout (tools/lparlab), or set LPARLAB_IMAGES"))
        })?;
        if !made.status.success() {
            return Err(failed("cargo xtask guest-image failed; its words are above".into()));
        }
        let directory = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        Self::at(Path::new(&directory))
    }

    fn at(directory: &Path) -> Result<Self, Error> {
        let image = Self { kernel: directory.join("vmlinux"), initrd: directory.join("initrd") };
        for file in [&image.kernel, &image.initrd] {
            std::fs::metadata(file).map_err(|source| Error::io("find guest image file", file.display(), source))?;
        }
        Ok(image)
    }
}

/// cargo waits for every other cargo in the checkout, for minutes when that builds; a program that is built already does not.
fn xtask() -> Command {
    if let Some(program) = std::env::var_os("LPARKIT_XTASK") {
        return Command::new(program);
    }
    let mut command = Command::new("cargo");
    command.arg("xtask");
    command
}
