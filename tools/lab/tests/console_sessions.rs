//! A console on a real bridge, in a namespace of its own: a partition finds it, has a session, is asked, beats; who has no
//! pinned key, keeps no rule or has too many connections is sent away, said once, and the partition's session goes on. And the
//! other way round: a false console is given up by a partition.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod caller;
mod outcome;

use std::net::SocketAddrV6;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use caller::{Caller, Card, Tells};
use lab::console::adversary::attack::{Attack, Target, attack};
use lab::console::adversary::impostor::{Imposture, Scene, pose};
use lab::console::key;
use lab::console::message::{FromConsole, News, Outcome};
use lab::console::session::sockets::Sockets;
use lab::console::session::{self, Handle, Order, Post};
use lab::network::{self, Namespace, NamespaceId};
use wire::hex::DrcIndex;
use wire::key::{PrivateKey, PublicKey};
use wire::message::dlpar::{Change, CpuTarget, Direction, Resize};
use wire::message::{Answer, Event, Request};

/// How long what must come may take.
const COMES: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "a_console_serves_its_partition_and_nobody_else";

const ATTACKS: [Attack; 9] = [
    Attack::ReplayedHeartbeats,
    Attack::Garbage,
    Attack::ThousandConnections,
    Attack::WrongKey,
    Attack::OldVersion,
    Attack::OversizedFrame,
    Attack::OtherIdentity,
    Attack::BadDatagrams,
    Attack::SlowLoris,
];

const IMPOSTURES: [Imposture; 5] =
    [Imposture::WrongKey, Imposture::OldVersion, Imposture::Garbage, Imposture::OversizedFrame, Imposture::Slow];

fn main() -> ExitCode {
    let Some(outer) = outcome::outer_namespace() else {
        return outcome::run(&[(NAME, outcome::again_in_a_namespace)]);
    };
    inside(&outer);
    ExitCode::SUCCESS
}

/// A console with what it told.
struct Console {
    handle: Handle,
    key: PublicKey,
    news: Receiver<(String, News)>,
}

