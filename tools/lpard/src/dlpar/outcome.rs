//! What came of a request: asked, done, and why not more.

use std::fmt;

use super::journal::Unwritable;
use super::kernel::StepError;
use super::plan::{Plan, Refusal};
use super::step::Step;

/// The account of a plan that was acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// How much was asked for.
    pub asked: u32,
    /// The steps that were done and stay done, in that order.
    pub done: Vec<Step>,
    /// The steps that the kernel refused.
    pub failed: Vec<Failure>,
    /// Why less was done than asked.
    pub shortfall: Option<Shortfall>,
    /// The steps that were done and then undone.
    pub undone: Vec<Step>,
    /// The steps that should have been undone and could not be. They are among `done`.
    pub stuck: Vec<Failure>,
}

/// A step and why the kernel refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// The kernel's answer.
    pub error: StepError,
}

/// Why less was done than asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// It was known from the start that there is not more.
    Limit(Refusal),
    /// All that could have done it was tried, and the kernel refused.
    Refused,
    /// What came up half way could not be looked at.
    Blind(String),
    /// The deadline passed.
    Deadline,
    /// It could not be written down what was about to be done, and so it was not done.
    Journal(Unwritable),
}

impl Outcome {
    /// Of a plan of which nothing has been done.
    pub(super) fn of(plan: &Plan) -> Self {
        Self { asked: plan.asked, done: vec![], failed: vec![], shortfall: None, undone: vec![], stuck: vec![] }
    }

    /// How much was done and stays done.
    pub fn amount(&self) -> u32 {
        self.done.iter().map(Step::amount).sum()
    }

    /// Whether nothing was even tried.
    pub fn is_untouched(&self) -> bool {
        self.done.is_empty() && self.failed.is_empty() && self.undone.is_empty()
    }

    /// Whether all that was asked was done.
    pub fn is_complete(&self) -> bool {
        self.shortfall.is_none()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.step, self.error)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(refusal) => refusal.fmt(f),
            Self::Refused => f.write_str("the kernel or the firmware refused what was tried"),
            Self::Blind(reason) => write!(f, "what was added cannot be looked at: {reason}"),
            Self::Deadline => f.write_str("the deadline passed"),
            Self::Journal(error) => write!(f, "the journal cannot be written: {error}"),
        }
    }
}

/// The account for a person.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} done", self.amount(), self.asked)?;
        if let Some(shortfall) = &self.shortfall {
            write!(f, ": {shortfall}")?;
        }
        for failure in &self.failed {
            write!(f, "\n{failure}")?;
        }
        if !self.undone.is_empty() {
            write!(f, "\nwhat had been done was undone")?;
        }
        for failure in &self.stuck {
            write!(f, "\nwhat was done could not be undone: {failure}")?;
        }
        Ok(())
    }
}
