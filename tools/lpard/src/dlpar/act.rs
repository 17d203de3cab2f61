//! Acts on a plan: attempts in order until the quota is reached, each one in the journal before it begins; when the quota is
//! missed and the terms want all or nothing, what was done is undone in reverse.

use super::effect::{came_back, devices_that_came_with};
use super::journal::{Entry, Journal, Unwritable};
use super::kernel::{Kernel, StepError};
use super::outcome::{Failure, Outcome, Shortfall};
use super::plan::{self, Plan};
use super::request::{Request, Terms};
use super::step::Step;

/// What happened just now.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A step begins.
    Begin(&'a Step),
    /// It is done.
    Done(&'a Step),
    /// The kernel refused it.
    Failed(&'a Step, &'a StepError),
    /// It is taken back.
    Undone(&'a Step),
}

/// Who watches, and until when.
pub struct Watch<'a> {
    /// Hears of every step.
    pub progress: &'a mut dyn FnMut(Progress<'_>),
    /// Whether the deadline has passed. Asked between steps: a step that has begun cannot be stopped.
    pub expired: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Does what the plan says.
pub fn act(plan: &Plan, kernel: &mut dyn Kernel, journal: &mut dyn Journal, watch: &mut Watch<'_>) -> Outcome {
    let mut outcome = Outcome::of(plan);
    let mut actor = Actor { kernel, journal, watch };
    let shortfall = actor.attempt_all(plan, &mut outcome);
    let missed = shortfall.is_some();
    outcome.shortfall = shortfall.or_else(|| plan.limit.clone().map(Shortfall::Limit));
    if missed && !plan.terms.partial {
        let done = std::mem::take(&mut outcome.done);
        let taken = actor.take_back(done, plan.in_order);
        (outcome.done, outcome.undone, outcome.stuck) = (taken.kept, taken.undone, taken.stuck);
    }
    actor.close();
    outcome
}

/// Who acts: on what, written down where, watched by whom.
pub(super) struct Actor<'a, 'w> {
    pub(super) kernel: &'a mut dyn Kernel,
    pub(super) journal: &'a mut dyn Journal,
    pub(super) watch: &'a mut Watch<'w>,
}

enum Trouble {
    Kernel(StepError),
    Journal(Unwritable),
}

/// What became of the steps that should be taken back.
#[derive(Debug, Default)]
pub(super) struct TakenBack {
    /// Still done, in the order in which they were done.
    pub(super) kept: Vec<Step>,
    /// Taken back.
    pub(super) undone: Vec<Step>,
    /// The undoing that the kernel refused.
    pub(super) stuck: Vec<Failure>,
}

impl Actor<'_, '_> {
    /// Attempts until the quota is reached; says why it was not.
    fn attempt_all(&mut self, plan: &Plan, outcome: &mut Outcome) -> Option<Shortfall> {
        let (request, partial, in_order) = (plan.request.to_string(), plan.terms.partial, plan.in_order);
        if let Err(error) = self.journal.append(&Entry::Opened { request, partial, in_order }) {
            return Some(Shortfall::Journal(error));
        }
        let done_first = self.attempt(plan, outcome);
        match &plan.then {
            Some(then) if done_first.is_none() => self.follow(then, outcome),
            _ => done_first,
        }
    }

    /// Attempts what can be planned only now.
    fn follow(&mut self, then: &Request, outcome: &mut Outcome) -> Option<Shortfall> {
        let inventory = match self.kernel.observe(then) {
            Ok(inventory) => inventory,
            Err(error) => return Some(Shortfall::Blind(error.to_string())),
        };
        match plan::plan(then, Terms::default(), &inventory) {
            Ok(mut plan) => {
                outcome.asked += plan.asked;
                plan.quota += outcome.amount();
                self.attempt(&plan, outcome)
            }
            Err(refusal) => Some(Shortfall::Limit(refusal)),
        }
    }

    /// Attempts the steps of one plan.
    fn attempt(&mut self, plan: &Plan, outcome: &mut Outcome) -> Option<Shortfall> {
        for step in &plan.attempts {
            let missing = plan.quota.saturating_sub(outcome.amount());
            if missing == 0 {
                return None;
            }
            if step.amount() > missing {
                continue;
            }
            if (self.watch.expired)() {
                return Some(Shortfall::Deadline);
            }
            match self.perform(step) {
                Ok(()) => outcome.done.push(step.clone()),
                Err(Trouble::Kernel(error)) => {
                    outcome.failed.push(Failure { step: step.clone(), error });
                    if plan.in_order {
                        return Some(Shortfall::Refused);
                    }
                }
                Err(Trouble::Journal(error)) => return Some(Shortfall::Journal(error)),
            }
        }
        (outcome.amount() < plan.quota).then_some(Shortfall::Refused)
    }

    fn perform(&mut self, step: &Step) -> Result<(), Trouble> {
        self.journal.append(&Entry::Began { step: step.clone() }).map_err(Trouble::Journal)?;
        (self.watch.progress)(Progress::Begin(step));
        let result = self.kernel.perform(step);
        // What is done is done whether or not it can be written down: the reader of a step that began looks for itself.
        match &result {
            Ok(()) => {
                let _ = self.journal.append(&Entry::Done { step: step.clone() });
                (self.watch.progress)(Progress::Done(step));
            }
            Err(error) => {
                let _ = self.journal.append(&Entry::Failed { step: step.clone(), error: error.to_string() });
                (self.watch.progress)(Progress::Failed(step, error));
            }
        }
        result.map_err(Trouble::Kernel)
    }

    /// Takes back steps, the last one first. What cannot be taken back stays done; where each step needs those before it, these
    /// stay too. The deadline does not count here: half of a request is worse than a late answer.
    pub(super) fn take_back(&mut self, mut done: Vec<Step>, in_order: bool) -> TakenBack {
        let mut taken = TakenBack::default();
        let mut refused = Vec::new();
        while let Some(step) = done.pop() {
            match self.undo(&step, &taken.undone) {
                Ok(()) => {
                    let _ = self.journal.append(&Entry::Undone { step: step.clone() });
                    (self.watch.progress)(Progress::Undone(&step));
                    taken.undone.push(step);
                }
                Err(failures) => {
                    taken.stuck.extend(failures);
                    refused.push(step);
                    if in_order {
                        break;
                    }
                }
            }
        }
        refused.reverse();
        taken.kept = done;
        taken.kept.extend(refused);
        taken
    }

    /// Undoes one step. A slot or bridge goes after the devices that came with it; when it stays, they are looked for again.
    fn undo(&mut self, step: &Step, undone: &[Step]) -> Result<(), Vec<Failure>> {
        if came_back(step, undone, self.kernel) {
            return Ok(());
        }
        let mut gone = Vec::new();
        for undoing in devices_that_came_with(step, self.kernel).into_iter().chain([step.undo()]) {
            match self.kernel.perform(&undoing) {
                Ok(()) => gone.push(undoing),
                Err(error) => {
                    let mut failures = vec![Failure { step: undoing, error }];
                    failures.extend(self.bring_back(&gone));
                    return Err(failures);
                }
            }
        }
        Ok(())
    }

    /// Looks for devices again; the first look that succeeds finds all of them.
    fn bring_back(&mut self, devices: &[Step]) -> Vec<Failure> {
        let mut failures = Vec::new();
        for step in devices.iter().map(Step::undo) {
            match self.kernel.perform(&step) {
                Ok(()) => return Vec::new(),
                Err(error) => failures.push(Failure { step, error }),
            }
        }
        failures
    }

    /// A journal without this line makes its next reader look at what was done, which does no harm.
    pub(super) fn close(&mut self) {
        let _ = self.journal.append(&Entry::Closed);
    }
}