fn inside(outer: &NamespaceId) {
    Namespace::claim(outer).unwrap().apply(&network::base(&[0])).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let link = nix::net::if_::if_nametoindex(network::management_bridge(0).as_str()).unwrap();
    let post = Post {
        system: "frame1".into(),
        bridge: network::management_bridge(0),
        address: network::console_address(0),
        key: directory.path().join("console.key"),
    };
    let mut console = Console::start(&post);
    let own = PrivateKey::from_seed(&[3; 32]).unwrap();
    console.pin("lpar1", 3, own.public());
    let caller = Caller::start(Card { own, id: 3, console: console.key, tells: Tells::AtOnce }, link);
    a_session_is_told_asked_and_beats(&mut console);
    who_attacks_is_sent_away(&mut console, SocketAddrV6::new(post.address, 657, 0, link));
    drop(caller);
    console.wait_for("its end", |news| matches!(news, News::Closed { .. }).then_some(()));
    console.ask(Request::Inventory {});
    let outcome = console.wait_for("an outcome", |news| match news {
        News::Ended { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    assert!(matches!(outcome, Outcome::NotAsked(_)), "{outcome:?}");
    a_partition_that_did_not_tell_is_asked_again(&mut console, link);
    a_partition_that_is_unpinned_is_told_goodbye(&mut console, link);
    drop(console);
    a_false_console_is_given_up(&post, link);
}

fn a_session_is_told_asked_and_beats(console: &mut Console) {
    console
        .wait_for("a session", |news| matches!(news, News::Opened { agent, .. } if agent == "caller 1").then_some(()));
    let told = console.wait_for("an inventory", |news| match news {
        News::Inventory(inventory) => Some(inventory.clone()),
        _ => None,
    });
    assert_eq!(*told, caller::inventory(3));
    let change = Change::Cpu { action: Direction::Add, target: CpuTarget::Index(DrcIndex(0x1000_0002)) };
    console.ask(Request::Resize(Resize { change, deadline_ms: 1000, allow_partial: false, dry_run: false }));
    console.wait_for("an answer", |news| {
        matches!(news, News::Ended { ask: 1, outcome: Outcome::Answered(Answer::Resize(_)) }).then_some(())
    });
    console.wait_for("the event", |news| matches!(news, News::Event(Event::Resized { .. })).then_some(()));
    console.wait_for("another inventory", |news| matches!(news, News::Inventory(_)).then_some(()));
    for _ in 0..2 {
        console.wait_for("a heartbeat", |news| matches!(news, News::Heard).then_some(()));
    }
}

/// All of them at once, and the partition's session neither ends nor misses heartbeats.
fn who_attacks_is_sent_away(console: &mut Console, address: SocketAddrV6) {
    let insider = PrivateKey::from_seed(&[4; 32]).unwrap();
    console.pin("intruder", 201, insider.public());
    let target = Target { interface: "lo", address, console: console.key, insider: (&insider, 201) };
    for what in ATTACKS {
        let seen = attack(&target, what).unwrap_or_else(|error| panic!("{what:?}: {error}"));
        println!("{what:?}: {seen}");
    }
    console.wait_for("a heartbeat after all that", |news| matches!(news, News::Heard).then_some(()));
}

/// The next agent is asked what the one that died did not answer; one that refuses to answer is asked again.
fn a_partition_that_did_not_tell_is_asked_again(console: &mut Console, link: u32) {
    for tells in [Tells::Never, Tells::AtOnce, Tells::AskedTwice] {
        let own = PrivateKey::from_seed(&[3; 32]).unwrap();
        let caller = Caller::start(Card { own, id: 3, console: console.key, tells }, link);
        console.wait_for("a session", |news| matches!(news, News::Opened { .. }).then_some(()));
        if tells != Tells::Never {
            console.wait_for("what it is", |news| matches!(news, News::Inventory(_)).then_some(()));
        }
        drop(caller);
        console.wait_for("its end", |news| matches!(news, News::Closed { .. }).then_some(()));
    }
}

fn a_partition_that_is_unpinned_is_told_goodbye(console: &mut Console, link: u32) {
    let own = PrivateKey::from_seed(&[3; 32]).unwrap();
    let caller = Caller::start(Card { own, id: 3, console: console.key, tells: Tells::AtOnce }, link);
    console.wait_for("another session", |news| matches!(news, News::Opened { .. }).then_some(()));
    console.handle.give(Order::Unpin { lpar: "lpar1".into() });
    let cause = console.wait_for("its end", |news| match news {
        News::Closed { cause } => Some(cause.clone()),
        _ => None,
    });
    assert_eq!(cause, "the partition has left this system");
    drop(caller);
}

/// By a partition that keeps to the rules.
fn a_false_console_is_given_up(post: &Post, link: u32) {
    let end = Instant::now() + COMES;
    // The real one is about to leave its port.
    let sockets = loop {
        match Sockets::open(&post.bridge, post.address) {
            Ok(sockets) => break sockets,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let console = key::read(&post.key).unwrap();
    let partition = PrivateKey::from_seed(&[3; 32]).unwrap().public();
    let scene = Scene { sockets: &sockets, console: &console, partition };
    for what in IMPOSTURES {
        let own = PrivateKey::from_seed(&[3; 32]).unwrap();
        let caller = Caller::start(Card { own, id: 3, console: console.public(), tells: Tells::AtOnce }, link);
        let seen = pose(&scene, what, 1, Instant::now() + COMES).unwrap_or_else(|error| panic!("{what:?}: {error}"));
        println!("{what:?}: {seen:?}");
        assert!(seen.is_turned_away(what, 1), "{what:?}");
        assert_eq!(seen.calls > 0, what != Imposture::WrongKey, "{what:?}");
        drop(caller);
    }
}

impl Console {
    fn start(post: &Post) -> Self {
        let key = key::make(&post.key).unwrap();
        let (sender, news) = channel();
        let handle = session::start(post, move |said| {
            if let FromConsole::Agent { lpar, news } = said {
                sender.send((lpar, news)).unwrap();
            }
        });
        Self { handle: handle.unwrap(), key, news }
    }

    fn pin(&mut self, lpar: &str, id: u8, key: PublicKey) {
        self.handle.give(Order::Pin { lpar: lpar.into(), id, key });
    }

    fn ask(&mut self, request: Request) {
        self.handle.give(Order::Ask { lpar: "lpar1".into(), ask: 1, request, patience: PATIENCE });
    }

    /// News of the partition, until one is what is waited for. A session that ends unexpectedly is a failure.
    fn wait_for<T>(&self, what: &str, pick: impl Fn(&News) -> Option<T>) -> T {
        let end = Instant::now() + COMES;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((lpar, news)) = self.news.recv_timeout(left) else { panic!("no {what} in {COMES:?}") };
            if lpar != "lpar1" {
                continue;
            }
            if let Some(found) = pick(&news) {
                return found;
            }
            assert!(!matches!(news, News::Closed { .. }), "waiting for {what}: {news:?}");
        }
    }
}
