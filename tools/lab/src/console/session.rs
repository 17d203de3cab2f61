//! A console's sessions with the agents in its partitions: it listens on its port of the MGMTSWITCH, answers who asks for
//! it, and talks to whom it knows.
//!
//! ```text
//!                  .-- questions --- datagrams --> answer, signed
//! UDP 657 ---------'-- heartbeats -'    |
//! TCP 657 --- wire's door --- TLS, a pinned key ---> partner: wire::console ---> news for the lab
//!                 '-- refused, said once (complaints)             ^
//!                                      orders of the lab --------'
//! ```
//!
//! One thread, one poll(2). What a message means is decided in `wire`; what it is good for, in the lab. Nothing that comes
//! from the network before a pinned key was proved can take more than [`Door`] and [`STRANGERS_BYTES`] allow.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::net::Ipv6Addr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use wire::admission::Door;
use wire::console::{Input, Settings};
use wire::hex::RunId;
use wire::key::{PrivateKey, PublicKey};
use wire::message::Request;
use wire::message::greeting::GoodbyeReason;
use wire::tls::{self, Trust};

use super::key;
use super::message::{FromConsole, News};
use complaints::Complaints;
use connection::{Connection, ConnectionId};
use datagrams::Answers;
use partner::Partner;
use sockets::Sockets;

mod complaints;
mod connection;
mod datagrams;
mod partner;
pub mod sockets;
mod turn;
mod visits;

/// Short, so that a lost partition shows within seconds: this is a lab.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// What is taken of a stranger: TLS's handshake has some 1,500 bytes, and a greeting may come with its end.
const STRANGERS_BYTES: usize = 72 << 10;

/// Where a console sits, and what it proves itself with.
#[derive(Debug, Clone)]
pub struct Post {
    /// The name of its managed system.
    pub system: String,
    /// The bridge that is its MGMTSWITCH.
    pub bridge: String,
    /// Its link-local address there.
    pub address: Ipv6Addr,
    /// The file with its key.
    pub key: PathBuf,
}

/// What the lab wants of the sessions.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Order {
    /// A partition proves itself with this key.
    Pin { lpar: String, id: u8, key: PublicKey },
    /// A partition has gone.
    Unpin { lpar: String },
    /// Ask an agent.
    Ask { lpar: String, ask: u64, request: Request, patience: Duration },
}

/// Gives orders to the thread that holds the sessions. When it is dropped, that one takes leave of all and ends.
#[derive(Debug)]
pub struct Handle {
    orders: Sender<Order>,
    wake: UnixStream,
}

impl Handle {
    /// Gives an order.
    pub fn give(&mut self, order: Order) {
        // When the thread has ended, the process ends too.
        let _ = self.orders.send(order);
        let _ = self.wake.write(&[1]);
    }
}

/// Listens at `post` and serves in a thread of its own; `tell` gets the news.
pub fn start(post: &Post, tell: impl Fn(FromConsole) + Send + 'static) -> io::Result<Handle> {
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let (orders, ordered) = channel();
    let mut server = Server::open(post, ordered, woken, Box::new(tell))?;
    std::thread::spawn(move || {
        if let Err(error) = server.run() {
            eprintln!("console: sessions of {}: {error}", server.settings.name);
        }
    });
    Ok(Handle { orders, wake })
}

/// All that the thread holds.
struct Server {
    sockets: Sockets,
    own: PrivateKey,
    settings: Settings,
    started: Instant,
    tls: Arc<rustls::ServerConfig>,
    door: Door,
    connections_so_far: u64,
    complaints: Complaints,
    answers: Answers,
    connections: BTreeMap<ConnectionId, Connection>,
    partners: BTreeMap<String, Partner>,
    orders: Receiver<Order>,
    woken: UnixStream,
    tell: Box<dyn Fn(FromConsole) + Send>,
}

