//! Does anybody hear what firmware reports?

use super::{Finding, Subject, Told};

const SOURCE: Subject = Subject::new("firmware can report", "/proc/powerpc/rtas/error_log");
const READER: Subject = Subject::new("one reader", "/proc, /var/log/platform");

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The kernel's file of events is there.
    pub(crate) has_error_log: bool,
    /// The daemon of ppc64-diag runs. Who reads an event takes it away from all others.
    pub(crate) rtas_errd_runs: Told<bool>,
    /// Its log is there.
    pub(crate) has_platform_log: bool,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    vec![source(seen.has_error_log), READER.judge(&seen.rtas_errd_runs, |runs| reader(*runs, seen.has_platform_log))]
}

fn source(has_error_log: bool) -> Finding {
    if has_error_log {
        return SOURCE.ok("the kernel takes events");
    }
    SOURCE
        .warn("the kernel has no such file: this is no pSeries partition", "nothing is known of power and cooling then")
}

fn reader(rtas_errd_runs: bool, has_platform_log: bool) -> Finding {
    match (rtas_errd_runs, has_platform_log) {
        (false, _) => READER.ok("rtas_errd does not run: lpard reads the events"),
        (true, true) => READER.ok("rtas_errd reads the events, lpard follows its log"),
        (true, false) => READER.warn(
            "rtas_errd takes the events, and there is no /var/log/platform for lpard to follow",
            "systemctl restart rtas_errd; it makes its log when it starts",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn there_is_one_reader_and_the_other_follows() {
        assert_eq!(reader(false, false).verdict, Verdict::Ok);
        assert_eq!(reader(true, true).verdict, Verdict::Ok);
        assert_eq!(reader(true, false).verdict, Verdict::Warn);
        assert_eq!((source(true).verdict, source(false).verdict), (Verdict::Ok, Verdict::Warn));
    }
}
