//! A partition made of wire's end of the session, over real sockets: what an agent is to a console, without a guest.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddrV6, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wire::channel::Channel;
use wire::discovery::{Found, GROUP, PORT, Question};
use wire::heartbeat::{Heartbeats, Side};
use wire::hex::{Capabilities, RunId};
use wire::key::{PrivateKey, PublicKey};
use wire::limits::HANDSHAKE_DEADLINE;
use wire::message::answer::{Answer, Refusal, RefusalReason};
use wire::message::dlpar::{ResizeOutcome, Verdict};
use wire::message::inventory::{
    Health, HealthState, Identity, Inventory, Machine, Memory, OperatingSystem, Processors,
};
use wire::message::{self, Event, Request};
use wire::partition::{Input, Output, Partition, Settings};
use wire::phase::Phase;
use wire::tls::{Trust, partition_config, partition_connection};

const TURN: Duration = Duration::from_millis(10);

/// A partition in a thread. Dropped, it hangs up.
pub(crate) struct Caller {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a partition has to know.
pub(crate) struct Card {
    pub(crate) own: PrivateKey,
    pub(crate) id: u32,
    pub(crate) console: PublicKey,
    pub(crate) tells: Tells,
}

/// When it says what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    AtOnce,
    /// At first it is too busy.
    AskedTwice,
    Never,
}

impl Caller {
    /// Asks who the console is, calls it, and serves it.
    pub(crate) fn start(card: Card, link: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || serve(&card, link, &stopped));
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Multicast question, authenticated answer; asked again as long as nobody answers who is believed, until it is stopped.
fn find_console(console: PublicKey, link: u32, stop: &AtomicBool) -> Option<Found> {
    let socket = UdpSocket::bind("[::]:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let question = Question::new(lab::console::key::random().unwrap());
    let mut bytes = [0; 512];
    while !stop.load(Ordering::Relaxed) {
        socket.send_to(&question.datagram(), SocketAddrV6::new(GROUP, PORT, 0, link)).unwrap();
        let Ok(count) = socket.recv(&mut bytes) else { continue };
        if let Ok(found) = question.accept(&bytes[..count], &Trust::Pinned([console].into())) {
            return Some(found);
        }
    }
    None
}

fn serve(card: &Card, link: u32, stop: &AtomicBool) {
    let Some(found) = find_console(card.console, link, stop) else { return };
    let std::net::IpAddr::V6(address) = found.address else { panic!("{found:?}") };
    let mut session = Session::call(card, SocketAddrV6::new(address, found.port, 0, link));
    while !stop.load(Ordering::Relaxed) && session.turn() {}
}

struct Session {
    card_id: u32,
    tells: Tells,
    stream: TcpStream,
    channel: Channel,
    datagrams: UdpSocket,
    heartbeats: Option<Heartbeats>,
    end: Partition,
    begun: Instant,
}

impl Session {
    fn call(card: &Card, to: SocketAddrV6) -> Self {
        let config = partition_config(&card.own, Trust::Pinned([card.console].into())).unwrap();
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(TURN)).unwrap();
        let datagrams = UdpSocket::bind("[::]:0").unwrap();
        datagrams.connect(to).unwrap();
        datagrams.set_nonblocking(true).unwrap();
        let run = RunId(u64::from_ne_bytes(lab::console::key::random().unwrap()));
        Self {
            card_id: card.id,
            tells: card.tells,
            stream,
            channel: Channel::new(partition_connection(config).unwrap()),
            datagrams,
            heartbeats: None,
            end: Partition::new(Settings { agent: "caller 1".into(), run, observes: false }),
            begun: Instant::now(),
        }
    }

    /// False when the session is over.
    fn turn(&mut self) -> bool {
        if self.heartbeats.is_none() && self.begun.elapsed() > HANDSHAKE_DEADLINE {
            return false;
        }
        let mut bytes = [0; 16 << 10];
        let count = match self.stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => 0,
            Err(_) => return false,
        };
        let mut input = &bytes[..count];
        loop {
            let Ok(message) = self.channel.next_message(&mut input) else { return false };
            self.meet();
            let Some(message) = message else { break };
            if !self.handle(Input::Received(message::decode(&message))) {
                return false;
            }
        }
        let mut datagram = [0; 256];
        while let Ok(count) = self.datagrams.recv(&mut datagram) {
            let beat = self.heartbeats.as_mut().map(|beats| beats.open(&datagram[..count]));
            if matches!(beat, Some(Ok(_))) {
                self.handle(Input::Heard);
            }
        }
        let lives = self.handle(Input::Tick);
        self.flush();
        lives
    }

