//! What the network part may say when. The root part believes nothing that is not in this table.

use wire::phase::{Kind as RequestKind, Permit, Phase, permit};

use super::message::FromNetwork;

/// How far the network part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was started and has not said that it is confined.
    Starting,
    /// It is confined and serves.
    Serving,
    /// It was told to end.
    Ending,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Confined,
    Perform,
    Stop,
    Connected,
    Disconnected,
    FirstUse,
    Nobody,
    Seen,
}

use Rule::{Always, AsSession, FirstUseOnly, Never, TooLate};

/// On what a permission depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Never,
    Always,
    /// It may have been said before it was heard that all ends: no offence, and nothing is done.
    TooLate,
    /// On what the partition is doing: the session's own table (`wire::phase`), asked again on this side.
    AsSession,
    /// On the configuration, and on nobody being trusted yet.
    FirstUseOnly,
}

/// What is permitted: a row a kind of message, a column a stage.
#[rustfmt::skip]
const TABLE: [(Kind, [Rule; 3]); 8] = [
    //                   starting serving       ending
    (Kind::Confined,     [Always, Never,        TooLate]),
    (Kind::Perform,      [Never,  AsSession,    TooLate]),
    (Kind::Stop,         [Never,  Always,       Always]),
    (Kind::Connected,    [Never,  Always,       Always]),
    (Kind::Disconnected, [Never,  Always,       Always]),
    (Kind::FirstUse,     [Never,  FirstUseOnly, TooLate]),
    (Kind::Nobody,       [Never,  Always,       Always]),
    (Kind::Seen,         [Never,  Always,       Always]),
];

/// How a message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is permitted.
    Taken,
    /// It can be refused: a console may have asked too early, or this was said too late.
    Refused(Permit),
    /// It should not have been said: the network part is broken or taken over, and is ended.
    Outrageous,
}

/// What the judgement depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circumstances {
    pub(crate) stage: Stage,
    /// What the partition is doing.
    pub(crate) phase: Phase,
    /// Whether the first console that answers is believed.
    pub(crate) first_use: FirstUse,
}

/// Whether the first console that answers is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstUse {
    /// The configuration does not allow it.
    Forbidden,
    /// Somebody is trusted; that may not have been heard yet by who says it.
    Over,
    /// It is allowed, and nobody is trusted.
    Open,
}

/// Judges a message.
pub(crate) fn judge(message: &FromNetwork, circumstances: Circumstances) -> Judgement {
    let kind = kind(message);
    let row = TABLE.iter().find(|(of, _)| *of == kind).map(|(_, row)| row);
    let rule = row.map_or(Never, |row| row[circumstances.stage as usize]);
    match (rule, message) {
        (Always, _) => Judgement::Taken,
        (TooLate, _) => Judgement::Refused(Permit::No),
        (FirstUseOnly, _) => match circumstances.first_use {
            FirstUse::Open => Judgement::Taken,
            FirstUse::Over => Judgement::Refused(Permit::No),
            FirstUse::Forbidden => Judgement::Outrageous,
        },
        (AsSession, FromNetwork::Perform { request, .. }) => {
            match permit(RequestKind::of(request), circumstances.phase) {
                Permit::Yes => Judgement::Taken,
                refused => Judgement::Refused(refused),
            }
        }
        _ => Judgement::Outrageous,
    }
}

