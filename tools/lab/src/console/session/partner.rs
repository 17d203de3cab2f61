//! A partition as its console knows it: the pinned key, the console's end of the session, and who waits for what.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use wire::console::{Console, Output, Settings};
use wire::heartbeat::Heartbeats;
use wire::key::PublicKey;
use wire::message::{Answer, Event, Request, RequestId};

use super::connection::ConnectionId;
use crate::console::message::{News, Outcome};

/// The console asks for the inventory by itself; a partition under TCG on a loaded machine takes seconds to collect it.
const INVENTORY_PATIENCE: Duration = Duration::from_secs(60);

/// The connection that the session lives on.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: ConnectionId,
    pub(super) heartbeats: Heartbeats,
    /// Where heartbeats go: where the last one came from.
    pub(super) beats_to: SocketAddr,
}

/// Who waits for the outcome of a request.
#[derive(Debug, Clone, Copy)]
enum Asker {
    /// The lab, by its number.
    Lab(u64),
    /// The console, for what it shows.
    Console,
}

/// A partition.
#[derive(Debug)]
pub(super) struct Partner {
    pub(super) id: u8,
    pub(super) key: PublicKey,
    pub(super) end: Console,
    pub(super) link: Option<Link>,
    /// The session was told to the lab.
    pub(super) is_open: bool,
    /// It said what it is, in this session and since the last thing that changed it: what is shown of it is true.
    pub(super) is_known: bool,
    /// Why the session ended, as far as somebody said so.
    pub(super) parting: Option<String>,
    asked: BTreeMap<RequestId, Asker>,
}

impl Partner {
    pub(super) fn new(id: u8, key: PublicKey, settings: Settings) -> Self {
        let (is_open, is_known, parting) = (false, false, None);
        Self { id, key, end: Console::new(settings), link: None, is_open, is_known, parting, asked: BTreeMap::new() }
    }

    /// Asks for the lab.
    pub(super) fn ask(
        &mut self,
        now: Duration,
        ask: u64,
        request: Request,
        patience: Duration,
    ) -> Result<Vec<Output>, News> {
        let asked = self.ask_as(now, Asker::Lab(ask), request, patience);
        asked.map_err(|cause| News::Ended { ask, outcome: Outcome::NotAsked(cause) })
    }

    fn ask_as(
        &mut self,
        now: Duration,
        asker: Asker,
        request: Request,
        patience: Duration,
    ) -> Result<Vec<Output>, String> {
        let (id, out) = self.end.ask(now, request, patience).map_err(|error| error.to_string())?;
        self.asked.insert(id, asker);
        Ok(out)
    }

    /// Asks for what is shown, unless that was asked and is not answered yet.
    pub(super) fn ask_inventory(&mut self, now: Duration) -> Vec<Output> {
        if self.asked.values().any(|asker| matches!(asker, Asker::Console)) {
            return Vec::new();
        }
        // Without a session there is nothing new.
        self.ask_as(now, Asker::Console, Request::Inventory {}, INVENTORY_PATIENCE).unwrap_or_default()
    }

    /// A request of this side is a step further.
    pub(super) fn progressed(&self, id: RequestId, text: String) -> Option<News> {
        match self.asked.get(&id)? {
            Asker::Lab(ask) => Some(News::Progressed { ask: *ask, text }),
            Asker::Console => None,
        }
    }

    /// A request of this side is over: what the lab is told.
    pub(super) fn ended(&mut self, id: RequestId, outcome: wire::console::Outcome) -> Option<News> {
        let outcome = match outcome {
            wire::console::Outcome::Answered(answer) => Outcome::Answered(answer),
            wire::console::Outcome::TimedOut => Outcome::Unknown("it does not answer in time".into()),
            wire::console::Outcome::Unknown => Outcome::Unknown("the agent that was asked is gone".into()),
        };
        match (self.asked.remove(&id)?, outcome) {
            (Asker::Lab(ask), outcome) => Some(News::Ended { ask, outcome }),
            (Asker::Console, Outcome::Answered(Answer::Inventory(inventory))) => {
                self.is_known = true;
                Some(News::Inventory(inventory))
            }
            (Asker::Console, _) => None,
        }
    }

    /// The address that the session comes from.
    pub(super) fn beats_to(&self) -> Option<IpAddr> {
        self.link.as_ref().map(|link| link.beats_to.ip())
    }

    /// Nobody will answer what is still waited for.
    pub(super) fn abandon(&mut self, cause: &str) -> Vec<News> {
        let asked = std::mem::take(&mut self.asked);
        let labs = asked.into_values().filter_map(|asker| match asker {
            Asker::Lab(ask) => Some(News::Ended { ask, outcome: Outcome::Unknown(cause.to_owned()) }),
            Asker::Console => None,
        });
        labs.collect()
    }
}

/// Whether what is shown of a partition is old now.
pub(super) fn is_about_inventory(event: &Event) -> bool {
    !matches!(event, Event::Firmware(_) | Event::ShuttingDown { .. } | Event::Lost { .. })
}

/// Whether an answer says that what is shown is old now.
pub(super) fn changes_inventory(answer: &Answer) -> bool {
    matches!(answer, Answer::Resize(_) | Answer::Done {})
}
