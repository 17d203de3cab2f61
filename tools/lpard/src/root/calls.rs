//! Answers the calls of the control socket.

use serde_json::{Value, json};
use wire::message::Request;
use wire::message::migration::Check;

use super::Root;
use crate::agent::{Input, Origin};
use crate::control::{Call, Called, ConnectionId, Failure};
use crate::firmware::Reported;
use crate::listing;
use crate::log::Chain;
use crate::random;
use crate::trust::{self, TrustError};

impl Root {
    pub(super) fn look_at_control(&mut self) {
        for (id, called) in self.control.look(&self.sysroot, &self.config.control.group) {
            self.called(id, called);
        }
        let control = &self.control;
        self.followers.retain(|follower| control.has(*follower));
    }

    fn called(&mut self, id: ConnectionId, Called { call, more }: Called) {
        let origin = Origin::Control(id);
        let result = match call {
            Call::Identity => return self.handle(Input::Asked(origin, Box::new(Request::Inventory {}))),
            Call::Dlpar(resize) => return self.handle(Input::Asked(origin, Box::new(Request::Resize(resize)))),
            Call::MigrateCheck { deadline_ms } => {
                let check = Check { destination: None, deadline_ms };
                return self.handle(Input::Asked(origin, Box::new(Request::MigrationCheck(check))));
            }
            Call::Events => return self.tell_events(id, more),
            Call::Status => Ok(self.status()),
            Call::DCaps => self.capability_words(),
            Call::Hooks => Ok(self.hooks()),
            Call::TrustList => self.trust_list().map_err(|error| refused(&error)),
            Call::TrustAdd(console) => {
                let added = trust::add(&self.sysroot, &console, &self.log);
                if added.is_ok() {
                    self.log.notice(format_args!("{} is trusted: {}", console.name, console.because));
                }
                self.consoles_changed();
                added.map(|added| json!({ "added": added })).map_err(|error| refused(&error))
            }
            Call::TrustRemove(name) => {
                let removed = trust::remove(&self.sysroot, &name, &self.log);
                if let Ok(console) = &removed {
                    self.log.notice(format_args!("{} is not trusted any more: an administrator said so", console.name));
                }
                self.consoles_changed();
                removed.map(|console| json!({ "removed": listing::console(&console) })).map_err(|error| refused(&error))
            }
        };
        self.control.answer(id, &result, false);
    }

    fn status(&self) -> Value {
        let session = self.network.session().map(
            |session| json!({ "console": session.console, "key": session.key, "address": session.address.to_string() }),
        );
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "mode": self.mode.map(|(mode, _)| mode),
            "reason": self.mode.map(|(_, reason)| reason.to_string()),
            "phase": self.agent.phase(),
            "session": session,
            "interface": self.management.interface(),
            "network": self.network.confinement(),
            "last_migration": self.agent.last_migration(),
            "events_from": self.firmware.to_string(),
        })
    }

    fn capability_words(&self) -> Result<Value, Failure> {
        let words = platform::dcaps::compute(&platform::capability::read(&self.sysroot));
        let bits = serde_json::to_value(&words.bits).map_err(Failure::failed)?;
        Ok(json!({
            "dcaps": format!("{:#x}", words.dcaps),
            "cmdcaps": words.cmdcaps.map(|word| format!("{word:#x}")),
            "pinned_memory_mib": words.pinned_memory_mib,
            "bits": bits,
        }))
    }

    fn hooks(&self) -> Value {
        listing::hooks(&self.sysroot, self.config.hooks.drmgr, &self.log)
    }

    fn trust_list(&self) -> Result<Value, TrustError> {
        let own = trust::own_key(&self.sysroot, &random::fill)?.public();
        listing::trust(&self.sysroot, Some(own), &self.log)
    }

    fn tell_events(&mut self, id: ConnectionId, more: bool) {
        let kept: Vec<&Reported> = self.firmware.kept().collect();
        self.control.answer(id, &Ok(json!({ "events": kept })), more);
        if more {
            self.followers.insert(id);
        }
    }

    pub(super) fn tell_followers(&mut self, event: &Reported) {
        for follower in &self.followers {
            self.control.answer(*follower, &Ok(json!({ "events": [event] })), true);
        }
    }
}

fn refused(error: &TrustError) -> Failure {
    Failure::failed(Chain(error))
}