    fn meet(&mut self) {
        let Ok(Some(console)) = self.channel.peer() else { return };
        if self.heartbeats.is_none() {
            let secret = self.channel.heartbeat_secret().unwrap();
            self.heartbeats = Some(Heartbeats::new(&secret, Side::Partition, self.card_id).unwrap());
            self.handle(Input::Connected { console, identity: identity(self.card_id) });
        }
    }

    fn handle(&mut self, input: Input) -> bool {
        let mut lives = true;
        for output in self.end.handle(self.begun.elapsed(), input) {
            match output {
                Output::Send(message) => self.channel.send(&message::encode(&message).unwrap()).unwrap(),
                Output::Welcomed(_) => self.channel.greeting_accepted(),
                Output::Beat => {
                    let datagram = self.heartbeats.as_mut().unwrap().seal().unwrap();
                    let _ = self.datagrams.send(&datagram);
                }
                Output::Perform { ticket, request } => {
                    let Some(answer) = self.answer(&request) else { continue };
                    self.handle(Input::Finished { ticket, answer });
                    if matches!(request, Request::Resize(_)) {
                        self.handle(Input::Happened(Event::Resized { virtual_processors: 3, memory_mib: 1024 }));
                    }
                }
                Output::Disconnect => lives = false,
                Output::Stop(_) | Output::Seen(_) | Output::Note(_) => {}
            }
        }
        self.flush();
        lives
    }

    fn answer(&mut self, request: &Request) -> Option<Answer> {
        Some(match request {
            Request::Inventory {} if self.tells == Tells::Never => return None,
            Request::Inventory {} if self.tells == Tells::AskedTwice => {
                self.tells = Tells::AtOnce;
                Answer::Refused(Refusal { reason: RefusalReason::Busy, text: "too many ask".into() })
            }
            Request::Inventory {} => Answer::Inventory(Box::new(inventory(self.card_id))),
            Request::Resize(_) => Answer::Resize(ResizeOutcome {
                verdict: Verdict::Complete,
                asked: 1,
                done: 1,
                items: vec!["CPU 2".into()],
                shortfall: None,
            }),
            _ => Answer::Done {},
        })
    }

    fn flush(&mut self) {
        let output = self.channel.output().to_vec();
        // A console that hung up is noticed when it is read from.
        let _ = self.stream.write_all(&output);
        self.channel.written(output.len());
    }
}

fn identity(id: u32) -> Identity {
    let machine = Machine { type_model: "8286-41A".into(), serial: "2166666".into() };
    Identity { id, name: Some("lpar1".into()), uuid: None, machine }
}

pub(crate) fn inventory(id: u32) -> Inventory {
    Inventory {
        identity: identity(id),
        phase: Phase::Ready,
        host_name: "lpar1".into(),
        system: OperatingSystem { name: "Linux/Debian".into(), version: "13".into(), kernel: "6.12.107".into() },
        processors: Processors { virtual_processors: 2, threads_online: 2, entitled_hundredths: None, weight: None },
        memory: Memory { total_mib: 1024, block_mib: 256, removable_blocks: 0 },
        slots: Vec::new(),
        dlpar_capabilities: Capabilities(0x2c7f),
        command_capabilities: [Capabilities(0x19); 2],
        pinned_memory_mib: 0,
        uptime_ms: 1000,
        last_migration: None,
        health: Health { state: HealthState::Ok, findings: Vec::new() },
    }
}
