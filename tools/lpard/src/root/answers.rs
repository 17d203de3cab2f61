//! What the control socket answers, as varlink values. Pure, but for what is handed in.

use serde_json::{Value, json};
use wire::message::Answer;
use wire::message::dlpar::ResizeOutcome;

use crate::control::Failure;
use crate::resize::Step;

/// The answer of the agent to somebody on this machine.
pub(super) fn answer(answer: Answer) -> Result<Value, Failure> {
    match answer {
        Answer::Inventory(inventory) => value(json!({ "inventory": inventory })),
        Answer::Resize(outcome) => value(outcome_of(&outcome)),
        Answer::Readiness(readiness) => value(json!({ "ready": readiness.ready, "findings": readiness.findings })),
        Answer::Done {} => value(json!({})),
        Answer::Failed(failed) => Err(Failure::failed(failed.text)),
        Answer::Refused(refusal) => {
            Err(Failure::ours("Refused", json!({ "reason": refusal.reason, "text": refusal.text })))
        }
    }
}

#[allow(clippy::unnecessary_wraps)] // it is one of several results
fn value(value: Value) -> Result<Value, Failure> {
    Ok(value)
}

fn outcome_of(outcome: &ResizeOutcome) -> Value {
    json!({ "outcome": outcome })
}

/// A step of a change of resources.
pub(super) fn progress(Step { done, of, text }: &Step) -> Value {
    json!({ "progress": { "done": done, "of": of, "text": text } })
}
