//! `lparlab run`: performs a scenario's steps on its own lab and reports. `perform` does one step, `report` writes what came of
//! all; here is the order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::lab::Lab;

mod compare;
mod deaths;
mod holding;
mod loads;
mod perform;
mod random;
pub mod report;
mod sessions;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As the scenario says, and what was seen.
    Passed(String),
    /// Otherwise, and what was seen.
    Failed(String),
    /// It could not be tried, and why.
    Skipped(String),
}

/// One step's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Result {
    /// The step's name.
    pub name: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// How long it took.
    pub took_ms: u64,
}

/// All results, and how long the migrations took partitions away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Results {
    /// The scenario's name.
    pub scenario: String,
    /// In the order of the steps.
    pub steps: Vec<Result>,
    /// Milliseconds from each partition's start to its greeting.
    pub ready_ms: Vec<u64>,
    /// Milliseconds without an answer, one a completed migration.
    pub blackouts_ms: Vec<u64>,
    /// Milliseconds from the wake-up until the partition's agent had reported, one a completed migration of one that has an agent.
    pub agents_back_ms: Vec<u64>,
}

impl Results {
    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step.outcome, Outcome::Failed(_)))
    }
}

/// Of durations.
fn median_and_worst(all: &[u64]) -> Option<(u64, u64)> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
}

/// Performs all steps in order. After a failure the others still run: each says what it shows by itself.
pub fn run(lab: &Arc<Lab>, mut tell: impl FnMut(&Result)) -> Results {
    let mut results = Results { scenario: lab.scenario.name.clone(), ..Results::default() };
    let mut performer = perform::Performer::new(lab);
    for step in &lab.scenario.steps {
        let started = Instant::now();
        let outcome = performer.perform(&step.deed);
        let result = Result { name: step.name.clone(), outcome, took_ms: milliseconds(started.elapsed()) };
        tell(&result);
        results.steps.push(result);
    }
    results.blackouts_ms = performer.blackouts_ms;
    results.agents_back_ms = performer.agents_back_ms;
    results.ready_ms = lab.partitions.iter().filter_map(|partition| partition.view().ready_after_ms).collect();
    results
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
