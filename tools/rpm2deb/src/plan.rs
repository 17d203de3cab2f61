//! Deciding what the Debian package looks like: pure functions from an RPM's headers and a policy to a plan.
//!
//! Two steps, for the stream lies between them. [`Plan::new`] decides everything that the headers allow: name, version,
//! architecture, and the fate of every file. [`Plan::debian_dir`] writes debian/ from that and from what was observed
//! while the files passed: ELF dependencies, users. The writer has no choice left.

pub mod arch;
pub mod description;
pub mod document;
pub mod lintian;
pub mod name;
pub mod owner;
pub mod path;
pub mod relation;
pub mod relocate;
pub mod script;
pub mod version;

use std::path::PathBuf;

use serde::Serialize;

use crate::deb::control::Stanza;
use crate::deb::debian_dir::{CONTROL, DebianDir};
use crate::error::Error;
use crate::event::Notice;
use crate::inspect::Observed;
use crate::limits::Limits;
use crate::printable::printable;
use crate::rpm::package::{Evr, Package};
use crate::shlibs::Shlibs;
use path::FilePlan;
use relocate::Relocation;
use version::{DebVersion, ReleasePolicy};

/// What the user wants; nothing in it depends on the package.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `--arch`.
    pub arch: Option<String>,
    /// `--release`.
    pub release: ReleasePolicy,
    /// `--libdir multiarch`.
    pub multiarch_libdir: bool,
    /// `--scripts`.
    pub scripts: script::Mode,
    /// `--maintainer`, a valid address.
    pub maintainer: Option<String>,
    /// `--source-date-epoch`: clamps times, dates the changelog. Seconds since 1970.
    pub source_date_epoch: Option<u64>,
    /// `--shlibs-root`: a dpkg root that knows which package has which library.
    pub shlibs_root: Option<PathBuf>,
    /// `--force`: contradictions become warnings.
    pub force: bool,
    /// Bounds on what is read.
    pub limits: Limits,
}

/// Everything that the headers decide.
#[derive(Debug)]
pub struct Plan {
    /// Debian's name of the package.
    pub name: String,
    /// Debian's version.
    pub version: DebVersion,
    /// Debian's architecture.
    pub arch: String,
    /// The directory that unpack makes and patches name: `librtas-1.3.6`, as alien has it.
    pub tree_name: String,
    /// Maintainer field.
    pub maintainer: String,
    /// Time of the conversion's own files and of the changelog, seconds since 1970.
    pub timestamp: u64,
    /// Which directories move.
    pub relocation: Relocation,
    /// The fate of every file.
    pub files: FilePlan,
    /// What a reader of the result may want to know.
    pub notices: Vec<Notice>,
}

/// The plan in short, for `--dry-run` and `--json`.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // fields are named as in the control file
pub struct Summary {
    pub package: String,
    pub version: String,
    pub architecture: String,
    pub maintainer: String,
    pub files: usize,
    pub conffiles: Vec<String>,
}

impl Plan {
    /// Decides from the headers.
    pub fn new(package: &Package, policy: &Policy) -> Result<Self, Error> {
        if package.is_source {
            return Err(Error::refused(
                "source package",
                "this is a source RPM; only binary RPMs can be converted. Build it with rpmbuild --rebuild first",
            ));
        }
        let mut notices = Vec::new();
        let mapped = name::debian_name(&package.name)?;
        if mapped.changed {
            notices.push(Notice::note(
                "name-mapped",
                printable(package.name.as_bytes()),
                format!("is called {} in Debian", mapped.name),
            ));
        }
        let (version, version_notices) = version::debian_version(&package.evr, &policy.release)?;
        notices.extend(version_notices);
        let arch = decide_arch(package, policy, &mut notices)?;
        let triplet = if policy.multiarch_libdir { arch::multiarch_triplet(&arch) } else { None };
        let relocation = Relocation::new(&package.name, &package.evr.version, &mapped.name, triplet);
        let (files, file_notices) = path::plan(package, &relocation, policy.source_date_epoch)?;
        notices.extend(file_notices);
        Ok(Self {
            tree_name: tree_name(package)?,
            maintainer: description::maintainer(package, policy.maintainer.as_deref()),
            timestamp: policy.source_date_epoch.or(package.build_time).unwrap_or(0),
            name: mapped.name,
            version,
            arch,
            relocation,
            files,
            notices,
        })
    }

