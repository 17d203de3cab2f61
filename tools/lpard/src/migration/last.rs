//! The last migration, for agents to come: what consoles and administrators ask for after a restart or a boot.

use sysroot::Sysroot;
use wire::message::migration::MigrationRecord;

const DIRECTORY: &str = "var/lib/lparkit";
const PATH: &str = "var/lib/lparkit/last-migration";

/// Why it could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("keep the last migration")]
    Os(#[from] sysroot::Error),
    #[error("write the last migration as JSON")]
    Json(#[from] serde_json::Error),
}

/// Keeps it.
pub(crate) fn keep(sysroot: &Sysroot, migration: &MigrationRecord) -> Result<(), KeepError> {
    sysroot.create_directories(DIRECTORY)?;
    Ok(sysroot.replace_file(PATH, &serde_json::to_vec(migration)?, 0o644)?)
}

/// The one that was kept. What cannot be read is none.
pub(crate) fn read(sysroot: &Sysroot) -> Option<MigrationRecord> {
    serde_json::from_str(&sysroot.read_text_if_present(PATH).ok()??).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::message::inventory::Machine;

    use super::*;

    #[test]
    fn it_is_known_to_the_next_agent_and_nonsense_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        assert_eq!(read(&sysroot), None);
        let machine = |serial: &str| Machine { type_model: "8286-41A".into(), serial: serial.into() };
        let record = MigrationRecord { migration: None, from: machine("1"), to: machine("2"), suspended_ms: 900 };
        keep(&sysroot, &record).unwrap();
        assert_eq!(read(&sysroot), Some(record));
        sysroot.replace_file(PATH, b"[1", 0o644).unwrap();
        assert_eq!(read(&sysroot), None);
    }
}