fn kind(message: &FromNetwork) -> Kind {
    match message {
        FromNetwork::Confined(_) => Kind::Confined,
        FromNetwork::Perform { .. } => Kind::Perform,
        FromNetwork::Stop { .. } => Kind::Stop,
        FromNetwork::Connected(_) => Kind::Connected,
        FromNetwork::Disconnected { .. } => Kind::Disconnected,
        FromNetwork::FirstUse(_) => Kind::FirstUse,
        FromNetwork::Nobody => Kind::Nobody,
        FromNetwork::Seen { .. } => Kind::Seen,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use wire::key::PublicKey;
    use wire::message::Request;
    use wire::message::dlpar::{Change, CpuTarget, Direction, Resize};
    use wire::message::inventory::Machine;
    use wire::message::migration::{Check, ConsoleContact, NewIdentity, Prepare, Suspend};
    use wire::message::request::{Shutdown, ShutdownAction};
    use wire::phase::PHASES;

    use super::super::message::{Confinement, Landlock, Session, Ticket};
    use super::*;

    const STAGES: [Stage; 3] = [Stage::Starting, Stage::Serving, Stage::Ending];

    fn perform(request: Request) -> FromNetwork {
        FromNetwork::Perform { ticket: Ticket(1), request: Box::new(request) }
    }

    fn messages() -> Vec<FromNetwork> {
        let key = PublicKey::from_bytes([1; 32]);
        let contact = ConsoleContact { name: "x".into(), key, addresses: vec![], port: 657 };
        let address = "10.0.0.1".parse().unwrap();
        let confinement = Confinement { unprivileged: true, no_new_privileges: true, landlock: Landlock::Full };
        vec![
            FromNetwork::Confined(confinement),
            perform(Request::Inventory {}),
            FromNetwork::Stop { ticket: Ticket(1) },
            FromNetwork::Connected(Session { console: "x".into(), key, address }),
            FromNetwork::Disconnected { why: "x".into() },
            FromNetwork::Nobody,
            FromNetwork::Seen { through: 1 },
            FromNetwork::FirstUse(contact),
        ]
    }

    fn judged(message: &FromNetwork, stage: Stage, first_use: FirstUse) -> Judgement {
        judge(message, Circumstances { stage, phase: Phase::Ready, first_use })
    }

    #[test]
    fn every_kind_in_every_stage() {
        use Judgement::{Outrageous, Refused, Taken};
        let too_late = Refused(Permit::No);
        let expected = [
            [Taken, Outrageous, too_late],
            [Outrageous, Taken, too_late],
            [Outrageous, Taken, Taken],
            [Outrageous, Taken, Taken],
            [Outrageous, Taken, Taken],
            [Outrageous, Taken, Taken],
            [Outrageous, Taken, Taken],
            [Outrageous, Taken, too_late],
        ];
        for (message, expected) in messages().iter().zip(expected) {
            assert_eq!(STAGES.map(|stage| judged(message, stage, FirstUse::Open)), expected, "{message:?}");
        }
        let first_use = messages().pop();
        for (allowed, expected) in [(FirstUse::Forbidden, Outrageous), (FirstUse::Over, too_late)] {
            assert_eq!(first_use.as_ref().map(|message| judged(message, Stage::Serving, allowed)), Some(expected));
        }
    }

    /// One request of each kind.
    fn requests() -> Vec<Request> {
        let migration = wire::hex::MigrationId(1);
        let machine = Machine { type_model: "8286-41A".into(), serial: "1".into() };
        let key = PublicKey::from_bytes([1; 32]);
        let console = ConsoleContact { name: "x".into(), key, addresses: vec![], port: 657 };
        let resize = |dry_run| {
            let change = Change::Cpu { action: Direction::Add, target: CpuTarget::Count(NonZeroU32::MIN) };
            Request::Resize(Resize { change, deadline_ms: 1, allow_partial: false, dry_run })
        };
        let (destination, deadline_ms) = (machine.clone(), 1);
        vec![
            Request::Inventory {},
            resize(true),
            resize(false),
            Request::MigrationCheck(Check { destination: None, deadline_ms }),
            Request::MigrationPrepare(Prepare { migration, destination, console, deadline_ms }),
            Request::MigrationSuspend(Suspend { migration, stream: wire::hex::StreamId(2) }),
            Request::MigrationAbort {},
            Request::MigrationUndo {},
            Request::Identity(NewIdentity { machine, id: 3 }),
            Request::Shutdown(Shutdown { action: ShutdownAction::Reboot, message: String::new(), delay_ms: 0 }),
        ]
    }

    #[test]
    fn every_request_in_every_phase_is_judged_by_the_sessions_table_on_this_side_too() {
        for (request, phase) in requests().into_iter().flat_map(|request| PHASES.map(|phase| (request.clone(), phase)))
        {
            let circumstances = Circumstances { stage: Stage::Serving, phase, first_use: FirstUse::Forbidden };
            let expected = match permit(RequestKind::of(&request), phase) {
                Permit::Yes => Judgement::Taken,
                refused => Judgement::Refused(refused),
            };
            assert_eq!(judge(&perform(request.clone()), circumstances), expected, "{request:?} while {phase:?}");
            for (stage, expected) in
                [(Stage::Starting, Judgement::Outrageous), (Stage::Ending, Judgement::Refused(Permit::No))]
            {
                let early_or_late = Circumstances { stage, ..circumstances };
                assert_eq!(judge(&perform(request.clone()), early_or_late), expected);
            }
        }
    }
}
