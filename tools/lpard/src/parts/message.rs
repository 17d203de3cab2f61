//! What the parts say to each other.

use serde::{Deserialize, Serialize};
use wire::hex::RunId;
use wire::key::PublicKey;
use wire::message::inventory::Identity;
use wire::message::migration::{ConsoleContact, HookOutcome, MigrationRecord};
use wire::message::{Answer, Event, Request};

use crate::config::ConsoleAddress;

/// A request of a console, as the network part calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Ticket(pub(crate) u64);

/// What the network part says. It is the part that strangers talk to: each of these is checked before it is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum FromNetwork {
    /// It is ready; what holds it.
    Confined(Confinement),
    /// A console asks for this.
    Perform {
        /// Comes back with the answer.
        ticket: Ticket,
        /// What is asked.
        request: Box<Request>,
    },
    /// A console wants this stopped.
    Stop {
        /// Which.
        ticket: Ticket,
    },
    /// There is a session.
    Connected(Session),
    /// There is none any more.
    Disconnected {
        /// Why.
        why: String,
    },
    /// The first console that answered, where the configuration allows to believe it.
    FirstUse(ConsoleContact),
    /// Nobody answers, or there is nobody to call: the root part may know of others by now.
    Nobody,
    /// A console has seen so many of what consoles must hear, counted from this part's beginning.
    Seen {
        /// How many.
        through: u64,
    },
}

/// What holds the network part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confinement {
    /// It is not root.
    pub(crate) unprivileged: bool,
    /// It cannot get privileges again.
    pub(crate) no_new_privileges: bool,
    /// It has no files.
    pub(crate) landlock: Landlock,
}

/// How much of Landlock the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Landlock {
    /// All that is asked of it.
    Full,
    /// Some.
    Partial,
    /// None.
    None,
}

/// A session with a console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// The console's name for itself.
    pub(crate) console: String,
    /// Its key.
    pub(crate) key: PublicKey,
    /// Where it is.
    pub(crate) address: ConsoleAddress,
}

/// What the root part says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum FromRoot {
    /// The first message.
    Begin(Box<Beginning>),
    /// Other consoles are trusted, or are elsewhere.
    Consoles(Consoles),
    /// The partition is somebody else now.
    Identity(Identity),
    /// A request is a step further.
    Progressed {
        /// Which.
        ticket: Ticket,
        /// Steps done.
        done: u32,
        /// Steps in all.
        of: u32,
        /// What is being done.
        text: String,
    },
    /// A request is over.
    Finished {
        /// Which.
        ticket: Ticket,
        /// What came of it.
        answer: Box<Answer>,
    },
    /// Something that consoles want to know.
    Happened(Event),
    /// The partition runs again after a suspension. Who it is now was said before.
    Resumed {
        /// What is known of it.
        record: MigrationRecord,
        /// The console there, when it was handed over.
        console: Option<ConsoleContact>,
    },
    /// What follows a migration is done.
    Settled {
        /// The hooks that ran.
        hooks: Vec<HookOutcome>,
    },
    /// What was prepared has been taken back, and no console had asked for that.
    GivenUp,
    /// The partition was to end, and is still there.
    Stayed,
    /// Take leave of the console and end.
    End,
}

/// What the network part has to know to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beginning {
    /// Whom to become; none when that cannot be (the agent is not root, or systemd has done it).
    pub(crate) become_user: Option<UserNumbers>,
    /// The agent's key for sessions, PKCS#8.
    pub(crate) key: Vec<u8>,
    /// This run of the network part.
    pub(crate) run: RunId,
    /// Its tickets begin behind this one: an answer to a request of the part before it must not be taken for another's.
    pub(crate) tickets_after: Ticket,
    /// Who the partition is.
    pub(crate) identity: Identity,
    /// Whom to call.
    pub(crate) consoles: Consoles,
    /// The root part's process, which is to be outlived by nothing.
    pub(crate) parent: i32,
}

/// A user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserNumbers {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Whom to call, and whom to believe.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consoles {
    /// Keys that are believed.
    pub(crate) trusted: Vec<PublicKey>,
    /// The first one that answers is believed, as long as `trusted` is empty.
    pub(crate) first_use: bool,
    /// Where to call: configured addresses, then those of the trusted consoles.
    pub(crate) addresses: Vec<ConsoleAddress>,
    /// The interface of the management network, where consoles can be asked for.
    pub(crate) discover_on: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_a_message_is_none() {
        let texts = [
            r#"{"stop":{"ticket":1},"x":1}"#,
            r#"{"stop":{"ticket":1,"x":1}}"#,
            r#"{"stop":{"ticket":-1}}"#,
            r#"{"run":{"path":"/bin/sh"}}"#,
            r#"{"perform":{"ticket":1,"request":{"inventory":{"x":1}}}}"#,
            r#""stop""#,
            "",
        ];
        for text in texts {
            assert!(serde_json::from_str::<FromNetwork>(text).is_err(), "{text}");
        }
        let stop = serde_json::from_str::<FromNetwork>(r#"{"stop":{"ticket":1}}"#).ok();
        assert_eq!(stop, Some(FromNetwork::Stop { ticket: Ticket(1) }));
    }
}
