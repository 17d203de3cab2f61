//! One TCP connection with the datagrams beside it.

use std::collections::VecDeque;
use std::time::Duration;

use wire::frame::Decoder;

/// Who receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Partition,
    Console,
}

/// What arrives.
#[derive(Debug)]
pub enum Arrival {
    Message(End, Vec<u8>),
    Beat(End),
    Closed(End),
}

#[derive(Debug)]
enum Item {
    Bytes(Vec<u8>),
    Beat,
    Closed,
}

#[derive(Debug, Default)]
struct Way {
    /// In the order of arrival.
    items: VecDeque<(Duration, Item)>,
    decoder: Decoder,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    /// The console at its other end.
    pub site: usize,
    to_partition: Way,
    to_console: Way,
    is_cut: bool,
}

impl Link {
    pub fn new(site: usize) -> Self {
        Self { site, to_partition: Way::default(), to_console: Way::default(), is_cut: false }
    }

    pub fn is_whole(&self) -> bool {
        !self.is_cut
    }

    fn way(&mut self, to: End) -> &mut Way {
        match to {
            End::Partition => &mut self.to_partition,
            End::Console => &mut self.to_console,
        }
    }

    pub fn greeting_accepted(&mut self, at: End) {
        self.way(at).decoder.greeting_accepted();
    }

    /// A frame goes in two pieces.
    pub fn send(&mut self, now: Duration, to: End, frame: &[u8], delay: u32, cut: u32) {
        if self.is_cut {
            return;
        }
        let cut = usize::try_from(cut).unwrap() % frame.len();
        let way = self.way(to);
        let bytes_so_far = way.items.iter().filter(|(_, item)| matches!(item, Item::Bytes(_)));
        let latest = bytes_so_far.map(|(at, _)| *at).max().unwrap_or_default();
        let at = latest.max(now + Duration::from_millis(u64::from(delay % 200)));
        way.put(at, Item::Bytes(frame[..cut].to_vec()));
        way.put(at + Duration::from_millis(1), Item::Bytes(frame[cut..].to_vec()));
    }

    pub fn beat(&mut self, now: Duration, to: End) {
        if !self.is_cut {
            self.way(to).put(now + Duration::from_millis(2), Item::Beat);
        }
    }

    /// Bytes on their way come later, in the same order.
    pub fn stall(&mut self, by: Duration) {
        for way in [&mut self.to_partition, &mut self.to_console] {
            way.items.iter_mut().for_each(|(at, _)| *at += by);
        }
    }

    /// What is on its way is gone.
    pub fn cut(&mut self, now: Duration, partition_notices: bool, console_notices: bool) {
        self.is_cut = true;
        for (way, notices) in [(&mut self.to_partition, partition_notices), (&mut self.to_console, console_notices)] {
            way.items.clear();
            if notices {
                way.put(now, Item::Closed);
            }
        }
    }

    /// The partition hangs up: what it sent still goes its way.
    pub fn close(&mut self, now: Duration) {
        self.to_partition.items.clear();
        if !self.is_cut {
            let last = self.to_console.items.iter().map(|(at, _)| *at).max().unwrap_or(now);
            self.to_console.put(last, Item::Closed);
        }
    }

    /// The console hangs up.
    pub fn close_from_console(&mut self, now: Duration) {
        self.to_console.items.clear();
        if !self.is_cut {
            let last = self.to_partition.items.iter().map(|(at, _)| *at).max().unwrap_or(now);
            self.to_partition.put(last, Item::Closed);
        }
    }

    pub fn next_arrival(&self) -> Option<Duration> {
        let ways = [&self.to_partition, &self.to_console];
        ways.into_iter().filter_map(|way| way.items.front().map(|(at, _)| *at)).min()
    }

    /// What has arrived until now.
    pub fn arrivals(&mut self, now: Duration) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for end in [End::Partition, End::Console] {
            self.way(end).deliver(now, end, &mut arrivals);
        }
        arrivals
    }
}

impl Way {
    fn put(&mut self, at: Duration, item: Item) {
        let place = self.items.partition_point(|(other, _)| *other <= at);
        self.items.insert(place, (at, item));
    }

    fn deliver(&mut self, now: Duration, end: End, arrivals: &mut Vec<Arrival>) {
        while self.items.front().is_some_and(|(at, _)| *at <= now) {
            match self.items.pop_front().unwrap().1 {
                Item::Beat => arrivals.push(Arrival::Beat(end)),
                Item::Closed => arrivals.push(Arrival::Closed(end)),
                Item::Bytes(bytes) => {
                    let mut input = bytes.as_slice();
                    while let Some(message) = self.decoder.take(&mut input).unwrap() {
                        arrivals.push(Arrival::Message(end, message));
                    }
                }
            }
        }
    }
}
