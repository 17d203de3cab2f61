//! A console: `wire`'s console with sockets and a clock, in a thread of its own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wire::channel::Channel;
pub(crate) use wire::console::Outcome;
use wire::console::{Console, Input, Output, Settings};
use wire::discovery::Question;
use wire::heartbeat::{Heartbeats, Side};
use wire::hex::RunId;
use wire::key::{PrivateKey, PublicKey};
use wire::message::greeting::Hello;
use wire::message::{Answer, Event, FromPartition, Progress, Request, RequestId, decode, encode};
use wire::tls::{Trust, console_config, console_connection};

use super::machine::PATIENCE;

/// Between two looks at the sockets. A test's console has nothing better to do.
const LOOK: Duration = Duration::from_millis(5);

/// What the console tells the test.
#[derive(Debug)]
pub(crate) enum Told {
    Welcomed(Box<Hello>),
    Progressed(Progress),
    Ended(RequestId, Outcome),
    Happened(Event),
    Disconnected,
}

enum Order {
    Ask(Box<Request>),
    Deaf,
    Hear,
    Stop,
}

/// A console, from outside.
pub(crate) struct TestConsole {
    pub(crate) port: u16,
    pub(crate) key: PublicKey,
    orders: Sender<Order>,
    told: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
}

impl TestConsole {
    /// One that believes everybody; `seed` makes its key.
    pub(crate) fn start(seed: u8) -> Self {
        let key = PrivateKey::from_seed(&[seed; 32]).unwrap();
        let public = key.public();
        let (listener, udp) = sockets();
        let port = listener.local_addr().unwrap().port();
        let (orders, todo) = channel();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || Inside::new(key, listener, udp, tell).serve(&todo));
        Self { port, key: public, orders, told, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("[::1]:{}", self.port)
    }

    /// The file that makes an agent believe it.
    pub(crate) fn trust_file(&self) -> (String, String) {
        let name: String = self.key.as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("name = 'test'\nkey = '{}'\nport = {}\nbecause = 'a test'\n", self.key, self.port);
        (format!("var/lib/lparkit/trust/{name}.toml"), text)
    }

    pub(crate) fn told(&self) -> Told {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits for a session.
    pub(crate) fn welcomed(&self) -> Hello {
        loop {
            if let Told::Welcomed(hello) = self.told() {
                return *hello;
            }
        }
    }

    /// Waits for the end of a session.
    pub(crate) fn disconnected(&self) {
        while !matches!(self.told(), Told::Disconnected) {}
    }

    /// Waits for an event.
    pub(crate) fn event(&self) -> Event {
        loop {
            if let Told::Happened(event) = self.told() {
                return event;
            }
        }
    }

    pub(crate) fn order(&self, request: Request) {
        self.orders.send(Order::Ask(Box::new(request))).unwrap();
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&self, request: Request) -> Answer {
        self.order(request);
        self.answer()
    }

    /// Waits for an answer.
    pub(crate) fn answer(&self) -> Answer {
        loop {
            match self.told() {
                Told::Ended(_, Outcome::Answered(answer)) => return answer,
                Told::Ended(_, outcome) => panic!("{outcome:?}"),
                _ => {}
            }
        }
    }

    /// It hears nothing any more and says nothing, but its sockets stay open.
    pub(crate) fn go_deaf(&self) {
        self.orders.send(Order::Deaf).unwrap();
    }

    /// It is back, and remembers nothing of the connection that it had.
    pub(crate) fn hear_again(&self) {
        self.orders.send(Order::Hear).unwrap();
    }
}

/// One port for both: a free one for TCP may be taken for UDP.
fn sockets() -> (TcpListener, UdpSocket) {
    loop {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        if let Ok(udp) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (listener, udp);
        }
    }
}

impl Drop for TestConsole {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The console, from inside.
struct Inside {
    key: PrivateKey,
    listener: TcpListener,
    udp: UdpSocket,
    tell: Sender<Told>,
    began: Instant,
    console: Console,
    line: Option<Line>,
    deaf: bool,
}

struct Line {
    stream: TcpStream,
    channel: Channel,
    proved: bool,
    beats: Option<Heartbeats>,
    partition: Option<SocketAddr>,
}

impl Inside {
    fn new(key: PrivateKey, listener: TcpListener, udp: UdpSocket, tell: Sender<Told>) -> Self {
        listener.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        let name = format!("console {}", key.public().fingerprint());
        let run = RunId(u64::from_le_bytes(key.public().as_bytes()[..8].try_into().unwrap()));
        let console = Console::new(Settings { name, run, heartbeat: Duration::from_secs(1) });
        Self { key, listener, udp, tell, began: Instant::now(), console, line: None, deaf: false }
    }

