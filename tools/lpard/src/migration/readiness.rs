//! Could this partition migrate? What the agent itself can see; the administrator's reasons are in hooks.

use platform::observation::Observation;
use sysroot::Sysroot;
use wire::message::migration::Finding;

/// Where the stream is written.
pub(crate) const MIGRATION: &str = "sys/kernel/mobility/migration";
const API_VERSION: &str = "sys/kernel/mobility/api_version";

/// The version of the interface that the kernel has had since 3.15: one write does all.
const API: &str = "1";

/// What speaks for and against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The kernel has the interface.
    pub(crate) interface: bool,
    /// Its version, as it says.
    pub(crate) api_version: Option<String>,
    /// The partition's profile allows it.
    pub(crate) migratable: bool,
    /// What the agent could not read of the machine.
    pub(crate) gaps: usize,
}

impl Facts {
    /// Reads them.
    pub(crate) fn read(sysroot: &Sysroot, observation: &Observation) -> Self {
        let api_version = sysroot.read_text_if_present(API_VERSION).ok().flatten();
        Self {
            interface: sysroot.exists(MIGRATION),
            api_version: api_version.map(|version| version.trim().to_owned()),
            migratable: observation.identity.as_ref().is_some_and(|identity| identity.migratable),
            gaps: observation.gaps.len(),
        }
    }

    /// What speaks against it, or is worth knowing.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut say = |vetoes, from: &str, text: String| findings.push(Finding { from: from.into(), vetoes, text });
        if !self.interface {
            say(true, "kernel", format!("there is no /{MIGRATION}: this kernel cannot migrate, or runs on bare metal"));
        } else if self.api_version.as_deref() != Some(API) {
            let found = self.api_version.as_deref().unwrap_or("none");
            say(true, "kernel", format!("/{API_VERSION} is {found}, {API} is needed; use a newer kernel"));
        }
        if !self.migratable {
            let text = "firmware does not show ibm,migratable-partition: enable migration in the partition's profile";
            say(true, "firmware", text.into());
        }
        if self.gaps > 0 {
            let parts = if self.gaps == 1 { "part" } else { "parts" };
            say(false, "agent", format!("{} {parts} of the machine could not be read; see `lpar doctor`", self.gaps));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Facts = Facts { interface: true, api_version: None, migratable: true, gaps: 0 };

    #[test]
    fn each_obstacle_is_found_and_named() {
        let ready = Facts { api_version: Some("1".into()), ..READY };
        assert_eq!(ready.findings(), []);
        let cases = [
            (Facts { interface: false, ..ready.clone() }, true, "kernel"),
            (Facts { api_version: Some("0".into()), ..ready.clone() }, true, "kernel"),
            (READY, true, "kernel"),
            (Facts { migratable: false, ..ready.clone() }, true, "firmware"),
            (Facts { gaps: 2, ..ready }, false, "agent"),
        ];
        for (facts, vetoes, from) in cases {
            let findings = facts.findings();
            assert_eq!(findings.len(), 1, "{facts:?}");
            assert_eq!((findings[0].vetoes, findings[0].from.as_str()), (vetoes, from), "{facts:?}");
        }
    }
}
