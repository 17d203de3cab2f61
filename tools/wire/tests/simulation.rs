//! Whatever befalls the connection, the agent and the consoles: a change is made at most once and one at a time, a request has
//! one outcome, an event is heard once and in order, and in the end the partition is active again.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use wire::console::Outcome;
use wire::message::Event;
use wire::phase::Phase;

use world::{Blow, World};

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        4 => any::<bool>().prop_map(|change| Blow::Ask { change }),
        3 => Just(Blow::Happen),
        3 => any::<(bool, bool)>().prop_map(|(partition_notices, console_notices)| Blow::Cut { partition_notices, console_notices }),
        2 => (0_u64..20_000).prop_map(|ms| Blow::Stall { ms }),
        2 => (1_u32..12).prop_map(|count| Blow::LoseBeats { count }),
        1 => Just(Blow::RestartAgent),
        1 => Just(Blow::RestartConsole),
        2 => any::<bool>().prop_map(|kernel_refuses| Blow::Migrate { kernel_refuses }),
    ]
}

/// Long enough for every silence to be noticed, every wait before a call to end, and every console's patience.
const QUIET: Duration = Duration::from_secs(900);

fn ordered_by_number(events: &[Event]) -> Vec<u64> {
    let number = |event: &Event| match event {
        Event::ShuttingDown { text } => Some(text.parse().unwrap()),
        _ => None,
    };
    events.iter().filter_map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn promises_are_kept(
        random: u32,
        blows in prop::collection::vec((0_u64..9_000, blow()), 0..40),
    ) {
        let mut world = World::new(random);
        for (wait_ms, blow) in &blows {
            world.run(Duration::from_millis(*wait_ms));
            world.strike(blow);
        }
        world.run(QUIET);
        world.tidy();
        world.run(Duration::from_secs(30));

        prop_assert!(world.is_active(), "it comes back");
        prop_assert_eq!(world.phase(), Phase::Ready);
        prop_assert_eq!(world.accusations(), Vec::<&wire::message::Goodbye>::new());
        prop_assert!(world.engine().begun.values().all(|times| *times == 1), "{:?}", world.engine().begun);
        prop_assert_eq!(world.engine().overlaps, 0);

        let restarted = blows.iter().any(|(_, blow)| matches!(blow, Blow::RestartAgent));
        for asked in &world.asked {
            let outcomes = world.outcomes.get(asked).cloned().unwrap_or_default();
            prop_assert_eq!(outcomes.len(), 1, "{:?}: {:?}", asked, outcomes);
            let is_answered = matches!(outcomes[0], Outcome::Answered(_));
            prop_assert!(is_answered || restarted || world.migrations > 0, "{:?}", outcomes);
        }

        prop_assert_eq!(world.unseen_events(), 0);
        let consoles_restarted = blows.iter().any(|(_, blow)| matches!(blow, Blow::RestartConsole));
        let heard = ordered_by_number(&world.heard);
        let told = ordered_by_number(&world.told.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>());
        if !restarted {
            let heard: BTreeSet<u64> = heard.iter().copied().collect();
            prop_assert_eq!(heard, told.iter().copied().collect::<BTreeSet<_>>(), "none is lost");
        }
        if !consoles_restarted && world.migrations == 0 {
            prop_assert!(heard.is_sorted_by(|before, after| before < after), "in order, each once: {heard:?}");
        }
    }
}

#[test]
fn a_quiet_session_beats_and_does_nothing_else() {
    let mut world = World::new(1);
    world.run(Duration::from_secs(3600));
    assert!(world.is_active());
    assert!(world.goodbyes.is_empty());
}

#[test]
fn a_migration_ends_at_the_other_console_with_its_report() {
    let mut world = World::new(1);
    world.run(Duration::from_secs(1));
    world.strike(&Blow::Migrate { kernel_refuses: false });
    world.run(Duration::from_secs(10));
    assert_eq!(world.migrations, 1);
    assert!(world.is_active());
    assert!(matches!(world.heard[..], [Event::Resumed(_), Event::Settled { .. }]), "{:?}", world.heard);
}
