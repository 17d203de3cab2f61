//! Kernel and initramfs of the lab's guests, kept by the hash of all that goes in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::checkout::{Checkout, make_directory};
use crate::debian::{self, Found, Package};
use crate::images::Images;
use crate::kernel::{self, Kernel, Module};
use crate::tree::Tree;
use crate::{cpio, digest, guest_programs, image_cache, modules, userland};

/// Directories of hooks, beside lab-guest's sources; the guest has them below /etc/lparkit.
const HOOKS: &str = "tools/lab-guest/hooks";
const HOOK_MOMENTS: [&str; 4] = ["check", "post", "prepare", "undo"];

/// All that an image is made of.
struct Inputs {
    kernel: Origin,
    busybox: Found,
    tools: Option<Found>,
    lab_guest: PathBuf,
    /// The agent and its command lines.
    agent: Vec<PathBuf>,
    /// Path in the guest and content.
    hooks: Vec<(String, Vec<u8>)>,
}

/// Where an image's kernel comes from.
enum Origin {
    Packages(Found),
    File { path: PathBuf, sha256: String },
}

impl Origin {
    fn of_file(path: &Path) -> Result<Self> {
        Ok(Self::File { path: path.to_path_buf(), sha256: digest::of_file(path)? })
    }

    fn found(&self) -> Option<&Found> {
        match self {
            Self::Packages(found) => Some(found),
            Self::File { .. } => None,
        }
    }

    fn kernel(&self, checkout: &Checkout) -> Result<Kernel> {
        match self {
            Self::Packages(found) => kernel::unpacked(checkout, found),
            Self::File { path, sha256 } => kernel::kept(checkout, path, sha256),
        }
    }
}

/// The programs of the image are Debian 13's, whichever kernel runs below them: what base-files has there.
const OS_RELEASE: &str = "\
PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"
NAME=\"Debian GNU/Linux\"
VERSION_ID=\"13\"
VERSION=\"13 (trixie)\"
VERSION_CODENAME=trixie
ID=debian
";

/// image.json: what the image is and what it was made of.
#[derive(Serialize)]
struct Manifest<'a> {
    kernel: &'a str,
    release: &'a str,
    vmlinux: Part,
    initrd: Part,
    packages: Vec<&'a Package>,
    modules: Vec<&'a str>,
    lab_guest: Part,
    agent: Vec<(String, Part)>,
    hooks: Vec<(&'a str, String)>,
}

#[derive(Serialize)]
struct Part {
    bytes: u64,
    sha256: String,
}

impl Part {
    fn of(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.len();
        Ok(Self { bytes, sha256: digest::of_file(path)? })
    }
}

/// Which image.
pub(crate) struct Wanted<'a> {
    /// A kernel of images.toml.
    pub(crate) kernel: &'a str,
    /// Or this file.
    pub(crate) vmlinux: Option<&'a Path>,
    /// With Debian's own tools.
    pub(crate) tools: bool,
    /// With lparkit's agent.
    pub(crate) agent: bool,
}

/// The image's directory, found or made.
pub(crate) fn make(checkout: &Checkout, wanted: &Wanted) -> Result<PathBuf> {
    let Wanted { kernel, vmlinux, tools, agent } = *wanted;
    let images = Images::read(&checkout.root.join("tests/lab/images.toml"))?;
    let built = guest_programs::build(checkout)?;
    let _lock = checkout.lock_cache()?;
    let inputs = Inputs {
        kernel: match vmlinux {
            Some(file) => Origin::of_file(file)?,
            None => Origin::Packages(debian::find(checkout, images.kernel(kernel)?)?),
        },
        busybox: debian::find(checkout, &images.busybox)?,
        tools: tools.then(|| debian::find(checkout, &images.tools)).transpose()?,
        lab_guest: built.lab_guest,
        agent: if agent { built.agent } else { Vec::new() },
        hooks: hooks(&checkout.root.join(HOOKS))?,
    };
    let kernel = if vmlinux.is_some() { "file" } else { kernel };
    let images = checkout.cache.join("images");
    let dir = images.join(format!("{kernel}-{}", &key(&inputs)?[..32]));
    make_directory(&dir, |fresh| write(checkout, kernel, &inputs, fresh))?;
    image_cache::tidy(&images, &dir)?;
    Ok(dir)
}

/// Of every input, and of the program that puts them together.
fn key(inputs: &Inputs) -> Result<String> {
    let own = std::env::current_exe().context("find this program")?;
    let mut parts = vec![digest::of_file(&own)?, digest::of_file(&inputs.lab_guest)?];
    if let Origin::File { sha256, .. } = &inputs.kernel {
        parts.push(format!("vmlinux {sha256}"));
    }
    for program in &inputs.agent {
        parts.push(format!("{} {}", guest_programs::name(program), digest::of_file(program)?));
    }
    parts.extend(inputs.packages().map(|package| format!("{} {} {}", package.name, package.sha256, package.pinned)));
    parts.extend(inputs.hooks.iter().map(|(path, content)| format!("{path} {}", digest::of_bytes(content))));
    Ok(digest::of_bytes(parts.join("\n").as_bytes()))
}

