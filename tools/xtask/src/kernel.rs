//! What the guest needs of Debian's kernel packages, unpacked once: `vmlinux` (an ELF file, as QEMU wants it), the modules,
//! and the order in which they are loaded.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use liblzma::read::XzDecoder;

use crate::checkout::{Checkout, make_directory};
use crate::debian::{self, Found};
use crate::digest;
use crate::modules::{self, Modules};

/// Changes when the content of this directory does.
const FORMAT: &str = "kernel 2";

/// An unpacked kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) vmlinux: PathBuf,
    pub(crate) modules: Vec<Module>,
}

/// A module; they are in the order in which they can be loaded.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// When it is loaded: a name of [`modules::WANTED`].
    pub(crate) moment: &'static str,
    pub(crate) content: Vec<u8>,
}

/// Unpacks it, or finds it unpacked.
pub(crate) fn unpacked(checkout: &Checkout, found: &Found) -> Result<Kernel> {
    let inputs: Vec<_> = found.packages.iter().map(|package| package.sha256.as_str()).collect();
    let wanted = modules::WANTED.map(|(moment, names)| format!("{moment} {}", names.join(" "))).join(" ");
    let key = digest::of_bytes([&[FORMAT, &wanted], &inputs[..]].concat().join(" ").as_bytes());
    let dir = checkout.cache.join("kernels").join(key);
    make_directory(&dir, |fresh| unpack(checkout, found, fresh))?;
    let mut modules = Vec::new();
    for (moment, _) in modules::WANTED {
        let list = dir.join(moment);
        for name in fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?.lines() {
            let path = dir.join(format!("{name}.ko"));
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            modules.push(Module { name: name.to_owned(), moment, content });
        }
    }
    Ok(Kernel { vmlinux: dir.join("vmlinux"), modules })
}

/// Keeps a kernel of one's own, which is whole without modules.
pub(crate) fn kept(checkout: &Checkout, file: &Path, sha256: &str) -> Result<Kernel> {
    let dir = checkout.cache.join("kernels").join(sha256);
    make_directory(&dir, |fresh| {
        let content = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        ensure_elf(&content).with_context(|| format!("take {}", file.display()))?;
        fs::write(fresh.join("vmlinux"), content).context("write vmlinux")
    })?;
    Ok(Kernel { vmlinux: dir.join("vmlinux"), modules: Vec::new() })
}

fn ensure_elf(kernel: &[u8]) -> Result<()> {
    ensure!(kernel.starts_with(b"\x7fELF"), "the kernel is no ELF file");
    Ok(())
}

fn unpack(checkout: &Checkout, found: &Found, into: &Path) -> Result<()> {
    let mut all = Modules::new();
    let mut kernel = None;
    for package in &found.packages {
        eprintln!("xtask: unpack {}", package.name);
        let deb = debian::verified(checkout, package)?;
        debian::each_file(&deb, |file| {
            if let Some(name) = modules::name(file.path) {
                all.insert(name, plain(file.path, file.content)?);
            } else if is_kernel(file.path) && file.regular {
                kernel = Some(file.content.to_vec());
            }
            Ok(())
        })?;
    }
    let kernel = kernel.context("no vmlinux in the kernel's packages")?;
    ensure_elf(&kernel)?;
    fs::write(into.join("vmlinux"), kernel).context("write vmlinux")?;
    let depends: BTreeMap<&str, Vec<String>> =
        all.iter().map(|(name, module)| (name.as_str(), modules::depends(module))).collect();
    let mut done = Vec::new();
    for (moment, wanted) in modules::WANTED {
        let order = modules::in_order(wanted, &done, |name| depends.get(name).cloned());
        for name in &order {
            fs::write(into.join(format!("{name}.ko")), &all[name]).with_context(|| format!("write module {name}"))?;
        }
        fs::write(into.join(moment), order.join("\n")).context("write an order of modules")?;
        done.extend(order);
    }
    Ok(())
}

/// `boot/vmlinux-RELEASE`; in newer packages `usr/lib/modules/RELEASE/vmlinuz`, which is no more compressed than the other.
fn is_kernel(path: &str) -> bool {
    path.starts_with("boot/vmlinux-") || (path.starts_with("usr/lib/modules/") && path.ends_with("/vmlinuz"))
}

/// Debian 13's modules are compressed; the guest loads plain ones, without another program.
fn plain(path: &str, content: &[u8]) -> Result<Vec<u8>> {
    if path.strip_suffix(".xz").is_none() {
        return Ok(content.to_vec());
    }
    let mut plain = Vec::new();
    XzDecoder::new(content).read_to_end(&mut plain).with_context(|| format!("decompress {path}"))?;
    Ok(plain)
}
