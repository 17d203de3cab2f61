//! Time stamps in diff headers: the only question is whether one is the epoch, which stands for "no such file".

/// Whether the time after a file name is 1970-01-01 00:00 in some time zone; none where it is no time.
///
/// As patch(1): anything from 25 hours before to 26 hours after the epoch counts, because time stamps without a zone
/// are local time and POSIX allows zones that far away. Forms: `1970-01-01 00:00:00.000000000 +0000` (GNU diff) and
/// `Thu Jan  1 00:00:00 1970` (POSIX diff, subversion and others), with or without a zone.
pub(super) fn is_epoch(text: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(text).ok()?;
    let seconds = seconds_since_epoch(text)?;
    Some(-25 * 3600 < seconds && seconds < 26 * 3600)
}

fn seconds_since_epoch(text: &str) -> Option<i64> {
    let (mut day, mut month, mut year, mut clock, mut zone) = (None, None, None, None, 0);
    for word in text.split(|c: char| c.is_ascii_whitespace() || c == 'T' || c == ',').take(16) {
        if let Some((y, m, d)) = iso_date(word) {
            (year, month, day) = (Some(y), Some(m), Some(d));
        } else if let Some(seconds) = clock_time(word) {
            clock = Some(seconds);
        } else if let Some(offset) = zone_offset(word) {
            zone = offset;
        } else if let Some(number) = month_number(word) {
            month = Some(number);
        } else if let Ok(number) = word.parse::<i64>() {
            if day.is_none() && number <= 31 { day = Some(number) } else { year = Some(number) }
        }
    }
    let days = days_since_epoch(year?, month?, day?)?;
    Some(days * 86400 + clock.unwrap_or(0) - zone)
}

fn iso_date(word: &str) -> Option<(i64, i64, i64)> {
    let mut fields = word.splitn(3, '-').map(|field| field.parse::<i64>().ok());
    Some((fields.next()??, fields.next()??, fields.next()??))
}

/// `HH:MM[:SS[.fraction]]`, perhaps with `Z` or a zone behind it, which at most moves it by a day.
fn clock_time(word: &str) -> Option<i64> {
    let word = word.trim_end_matches('Z');
    let mut fields = word.splitn(3, ':');
    let hours: i64 = fields.next()?.parse().ok()?;
    let minutes: i64 = fields.next()?.parse().ok()?;
    let seconds: i64 = match fields.next() {
        Some(field) => field.split('.').next()?.parse().ok()?,
        None => 0,
    };
    let is_time = (0..=24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds);
    is_time.then(|| hours * 3600 + minutes * 60 + seconds)
}

/// `+HHMM` or `-HH:MM`, seconds east of Greenwich.
fn zone_offset(word: &str) -> Option<i64> {
    let (sign, digits) = match word.as_bytes().first()? {
        b'+' => (1, &word[1..]),
        b'-' => (-1, &word[1..]),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|&c| c != ':').collect();
    let number: i64 = if digits.len() == 4 { digits.parse().ok()? } else { return None };
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

fn month_number(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = MONTHS.iter().position(|month| word.starts_with(month))?;
    i64::try_from(at + 1).ok()
}

/// Days from 1970-01-01, by counting whole years; only years around 1970 matter.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let is_date = (1900..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date {
        return None;
    }
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_days = (year - 1).div_euclid(4) - 1969_i64.div_euclid(4);
    let in_year = DAYS_BEFORE.get(usize::try_from(month - 1).ok()?)? + day - 1 + i64::from(is_leap && month > 2);
    Some((year - 1970) * 365 + leap_days + in_year)
}

#[cfg(test)]
mod tests {
    use super::is_epoch;

    #[test]
    fn the_epoch_is_known_in_every_time_zone_and_form() {
        let cases = [
            ("1970-01-01 00:00:00.000000000 +0000", Some(true)),
            ("1970-01-01 01:00:00 +0100", Some(true)),
            ("1969-12-31 19:00:00.000000000 -0500", Some(true)),
            ("1970-01-01 14:00:00", Some(true)),
            ("Thu Jan  1 00:00:00 1970", Some(true)),
            ("Thu, 1 Jan 1970 00:00:00 GMT", Some(true)),
            ("1970-01-01T00:00:00Z", Some(true)),
            ("1970-01-03 03:00:00 +0000", Some(false)),
            ("2012-06-05 11:23:42.000000000 +0200", Some(false)),
            ("Tue Jun  5 11:23:42 2012", Some(false)),
            ("1980-01-01 00:00:00.000000000 +0000", Some(false)),
            ("(revision 12)", None),
            ("(working copy)", None),
            ("", None),
            ("99999999999999999999-1-1", None),
            ("1970-01-01 9223372036854775807:34", Some(true)),
        ];
        for (text, expected) in cases {
            assert_eq!(is_epoch(text.as_bytes()), expected, "{text}");
        }
    }
}