impl Server {
    fn open(
        post: &Post,
        orders: Receiver<Order>,
        woken: UnixStream,
        tell: Box<dyn Fn(FromConsole) + Send>,
    ) -> io::Result<Self> {
        let own = key::read(&post.key).map_err(io::Error::other)?;
        let tls = tls::console_config(&own, Trust::Pinned(BTreeSet::new())).map_err(io::Error::other)?;
        let run = RunId(u64::from_ne_bytes(key::random()?));
        Ok(Self {
            sockets: Sockets::open(&post.bridge, post.address)?,
            own,
            settings: Settings { name: post.system.clone(), run, heartbeat: HEARTBEAT },
            started: Instant::now(),
            tls,
            door: Door::default(),
            connections_so_far: 0,
            complaints: Complaints::default(),
            answers: Answers::default(),
            connections: BTreeMap::new(),
            partners: BTreeMap::new(),
            orders,
            woken,
            tell,
        })
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Until the lab lets go.
    fn run(&mut self) -> io::Result<()> {
        loop {
            if !self.obey_all() {
                self.take_leave();
                return Ok(());
            }
            self.pass_time();
            let ready = turn::wait(self)?;
            self.serve(&ready);
        }
    }

    /// False when nobody gives orders any more.
    fn obey_all(&mut self) -> bool {
        while matches!(self.woken.read(&mut [0; 64]), Ok(count) if count > 0) {}
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Pin { lpar, id, key } => {
                if self.partners.get(&lpar).is_some_and(|partner| partner.key == key) {
                    return;
                }
                self.part_with(&lpar, "its key is another one now");
                // What was asked of a partition before it left is forgotten with it: no name of a request may return in one run.
                self.settings.run.0 = self.settings.run.0.wrapping_add(1);
                self.partners.insert(lpar, Partner::new(id, key, self.settings.clone()));
                self.pin_keys();
            }
            Order::Unpin { lpar } => {
                self.part_with(&lpar, "the partition has left this system");
                self.pin_keys();
            }
            Order::Ask { lpar, ask, request, patience } => self.ask(&lpar, ask, request, patience),
        }
    }

    fn ask(&mut self, lpar: &str, ask: u64, request: Request, patience: Duration) {
        let now = self.now();
        let Some(partner) = self.partners.get_mut(lpar) else {
            let outcome = super::message::Outcome::NotAsked("its key is not known".into());
            return self.report(lpar, News::Ended { ask, outcome });
        };
        match partner.ask(now, ask, request, patience) {
            Ok(outputs) => self.perform(lpar, outputs),
            Err(news) => self.report(lpar, news),
        }
    }

    /// From now on the keys of all partners, and no others, begin a session.
    fn pin_keys(&mut self) {
        let keys = self.partners.values().map(|partner| partner.key).collect();
        match tls::console_config(&self.own, Trust::Pinned(keys)) {
            Ok(config) => self.tls = config,
            Err(error) => eprintln!("console: pin keys: {error}"),
        }
    }

    fn part_with(&mut self, lpar: &str, cause: &str) {
        let Some(partner) = self.partners.get_mut(lpar) else { return };
        let outputs = partner.end.leave(GoodbyeReason::Leaving, cause);
        self.perform(lpar, outputs);
        let Some(mut partner) = self.partners.remove(lpar) else { return };
        for news in partner.abandon(cause) {
            self.report(lpar, news);
        }
    }

    fn take_leave(&mut self) {
        let lpars: Vec<String> = self.partners.keys().cloned().collect();
        for lpar in &lpars {
            self.part_with(lpar, "the console ends");
        }
        // As far as the sockets take it.
        self.connections.values_mut().for_each(|connection| drop(connection.flush()));
    }

    fn report(&self, lpar: &str, news: News) {
        (self.tell)(FromConsole::Agent { lpar: lpar.to_owned(), news });
    }

    /// What the state machines and the limits do by themselves.
    fn pass_time(&mut self) {
        let now = self.now();
        for stranger in self.door.overdue(now) {
            self.refuse_stranger(stranger, complaints::Misdeed::TooSlow, "no key in time");
        }
        let due = |partner: &Partner| partner.end.deadline().is_some_and(|at| at <= now);
        let lpars: Vec<String> =
            self.partners.iter().filter(|(_, partner)| due(partner)).map(|(lpar, _)| lpar.clone()).collect();
        for lpar in lpars {
            let Some(partner) = self.partners.get_mut(&lpar) else { continue };
            let outputs = partner.end.handle(now, Input::Tick);
            self.perform(&lpar, outputs);
        }
        let over: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, connection)| connection.is_over(now)).map(|(id, _)| *id).collect();
        for id in over {
            self.forget(id);
        }
    }

    /// When there is something to do although nothing comes.
    fn deadline(&self) -> Option<Duration> {
        let ends = self.partners.values().filter_map(|partner| partner.end.deadline());
        let closing = self.connections.values().filter_map(Connection::closes_at);
        ends.chain(closing).chain(self.door.deadline()).min()
    }
}
