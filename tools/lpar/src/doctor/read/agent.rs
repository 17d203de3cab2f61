//! The agent: its program, its process, its answer.

use sysroot::Sysroot;

use super::{Processes, told};
use crate::agent::{Agent, Error, Method, PROMPT};
use crate::doctor::agent::{Answer, Seen};
use crate::error::chain;

const PROGRAM: &str = "usr/sbin/lpard";

pub(super) fn read(sysroot: &Sysroot, processes: &Processes, has_rsct: bool) -> Seen {
    let asked = Agent::connect(sysroot).and_then(|mut agent| agent.ask(Method::Status, serde_json::json!({}), PROMPT));
    let answer = match asked {
        Ok(status) => Answer::Status(Box::new(status)),
        Err(Error::NotRunning) => Answer::NobodyListens,
        Err(error) => Answer::Error(chain(&error)),
    };
    Seen {
        is_installed: sysroot.exists(PROGRAM),
        configuration: told(lpard::check_configuration(sysroot)),
        is_running: processes.has("lpard"),
        answer,
        has_rsct,
    }
}
