//! `/var/log/drmgr`: everything that was said, between two lines with the time. At 1 MiB it becomes `drmgr.0`.

use std::time::{SystemTime, UNIX_EPOCH};

use sysroot::Sysroot;

const PATH: &str = "var/log/drmgr";
const OLD_PATH: &str = "var/log/drmgr.0";
const ROTATE_BYTES: u64 = 1 << 20;
const SECONDS_PER_DAY: u64 = 86_400;

/// The log of one invocation. Its text is kept and written in as few pieces as possible.
pub(crate) struct Log<'a> {
    sysroot: &'a Sysroot,
    pending: String,
}

impl<'a> Log<'a> {
    /// Begins an invocation's part of the log.
    pub(crate) fn open(sysroot: &'a Sysroot) -> Self {
        Self { sysroot, pending: format!("\n{}", separator()) }
    }

    /// Adds text.
    pub(crate) fn add(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    /// Writes what has not been written. A log that cannot be written stops nothing.
    pub(crate) fn flush(&mut self) {
        if !self.pending.is_empty() {
            let _ = self.sysroot.append_log(PATH, &self.pending);
            self.pending.clear();
        }
    }

    /// Ends the invocation's part; true when the log was moved away.
    pub(crate) fn close(mut self) -> bool {
        self.add(&separator());
        self.flush();
        let size = self.sysroot.stat(PATH).ok().flatten().map_or(0, |stat| stat.size_bytes);
        size >= ROTATE_BYTES && self.sysroot.rename(PATH, OLD_PATH).is_ok()
    }
}

fn separator() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("########## {} ##########\n", utc(since_epoch))
}

/// `Nov 22 08:17:00 2026 UTC`. The time zone's file is not read for the sake of a log.
fn utc(since_epoch_s: u64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (since_epoch_s / SECONDS_PER_DAY, since_epoch_s % SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    let name = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"???");
    format!("{name} {day:02} {:02}:{:02}:{:02} {year} UTC", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a number of days since 1970-01-01, counting in eras of 400 years from the first of March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        for (seconds, expected) in [
            (0, "Jan 01 00:00:00 1970 UTC"),
            (951_827_696, "Feb 29 12:34:56 2000 UTC"),
            (1_795_335_420, "Nov 22 08:17:00 2026 UTC"),
            (4_107_542_399, "Feb 28 23:59:59 2100 UTC"),
        ] {
            assert_eq!(utc(seconds), expected);
        }
    }
}
