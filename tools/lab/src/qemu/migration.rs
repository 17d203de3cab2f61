//! How far a migration is: query-migrate's answer as a typed state.

use std::time::Duration;

use serde_json::Value;

use crate::qmp::{Qmp, QmpError};

/// State of a migration, seen from one of its two QEMUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// None was begun.
    None,
    /// Begun; nothing sent yet.
    Setup,
    /// The guest's memory is on its way, or its devices.
    Active {
        /// Sent so far.
        transferred_bytes: u64,
        /// Still to be sent.
        remaining_bytes: u64,
        /// All of it.
        total_bytes: u64,
    },
    /// It arrived.
    Completed {
        /// From beginning to end.
        total: Duration,
        /// How long the machine stood still for it.
        downtime: Duration,
    },
    /// It was cancelled, or is being so.
    Cancelled {
        /// Whether that is done.
        done: bool,
    },
    /// It failed; the source has the guest.
    Failed {
        /// QEMU's words.
        reason: String,
    },
    /// A state of another kind of migration (postcopy, COLO), which the lab never begins.
    Foreign(String),
}

impl Progress {
    /// Whether nothing more will happen.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Cancelled { done: true } | Self::Failed { .. })
    }

    /// Reads query-migrate's answer.
    pub fn from_answer(answer: &Value) -> Self {
        let milliseconds = |key: &str| Duration::from_millis(answer[key].as_u64().unwrap_or(0));
        let memory = |key: &str| answer["ram"][key].as_u64().unwrap_or(0);
        let status = answer["status"].as_str().unwrap_or("none");
        match status {
            "none" => Self::None,
            "setup" => Self::Setup,
            "active" | "device" | "pre-switchover" | "wait-unplug" => Self::Active {
                transferred_bytes: memory("transferred"),
                remaining_bytes: memory("remaining"),
                total_bytes: memory("total"),
            },
            "completed" => Self::Completed { total: milliseconds("total-time"), downtime: milliseconds("downtime") },
            "cancelling" => Self::Cancelled { done: false },
            "cancelled" => Self::Cancelled { done: true },
            "failed" => {
                let reason = answer["error-desc"].as_str().unwrap_or("QEMU gives no reason");
                Self::Failed { reason: reason.to_owned() }
            }
            other => Self::Foreign(other.to_owned()),
        }
    }
}

/// Asks how far it is.
pub fn migration_progress(qmp: &mut Qmp) -> Result<Progress, QmpError> {
    qmp.execute("query-migrate", Value::Null).map(|answer| Progress::from_answer(&answer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_answer_has_its_state() {
        let ram = json!({"transferred": 5, "remaining": 6, "total": 11});
        let active = Progress::Active { transferred_bytes: 5, remaining_bytes: 6, total_bytes: 11 };
        let completed = Progress::Completed { total: Duration::from_millis(600), downtime: Duration::from_millis(20) };
        let cases = [
            (json!({}), Progress::None, false),
            (json!({"status": "setup"}), Progress::Setup, false),
            (json!({"status": "active", "ram": ram}), active, false),
            (json!({"status": "completed", "total-time": 600, "downtime": 20}), completed, true),
            (json!({"status": "cancelling"}), Progress::Cancelled { done: false }, false),
            (json!({"status": "cancelled"}), Progress::Cancelled { done: true }, true),
            (
                json!({"status": "failed", "error-desc": "Broken pipe"}),
                Progress::Failed { reason: "Broken pipe".into() },
                true,
            ),
            (json!({"status": "colo"}), Progress::Foreign("colo".into()), false),
        ];
        for (answer, expected, is_final) in cases {
            let progress = Progress::from_answer(&answer);
            assert_eq!((&progress, progress.is_final()), (&expected, is_final), "{answer}");
        }
    }
}