impl Inputs {
    fn packages(&self) -> impl Iterator<Item = &Package> {
        let sources = [self.kernel.found(), Some(&self.busybox), self.tools.as_ref()];
        sources.into_iter().flatten().flat_map(|found| &found.packages)
    }
}

fn hooks(dir: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut hooks = Vec::new();
    for moment in HOOK_MOMENTS {
        let Ok(entries) = fs::read_dir(dir.join(moment)) else { continue };
        for entry in entries {
            let entry = entry?;
            let path = format!("etc/lparkit/hooks.d/{moment}/{}", entry.file_name().to_string_lossy());
            hooks.push((path, fs::read(entry.path()).with_context(|| format!("read {}", entry.path().display()))?));
        }
    }
    hooks.sort();
    Ok(hooks)
}

fn write(checkout: &Checkout, name: &str, inputs: &Inputs, dir: &Path) -> Result<()> {
    let kernel = inputs.kernel.kernel(checkout)?;
    let archive = cpio::archive(&tree(checkout, inputs, &kernel)?);
    let (vmlinux, initrd) = (dir.join("vmlinux"), dir.join("initrd"));
    fs::hard_link(&kernel.vmlinux, &vmlinux).context("link vmlinux")?;
    // Not compressed: an emulated processor would take longer to unpack it than QEMU takes to load it.
    fs::write(&initrd, &archive).with_context(|| format!("write {}", initrd.display()))?;
    let manifest = Manifest {
        kernel: name,
        release: inputs.kernel.found().and_then(|found| found.release.as_deref()).unwrap_or_default(),
        vmlinux: Part::of(&vmlinux)?,
        initrd: Part::of(&initrd)?,
        packages: inputs.packages().collect(),
        modules: kernel.modules.iter().map(|module| module.name.as_str()).collect(),
        lab_guest: Part::of(&inputs.lab_guest)?,
        agent: inputs
            .agent
            .iter()
            .map(|program| Ok((guest_programs::name(program), Part::of(program)?)))
            .collect::<Result<_>>()?,
        hooks: inputs.hooks.iter().map(|(path, content)| (path.as_str(), digest::of_bytes(content))).collect(),
    };
    fs::write(dir.join("image.json"), serde_json::to_vec_pretty(&manifest)?).context("write image.json")
}

fn tree(checkout: &Checkout, inputs: &Inputs, kernel: &Kernel) -> Result<Tree> {
    let mut tree = Tree::default();
    for dir in ["dev", "disk", "proc", "root", "run", "sys", "tmp", "usr/lib64", "var/log"] {
        tree.directory(dir);
    }
    for (path, target) in [
        ("bin", "usr/bin"),
        ("sbin", "usr/bin"),
        ("usr/sbin", "bin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
        ("etc/mtab", "/proc/mounts"),
        ("usr/bin/lab-guest", "/init"),
        ("var/lock", "/run/lock"),
        ("var/run", "/run"),
    ] {
        tree.link(path, target);
    }
    // The first process has these open before it can mount a devtmpfs.
    tree.character_device("dev/console", 5, 1);
    tree.character_device("dev/null", 1, 3);
    tree.file("etc/passwd", 0o644, format!("root:x:0:0:root:/root:/bin/sh\n{}", guest_programs::USER));
    tree.file("etc/group", 0o644, format!("root:x:0:\n{}", guest_programs::GROUPS));
    tree.file("etc/os-release", 0o644, OS_RELEASE);
    let init = fs::read(&inputs.lab_guest).with_context(|| format!("read {}", inputs.lab_guest.display()))?;
    tree.file("init", 0o755, init);
    let deb = |package: &Package| checkout.cache.join(&package.file);
    for package in &inputs.busybox.packages {
        userland::add_busybox(&mut tree, &deb(package))?;
    }
    for package in inputs.tools.iter().flat_map(|found| &found.packages) {
        userland::add_programs(&mut tree, &deb(package))?;
    }
    guest_programs::add(&mut tree, &inputs.agent, inputs.tools.is_some())?;
    for (moment, _) in modules::WANTED {
        let paths = kernel.modules.iter().filter(|module| module.moment == moment);
        let list: String = paths.map(|module| format!("/usr/lib/modules/{}.ko\n", module.name)).collect();
        tree.file(&format!("usr/lib/modules/{moment}"), 0o644, list);
    }
    for Module { name, content, .. } in &kernel.modules {
        tree.file(&format!("usr/lib/modules/{name}.ko"), 0o644, content.as_slice());
    }
    for moment in HOOK_MOMENTS {
        tree.directory(&format!("etc/lparkit/hooks.d/{moment}"));
    }
    for (path, content) in &inputs.hooks {
        tree.file(path, 0o755, content.as_slice());
    }
    Ok(tree)
}