    /// The plan in short.
    pub fn summary(&self) -> Summary {
        Summary {
            package: self.name.clone(),
            version: self.version.to_string(),
            architecture: self.arch.clone(),
            maintainer: self.maintainer.clone(),
            files: self.files.entries.iter().flatten().count(),
            conffiles: self.files.conffiles.iter().map(|path| format!("/{}", printable(path))).collect(),
        }
    }

    /// Writes debian/ from the plan and from what was observed.
    pub fn debian_dir(
        &self,
        package: &Package,
        policy: &Policy,
        observed: &Observed,
        shlibs: Option<&Shlibs>,
    ) -> Result<(DebianDir, Vec<Notice>), Error> {
        let mut notices = Vec::new();
        self.check_elf_arch(policy, observed, &mut notices)?;
        let own_shlibs = relation::shlibs_control(&observed.elf, &self.name, &self.version);
        let facts = self.install_facts(package, observed, own_shlibs.is_some());
        let request = script::Request { package, mode: policy.scripts, debian_name: &self.name, facts: &facts };
        let (scripts, script_notices) = script::plan(&request)?;
        notices.extend(script_notices);
        let relations = self.relations(package, policy, observed, shlibs, &scripts, &mut notices);
        let mut debian = DebianDir::default();
        debian.put(CONTROL, self.control(package, relations, &mut notices).to_string());
        debian.put(
            "changelog",
            document::changelog(package, &self.name, &self.version.to_string(), &self.maintainer, self.timestamp),
        );
        debian.put("upstream-changelog", document::upstream_changelog(package).unwrap_or_default());
        debian.put("copyright", document::copyright(package));
        debian.put("conffiles", self.conffiles(&mut notices));
        debian.put("preinst", scripts.preinst.unwrap_or_default());
        debian.put("postinst", scripts.postinst.unwrap_or_default());
        debian.put("prerm", scripts.prerm.unwrap_or_default());
        debian.put("postrm", scripts.postrm.unwrap_or_default());
        debian.put("triggers", scripts.triggers.unwrap_or_default());
        debian.put("shlibs", own_shlibs.unwrap_or_default());
        let paths = self.files.entries.iter().flatten().map(|entry| &entry.path);
        debian.put("lintian-overrides", lintian::overrides(&self.name, &observed.elf, paths).unwrap_or_default());
        Ok((debian, notices))
    }

    fn relations(
        &self,
        package: &Package,
        policy: &Policy,
        observed: &Observed,
        shlibs: Option<&Shlibs>,
        scripts: &script::MaintainerScripts,
        notices: &mut Vec<Notice>,
    ) -> relation::Fields {
        let paths = self.files.paths();
        let context = relation::Context {
            package,
            name: &self.name,
            version: &self.version,
            release_policy: &policy.release,
            arch: &self.arch,
            elf: &observed.elf,
            shlibs,
            own_paths: &|path: &[u8]| self.files.contains(path.strip_prefix(b"/").unwrap_or(path), &paths),
        };
        let (mut fields, relation_notices) = relation::plan(&context);
        notices.extend(relation_notices);
        fields.add_script_needs(&scripts.pre_depends, &scripts.depends);
        fields
    }

    fn control(&self, package: &Package, relations: relation::Fields, notices: &mut Vec<Notice>) -> Stanza {
        let mut control = Stanza::default();
        control.set("Package", &*self.name);
        control.set("Version", self.version.to_string());
        control.set("Section", description::section(package));
        control.set("Priority", "optional");
        control.set("Architecture", &*self.arch);
        control.set("Maintainer", &*self.maintainer);
        for (field, list) in relations.named() {
            control.set(field, list.join(", "));
        }
        control.set("Homepage", description::homepage(package).unwrap_or_default());
        control.set("Description", description::description(package, notices));
        control
    }