    fn serve(mut self, todo: &Receiver<Order>) {
        loop {
            match todo.recv_timeout(LOOK) {
                Ok(Order::Ask(request)) => {
                    let asked = self.console.ask(self.began.elapsed(), *request, PATIENCE);
                    let (_, outputs) = asked.unwrap();
                    self.perform(outputs);
                }
                Ok(Order::Deaf) => self.deaf = true,
                Ok(Order::Hear) => {
                    self.deaf = false;
                    if self.line.take().is_some() {
                        self.input(Input::Disconnected);
                    }
                }
                Ok(Order::Stop) => return,
                Err(_) => {}
            }
            if !self.deaf {
                self.look();
            }
        }
    }

    fn look(&mut self) {
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            let config = console_config(&self.key, Trust::FirstUse).unwrap();
            let channel = Channel::new(console_connection(config).unwrap());
            self.line = Some(Line { stream, channel, proved: false, beats: None, partition: None });
        }
        self.hear_line();
        self.hear_datagrams();
        self.input(Input::Tick);
    }

    fn hear_line(&mut self) {
        let Some(line) = &mut self.line else { return };
        let mut messages = Vec::new();
        let over = line.read(&mut messages);
        let newly_proved = !line.proved && matches!(line.channel.peer(), Ok(Some(_)));
        line.proved |= newly_proved;
        line.flush();
        if newly_proved {
            self.input(Input::Connected);
        }
        for message in messages {
            self.input(Input::Received(decode::<FromPartition>(&message)));
        }
        if over && self.line.take().is_some() {
            self.input(Input::Disconnected);
            let _ = self.tell.send(Told::Disconnected);
        }
    }

    fn hear_datagrams(&mut self) {
        let mut datagram = [0; 512];
        while let Ok((length, from)) = self.udp.recv_from(&mut datagram) {
            if let Some(question) = Question::parse(&datagram[..length]) {
                let answer =
                    question.answer(&self.key, Ipv6Addr::LOCALHOST.into(), self.listener.local_addr().unwrap().port());
                self.udp.send_to(&answer, from).unwrap();
                continue;
            }
            let Some(Line { beats: Some(beats), partition, .. }) = &mut self.line else { continue };
            if beats.open(&datagram[..length]).is_ok() {
                *partition = Some(from);
                self.input(Input::Heard);
            }
        }
    }

    fn input(&mut self, input: Input) {
        let outputs = self.console.handle(self.began.elapsed(), input);
        self.perform(outputs);
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(message) => {
                    if let Some(line) = &mut self.line {
                        line.channel.send(&encode(&message).unwrap()).unwrap();
                        line.flush();
                    }
                }
                Output::Welcomed(hello) => self.welcomed(hello),
                Output::Beat => self.beat(),
                Output::Progressed(progress) => drop(self.tell.send(Told::Progressed(progress))),
                Output::Ended(id, outcome) => drop(self.tell.send(Told::Ended(id, outcome))),
                Output::Happened(event) => drop(self.tell.send(Told::Happened(event))),
                Output::Disconnect => {
                    if self.line.take().is_some() {
                        let _ = self.tell.send(Told::Disconnected);
                    }
                }
                Output::Note(_) => {}
            }
        }
    }

    fn welcomed(&mut self, hello: Hello) {
        let Some(line) = &mut self.line else { return };
        line.channel.greeting_accepted();
        let secret = line.channel.heartbeat_secret().unwrap();
        line.beats = Some(Heartbeats::new(&secret, Side::Console, hello.identity.id).unwrap());
        let _ = self.tell.send(Told::Welcomed(Box::new(hello)));
    }

    fn beat(&mut self) {
        if let Some(Line { beats: Some(beats), partition: Some(to), .. }) = &mut self.line {
            let _ = self.udp.send_to(&beats.seal().unwrap(), *to);
        }
    }
}

impl Line {
    /// Whether it is over.
    fn read(&mut self, messages: &mut Vec<Vec<u8>>) -> bool {
        let mut piece = [0; 16 << 10];
        loop {
            let length = match self.stream.read(&mut piece) {
                Ok(0) => return true,
                Ok(length) => length,
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            };
            let mut input = &piece[..length];
            loop {
                match self.channel.next_message(&mut input) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(_) => return true,
                }
            }
        }
    }

    fn flush(&mut self) {
        while let Ok(written @ 1..) = self.stream.write(self.channel.output()) {
            self.channel.written(written);
            if self.channel.output().is_empty() {
                return;
            }
        }
    }
}
