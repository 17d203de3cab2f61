//! What becomes of a request: performed, answered from memory, or refused with the reason.

use std::time::Duration;

use super::ledger::{Owner, Recollection};
use super::{Note, Output, Partition, Running, Session, Stage, Ticket};
use crate::message::answer::{Refusal, RefusalReason};
use crate::message::greeting::GoodbyeReason;
use crate::message::{Answer, FromPartition, Order, Reply, Request, RequestId, Undecodable};
use crate::phase::{Kind, Permit, Phase, permit};
use crate::rate::Judgement;

impl Partition {
    /// A request came.
    pub(super) fn order(&mut self, now: Duration, Order { id, request }: Order, out: &mut Vec<Output>) {
        if !self.is_within_rate(now, id, out) {
            return;
        }
        let kind = Kind::of(&request);
        match self.ledger.recall(id, &request) {
            Recollection::New => {}
            Recollection::Forgotten if kind.only_reads() => {}
            Recollection::Running => return,
            Recollection::Answered(answer) => return out.push(send_answer(id, answer.clone())),
            Recollection::Other => {
                return refuse(id, RefusalReason::NameReused, "another request had this name", out);
            }
            Recollection::Forgotten => {
                return refuse(id, RefusalReason::Forgotten, "what became of this request is not known any more", out);
            }
        }
        match self.objection(kind, &request) {
            Some((reason, text)) => refuse(id, reason, &text, out),
            None => self.perform(id, kind, request, out),
        }
    }

    /// What came is no message, but perhaps a request that can be answered.
    pub(super) fn complain(&mut self, now: Duration, error: &Undecodable, out: &mut Vec<Output>) {
        let text = error.explained();
        let (id, reason) = match error {
            Undecodable::Unsupported { id, .. } => (*id, RefusalReason::Unsupported),
            Undecodable::Malformed { id, .. } => (*id, RefusalReason::Malformed),
            Undecodable::NoMessage(_) => return self.end(GoodbyeReason::Protocol, &text, out),
        };
        if self.is_within_rate(now, id, out) {
            refuse(id, reason, &text, out);
        }
    }

    fn is_within_rate(&mut self, now: Duration, id: RequestId, out: &mut Vec<Output>) -> bool {
        let Some(Session { stage: Stage::Open { rate, .. }, .. }) = &mut self.session else { return false };
        let judgement = rate.judge(now);
        match judgement {
            Judgement::Within => {}
            Judgement::Beyond => refuse(id, RefusalReason::Rate, "too many requests in too short a time", out),
            Judgement::Flood => self.end(GoodbyeReason::Rate, "too many requests in too short a time", out),
        }
        judgement == Judgement::Within
    }

    /// Why a new request is not performed now.
    fn objection(&self, kind: Kind, request: &Request) -> Option<(RefusalReason, String)> {
        let phase = self.phase;
        match permit(kind, phase) {
            Permit::Yes => {}
            Permit::Later => return Some((RefusalReason::Busy, format!("the partition is {phase}; ask again later"))),
            Permit::No if phase == Phase::Observer => {
                return Some((
                    RefusalReason::Observer,
                    "the partition only watches: another console decides".to_owned(),
                ));
            }
            Permit::No => return Some((RefusalReason::Phase, format!("not while the partition is {phase}"))),
        }
        if let Some(running) = self.running.as_ref().filter(|_| !kind.only_reads() && kind != Kind::Abort) {
            let text = format!("request {} is under way; ask again later", running.ticket.id.0);
            return Some((RefusalReason::Busy, text));
        }
        let Request::MigrationSuspend(suspend) = request else { return None };
        let is_prepared = self.migration == Some(suspend.migration);
        (!is_prepared).then(|| (RefusalReason::OtherMigration, "another migration was prepared".to_owned()))
    }

    fn perform(&mut self, id: RequestId, kind: Kind, request: Request, out: &mut Vec<Output>) {
        let (Some(session), Some(owner)) = (&self.session, self.ledger.owner()) else { return };
        let ticket = Ticket { session: session.number, id };
        if kind.only_reads() {
            out.push(Output::Perform { ticket, request });
            return;
        }
        self.ledger.begin(id, request.clone());
        if kind == Kind::Abort {
            self.abort(owner, id, out);
            return;
        }
        if let Request::MigrationPrepare(prepare) = &request {
            self.migration = Some(prepare.migration);
        }
        self.phase = self.phase.begun(kind);
        self.running = Some(Running { ticket, owner, kind });
        out.push(Output::Perform { ticket, request });
    }

    /// Done at once: what is stopped has an answer of its own.
    fn abort(&mut self, owner: Owner, id: RequestId, out: &mut Vec<Output>) {
        let stoppable = |running: &&Running| matches!(running.kind, Kind::Check | Kind::Prepare);
        out.extend(self.running.as_ref().filter(stoppable).map(|running| Output::Stop(running.ticket)));
        self.ledger.finish(owner, id, Answer::Done {});
        out.push(send_answer(id, Answer::Done {}));
    }
}

fn refuse(id: RequestId, reason: RefusalReason, text: &str, out: &mut Vec<Output>) {
    let refusal = Refusal { reason, text: text.to_owned() };
    out.push(send_answer(id, Answer::Refused(refusal.clone())));
    out.push(Output::Note(Note::Refused(id, refusal)));
}

fn send_answer(id: RequestId, answer: Answer) -> Output {
    Output::Send(FromPartition::Answer(Reply { id, answer }))
}