    fn install_facts(&self, package: &Package, observed: &Observed, has_shared_library: bool) -> script::InstallFacts {
        script::InstallFacts {
            owned: self.files.owned.clone(),
            capabilities: self.files.capabilities.clone(),
            ghosts: self.files.ghosts.clone(),
            sysusers: sysusers_provides(package).chain(observed.sysusers.iter().cloned()).collect(),
            has_shared_library,
        }
    }

    /// A declared architecture that contradicts the programs is an error: they would not run.
    fn check_elf_arch(&self, policy: &Policy, observed: &Observed, notices: &mut Vec<Notice>) -> Result<(), Error> {
        for elf in &observed.elf {
            let Some(reason) = arch::contradiction(&self.arch, elf) else { continue };
            if !policy.force {
                let advice = "name the right one with --arch, or accept it with --force";
                return Err(Error::refused(format!("architecture {}", self.arch), format!("{reason}; {advice}")));
            }
            notices.push(Notice::warning("architecture-contradicted", printable(&elf.path), reason));
        }
        Ok(())
    }

    fn conffiles(&self, notices: &mut Vec<Notice>) -> Vec<u8> {
        let mut text = Vec::new();
        for path in &self.files.conffiles {
            // dpkg trims lines and takes a first word without slash as a flag.
            if path.first() == Some(&b' ') || path.ends_with(b" ") {
                notices.push(Notice::warning(
                    "conffile-unnameable",
                    printable(path),
                    "begins or ends with a space, which dpkg's list of conffiles cannot say: not a conffile",
                ));
                continue;
            }
            text.extend_from_slice(&[b"/", path.as_slice(), b"\n"].concat());
        }
        text
    }
}

fn decide_arch(package: &Package, policy: &Policy, notices: &mut Vec<Notice>) -> Result<String, Error> {
    if let Some(arch) = &policy.arch {
        return Ok(arch.clone());
    }
    let rpm_arch = printable(package.arch.as_bytes());
    let arch = arch::debian_arch(&package.arch).ok_or_else(|| {
        Error::refused(
            format!("architecture '{rpm_arch}'"),
            "Debian has no counterpart that is known here; name one with --arch",
        )
    })?;
    if arch != package.arch {
        notices.push(Notice::note("architecture-mapped", rpm_arch, format!("is called {arch} in Debian")));
    }
    Ok(arch.to_owned())
}

/// `NAME-VERSION` of the RPM; the name has passed [`name::debian_name`], so only the version can make it unusable.
fn tree_name(package: &Package) -> Result<String, Error> {
    let Evr { version, .. } = &package.evr;
    let tree_name = format!("{}-{version}", package.name);
    if tree_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-~^".contains(&byte)) {
        return Ok(tree_name);
    }
    Err(Error::refused(
        printable(version.as_bytes()),
        "the version holds characters that neither rpm nor a directory name allows",
    ))
}

/// RPM 4.19 and later put a user's sysusers.d(5) line into `Provides: user(NAME) = BASE64` (rpm-sysusers(7)).
fn sysusers_provides(package: &Package) -> impl Iterator<Item = String> {
    use base64::Engine;
    package
        .relations
        .provides
        .iter()
        .filter(|provide| provide.name.starts_with("user(") || provide.name.starts_with("group("))
        .filter_map(|provide| provide.version.as_ref())
        .filter_map(|(_, evr)| {
            base64::engine::general_purpose::STANDARD_NO_PAD.decode(evr.version.trim_end_matches('=')).ok()
        })
        .filter_map(|line| String::from_utf8(line).ok())
        .map(|line| line.trim_end_matches('\0').to_owned())
}
