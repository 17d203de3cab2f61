//! What drmgr says: to people on standard error as far as `-d` asks for it, and all of it to the log.

use std::io::Write;

use crate::log::Log;

/// How much something matters. People see what is at most the level of `-d`, which is 1 unless given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error = 1,
    Warning,
    Information,
    Detail,
}

/// The two places where words go.
pub(crate) struct Say<'a> {
    level: u32,
    err: &'a mut dyn Write,
    log: Option<Log<'a>>,
}

impl<'a> Say<'a> {
    /// To standard error, and to a log if there is one.
    pub(crate) fn new(level: u32, err: &'a mut dyn Write, log: Option<Log<'a>>) -> Self {
        Self { level, err, log }
    }

    /// Says `text`, which ends its lines itself.
    pub(crate) fn say(&mut self, level: Level, text: &str) {
        if let Some(log) = &mut self.log {
            log.add(text);
        }
        if level as u32 <= self.level {
            // Nobody can be told that standard error is gone.
            let _ = self.err.write_all(text.as_bytes());
        }
    }

    /// A line that matters by default.
    pub(crate) fn error(&mut self, line: &str) {
        self.say(Level::Error, &format!("{line}\n"));
    }

    /// A line for those who want detail.
    pub(crate) fn detail(&mut self, line: &str) {
        self.say(Level::Detail, &format!("{line}\n"));
    }

    /// Brings the log to its file: before something that takes long or may never come back.
    pub(crate) fn flush(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// Ends the log; says so when it was moved away because it had grown.
    pub(crate) fn close(mut self) {
        if self.log.take().is_some_and(Log::close) {
            let _ = self.err.write_all(b"Rotating logs...\n");
        }
    }
}
