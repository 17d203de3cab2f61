//! RPM's triggers: dpkg has none that run on another package's account, so they are reported. Those that only call
//! ldconfig are Debian's business already.

use super::ldconfig::{Effect, effect};
use crate::event::Notice;
use crate::printable::printable;
use crate::rpm::package::{Trigger, TriggerKind};

/// Says of each trigger what becomes of it.
pub(super) fn report(triggers: &[Trigger], notices: &mut Vec<Notice>) {
    for trigger in triggers {
        let kind = match trigger.kind {
            TriggerKind::Package => "trigger",
            TriggerKind::File => "file trigger",
            TriggerKind::TransactionFile => "transaction file trigger",
        };
        let conditions = printable(trigger.conditions.join(", ").as_bytes());
        notices.push(match effect(&trigger.interpreter, trigger.body.as_deref()) {
            Effect::Nothing => continue,
            Effect::OnlyLdconfig => {
                let text = format!("on {conditions} is left out: it calls ldconfig, which libc-bin's trigger does");
                Notice::note("trigger-ldconfig", kind, text)
            }
            Effect::Other => {
                let text = format!("on {conditions} is left out: dpkg cannot run it; see rpm2deb inspect --scripts");
                Notice::warning("trigger-dropped", kind, text)
            }
        });
    }
}
