//! The whole table against the rules that it follows from, and every transition.
#![allow(clippy::match_same_arms, clippy::enum_glob_use)]

use super::*;

const KINDS: [Kind; TABLE.len()] = [
    Kind::Inventory,
    Kind::Plan,
    Kind::Resize,
    Kind::Check,
    Kind::Prepare,
    Kind::Suspend,
    Kind::Abort,
    Kind::Undo,
    Kind::Identity,
    Kind::Shutdown,
];

/// Phases that end by themselves.
const UNDER_WAY: [Phase; 5] = [Phase::Changing, Phase::Checking, Phase::Preparing, Phase::Undoing, Phase::Resuming];

#[test]
fn every_pair_of_kind_and_phase_follows_from_the_rules() {
    for kind in KINDS {
        for phase in PHASES {
            assert_eq!(permit(kind, phase), expected(kind, phase), "{kind:?} in {phase}");
        }
    }
}

/// The rules, in words of their own.
fn expected(kind: Kind, phase: Phase) -> Permit {
    let under_way = UNDER_WAY.contains(&phase);
    match (kind, phase) {
        // Nobody who has not been welcomed, and nothing that stands still, is asked anything.
        (_, Phase::Greeting | Phase::Suspended) => No,
        // To look is always allowed; a plan is void where something changes.
        (Kind::Inventory, _) => Yes,
        (Kind::Plan, Phase::Changing | Phase::Resuming) => Later,
        (Kind::Plan, Phase::Leaving) => No,
        (Kind::Plan, _) => Yes,
        // Where another console decides, and where it shuts down, nothing else.
        (_, Phase::Observer | Phase::Leaving) => No,
        // To suspend needs a preparation, done or under way.
        (Kind::Suspend, Phase::Prepared) => Yes,
        (Kind::Suspend, Phase::Preparing) => Later,
        (Kind::Suspend, _) => No,
        // To go back is possible until the suspension. A console that went back itself may undo once the partition has noticed.
        (Kind::Abort, Phase::Resuming) => No,
        (Kind::Abort, _) => Yes,
        (Kind::Undo, Phase::Prepared) => Yes,
        // A partition that waits to be suspended stays as it is.
        (_, Phase::Prepared) => No,
        (Kind::Identity, Phase::Resuming) => Yes,
        _ if under_way => Later,
        _ => Yes,
    }
}

#[test]
fn the_protocol_shows_the_same_table() {
    let protocol = include_str!("../../PROTOCOL.md");
    let rows: Vec<Vec<&str>> = protocol
        .lines()
        .skip_while(|line| !line.starts_with("| request \\ phase"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows[0][1..], PHASES.map(Phase::name));
    for ((kind, row), shown) in TABLE.iter().zip(&rows[2..]) {
        let words = row.map(|permit| match permit {
            Yes => "yes",
            Later => "later",
            No => "-",
        });
        assert_eq!(shown[1..], words, "{kind:?}");
        assert_eq!(shown[0], name_in_the_protocol(*kind));
    }
    assert_eq!(rows.len(), TABLE.len() + 2);
}

fn name_in_the_protocol(kind: Kind) -> &'static str {
    match kind {
        Kind::Inventory => "`inventory`",
        Kind::Plan => "`resize`, `dry_run`",
        Kind::Resize => "`resize`",
        Kind::Check => "`migration_check`",
        Kind::Prepare => "`migration_prepare`",
        Kind::Suspend => "`migration_suspend`",
        Kind::Abort => "`migration_abort`",
        Kind::Undo => "`migration_undo`",
        Kind::Identity => "`identity`",
        Kind::Shutdown => "`shutdown`",
    }
}

#[test]
fn what_is_under_way_refuses_a_second_of_its_kind() {
    for (kind, row) in TABLE {
        for (phase, permit) in PHASES.into_iter().zip(row) {
            let during = phase.begun(kind);
            if permit == Yes && during != phase {
                assert_ne!(super::permit(kind, during), Yes, "{kind:?} from {phase}");
            }
        }
    }
}

#[test]
fn every_permitted_request_ends_where_the_drawing_says() {
    use Phase::*;
    // kind, in, during, after success, after failure
    let cases = [
        (Kind::Inventory, Ready, Ready, Ready, Ready),
        (Kind::Plan, Prepared, Prepared, Prepared, Prepared),
        (Kind::Resize, Ready, Changing, Ready, Ready),
        (Kind::Identity, Ready, Changing, Ready, Ready),
        (Kind::Identity, Resuming, Resuming, Resuming, Resuming),
        (Kind::Check, Ready, Checking, Ready, Ready),
        (Kind::Prepare, Ready, Preparing, Prepared, Ready),
        (Kind::Suspend, Prepared, Suspended, Prepared, Prepared),
        (Kind::Abort, Preparing, Preparing, Preparing, Preparing),
        (Kind::Undo, Ready, Undoing, Ready, Ready),
        (Kind::Undo, Prepared, Undoing, Ready, Ready),
        (Kind::Shutdown, Ready, Leaving, Leaving, Ready),
    ];
    for (kind, before, during, success, failure) in cases {
        assert_eq!(permit(kind, before), Yes);
        assert_eq!(before.begun(kind), during, "{kind:?} begun in {before}");
        assert_eq!(during.finished(kind, true), success, "{kind:?} after {before}");
        assert_eq!(during.finished(kind, false), failure, "failed {kind:?} after {before}");
    }
}

#[test]
fn a_migration_ends_in_ready_whatever_began_it_but_observing_and_leaving_go_on() {
    for phase in PHASES {
        let stays = matches!(phase, Phase::Observer | Phase::Leaving);
        assert_eq!(phase.resumed(), if stays { phase } else { Phase::Resuming });
        assert_eq!(phase.resumed().settled(), if stays { phase } else { Phase::Ready });
        for kind in KINDS.into_iter().filter(|kind| !kind.only_reads()) {
            assert_eq!(Phase::Resuming.finished(kind, true), Phase::Resuming, "{kind:?} that was cut off by it");
        }
    }
}
