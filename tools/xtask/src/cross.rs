//! Static ppc64el programs: Debian's cargo and rustc, the ppc64el standard library of the same version in a sysroot of our
//! own, Debian's cross linker. Where rustc knows the target already (rustup), it is used as it is.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::checkout::{Checkout, make_directory};
use crate::debian::{self, Request};
use crate::program;

const TARGET: &str = "powerpc64le-unknown-linux-gnu";
const LINKER: &str = "powerpc64le-linux-gnu-gcc";

/// How programs of guests are built: `$LPARKIT_GUEST_PROFILE`, else quickly.
pub(crate) fn guest_profile() -> String {
    env::var("LPARKIT_GUEST_PROFILE").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "lab".to_owned())
}

/// A compiler for the target.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    sysroot: Option<PathBuf>,
}

/// Builds the programs of these packages and gives their paths.
pub(crate) fn build(checkout: &Checkout, profile: &str, packages: &[String]) -> Result<Vec<PathBuf>> {
    let toolchain = find_toolchain(checkout)?;
    let mut command = Command::new(&toolchain.cargo);
    // What cargo and rustup told xtask is not for this compiler.
    for name in ["CARGO", "RUSTC_WRAPPER", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command.env("RUSTC", &toolchain.rustc).env("CARGO_ENCODED_RUSTFLAGS", flags(checkout, &toolchain).join("\x1f"));
    command.current_dir(&checkout.root).args(["build", "--locked", "--bins", "--profile", profile, "--target", TARGET]);
    command.args(["--target-dir", "target/cross", "--message-format", "json-render-diagnostics"]);
    for package in packages {
        command.args(["-p", package]);
    }
    let name = program::shown(&command);
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().with_context(|| format!("run {name}"))?;
    ensure!(output.status.success(), "{name}: {}", output.status);
    let programs = executables(&String::from_utf8_lossy(&output.stdout));
    ensure!(!programs.is_empty(), "{} has no program", packages.join(", "));
    Ok(programs)
}

/// Of cargo's messages, one JSON object a line.
fn executables(messages: &str) -> Vec<PathBuf> {
    let objects = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    objects.filter_map(|object| object["executable"].as_str().map(PathBuf::from)).collect()
}

fn flags(checkout: &Checkout, toolchain: &Toolchain) -> Vec<String> {
    let mut flags = vec![format!("-Clinker={LINKER}"), "-Ctarget-feature=+crt-static".to_owned()];
    flags.extend(toolchain.sysroot.iter().map(|path| format!("--sysroot={}", path.display())));
    // Messages of panics name source files: the same ones wherever it was built.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    flags.extend(home.iter().map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    flags.push(format!("--remap-path-prefix={}=/lparkit", checkout.root.display()));
    flags
}

fn find_toolchain(checkout: &Checkout) -> Result<Toolchain> {
    program::output(Command::new(LINKER).arg("--version")).context("no cross linker; tools/setup installs it")?;
    for (cargo, rustc) in [("cargo", "rustc"), ("/usr/bin/cargo", "/usr/bin/rustc")] {
        if knows_target(Path::new(rustc)) {
            return Ok(Toolchain { cargo: cargo.into(), rustc: rustc.into(), sysroot: None });
        }
    }
    let sysroot = sysroot(checkout)?;
    Ok(Toolchain { cargo: "/usr/bin/cargo".into(), rustc: "/usr/bin/rustc".into(), sysroot: Some(sysroot) })
}

fn knows_target(rustc: &Path) -> bool {
    let printed = program::output(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    printed.is_ok_and(|path| Path::new(path.trim_end()).is_dir())
}

/// The standard library for the target, of the version of this machine's.
fn sysroot(checkout: &Checkout) -> Result<PathBuf> {
    let (package, version) = installed_library()?;
    let sysroot = checkout.cache.join("rust").join(&version);
    if sysroot.is_dir() {
        return Ok(sysroot);
    }
    eprintln!("xtask: {package} {version} for ppc64el");
    let _lock = checkout.lock_cache()?;
    let suite = debian::this_suite()?;
    let deb = debian::fetch(checkout, &suite, &Request { name: package, version: Some(version) })?;
    make_directory(&sysroot, |dir| {
        let unpacked = program::output(Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(dir.join("deb")));
        unpacked.context("unpack the standard library")?;
        // rustc looks for SYSROOT/lib/rustlib, the package has usr/lib/rustlib.
        std::fs::rename(dir.join("deb/usr/lib"), dir.join("lib")).context("move the standard library")?;
        File::open(dir.join("lib/rustlib").join(TARGET))
            .with_context(|| format!("{} has no {TARGET}", deb.display()))?;
        Ok(std::fs::remove_dir_all(dir.join("deb"))?)
    })?;
    Ok(sysroot)
}

/// Debian 12 calls it rustc-web.
fn installed_library() -> Result<(String, String)> {
    for name in ["libstd-rust-web-dev", "libstd-rust-dev"] {
        let query =
            program::output(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}${Version}", name]));
        if let Some(version) = query.ok().and_then(|said| said.strip_prefix("ii ").map(str::to_owned)) {
            return Ok((name.to_owned(), version));
        }
    }
    bail!("neither rustc knows {TARGET}, nor is Debian's standard library of Rust here; tools/setup installs it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let said = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                    {\"reason\":\"compiler-artifact\",\"executable\":\"/t/lab-guest\"}\n\
                    {\"reason\":\"build-finished\",\"success\":true}\nnoise\n";
        assert_eq!(executables(said), [PathBuf::from("/t/lab-guest")]);
    }
}
