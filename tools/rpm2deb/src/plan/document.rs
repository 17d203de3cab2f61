//! debian/changelog, debian/copyright and the RPM's own changelog.

use std::fmt::Write as _;

use super::description::one_line;
use crate::rpm::package::Package;

/// debian/changelog: one entry for the conversion. The RPM's entries go into [`upstream_changelog`], for they are the
/// packaging's history elsewhere, with versions and addresses that Debian's format does not allow.
///
/// `time` in seconds since 1970 becomes the entry's date; UTC.
pub fn changelog(package: &Package, name: &str, version: &str, maintainer: &str, time: u64) -> String {
    let source = one_line(&rpm_file_name(package));
    let mut text = format!("{name} ({version}) unstable; urgency=medium\n\n  * Converted from {source} by rpm2deb.\n");
    if let Some(origin) = package.source_rpm.as_deref() {
        let _ = writeln!(text, "  * Built by RPM from {}.", one_line(origin));
    }
    let _ = write!(text, "\n -- {maintainer}  {}\n", rfc2822(time));
    text
}

/// The time of a changelog's newest entry, in seconds since 1970: what dates a package that is built from it.
pub fn changelog_time(text: &str) -> Option<u64> {
    let trailer = text.lines().find(|line| line.starts_with(" -- "))?;
    let (_, date) = trailer.rsplit_once(">  ")?;
    let mut words = date.split_whitespace().skip(1);
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = 1 + u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    let zone: i64 = words.next()?.parse().ok().filter(|zone| (-2400..=2400).contains(zone))?;
    let utc = days_from_civil(year, month, day) * 86_400 + hours * 3600 + minutes * 60 + seconds;
    utc.checked_add_signed(-(zone / 100 * 3600 + zone % 100 * 60))
}

/// Days since 1970-01-01; Howard Hinnant's days_from_civil.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `NAME-VERSION-RELEASE.ARCH.rpm`.
pub fn rpm_file_name(package: &Package) -> String {
    let release = package.evr.release.as_deref().unwrap_or("0");
    format!("{}-{}-{release}.{}.rpm", package.name, package.evr.version, package.arch)
}

/// The RPM's changelog as `rpm -q --changelog` prints it, or `None` if it has none.
pub fn upstream_changelog(package: &Package) -> Option<String> {
    if package.changelog.is_empty() {
        return None;
    }
    let mut text = String::new();
    for entry in &package.changelog {
        let date = Date::from_seconds(entry.time);
        let _ = writeln!(
            text,
            "* {} {} {:02} {} {}",
            date.weekday,
            date.month_name(),
            date.day,
            date.year,
            one_line(&entry.name)
        );
        for line in entry.text.lines() {
            let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
    }
    Some(text)
}

/// Words in a licence's name, and Debian's file with its text.
const COMMON_LICENSES: [(&str, &str); 15] = [
    ("LGPLv2+", "LGPL-2.1"),
    ("LGPLv2", "LGPL-2.1"),
    ("LGPL-2", "LGPL-2.1"),
    ("LGPLv3", "LGPL-3"),
    ("LGPL-3", "LGPL-3"),
    ("LGPL", "LGPL"),
    ("AGPL", ""),
    ("GPLv3", "GPL-3"),
    ("GPL-3", "GPL-3"),
    ("GPLv2", "GPL-2"),
    ("GPL-2", "GPL-2"),
    ("GPL", "GPL"),
    ("Apache-2.0", "Apache-2.0"),
    ("ASL 2.0", "Apache-2.0"),
    ("MPLv2", "MPL-2.0"),
];

/// debian/copyright: what the RPM says, and where the texts are. No copyright holder is invented.
pub fn copyright(package: &Package) -> String {
    let license = package.license.as_deref().map_or_else(|| "not stated".to_owned(), one_line);
    let mut text = format!("This package was converted from {}.\n", one_line(&rpm_file_name(package)));
    if let Some(vendor) = &package.vendor {
        let _ = writeln!(text, "Vendor of the RPM: {}", one_line(vendor));
    }
    if let Some(url) = &package.url {
        let _ = writeln!(text, "Origin: {}", one_line(url));
    }
    let _ = write!(text, "\nLicense, as the RPM states it: {license}\n\n");
    let known = COMMON_LICENSES.iter().find(|(word, file)| !file.is_empty() && license.contains(word));
    match known {
        Some((_, file)) => {
            let _ =
                writeln!(text, "On Debian systems the text of that license is in /usr/share/common-licenses/{file}.");
        }
        None => text.push_str("Texts of common licenses are in /usr/share/common-licenses/.\n"),
    }
    text.push_str("The package's own license files, if it has any, are beside this one.\n");
    text
}

/// `Fri, 25 Feb 2022 12:00:00 +0000`.
fn rfc2822(time: u64) -> String {
    let date = Date::from_seconds(time);
    let seconds = time % 86_400;
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
        date.weekday,
        date.day,
        date.month_name(),
        date.year,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A day of the Gregorian calendar.
struct Date {
    year: u64,
    /// 1 to 12.
    month: u64,
    day: u64,
    weekday: &'static str,
}

impl Date {
    /// By the era algorithm of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms" (civil_from_days).
    fn from_seconds(time: u64) -> Self {
        let days = time / 86_400;
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self { year, month, day, weekday }
    }

    fn month_name(&self) -> &'static str {
        usize::try_from(self.month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("Jan")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_date_minus_r() {
        // date -u -R -d @SECONDS
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_645_790_400, "Fri, 25 Feb 2022 12:00:00 +0000"),
            (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 +0000"),
        ] {
            assert_eq!(rfc2822(seconds), expected);
            assert_eq!(changelog_time(&format!("x (1) y; z\n\n -- A B <c@d>  {expected}\n")), Some(seconds));
        }
    }

    #[test]
    fn a_changelog_edited_elsewhere_dates_the_package_in_its_own_zone() {
        let at = |zone| changelog_time(&format!(" -- A <b@c>  Fri, 25 Feb 2022 12:00:00 {zone}"));
        assert_eq!(at("+0000"), Some(1_645_790_400));
        assert_eq!(at("+0130"), Some(1_645_790_400 - 5400));
        assert_eq!(at("-0500"), Some(1_645_790_400 + 18_000));
        assert_eq!(at("soon"), None);
        assert_eq!(at("9223372036854775807"), None);
        assert_eq!(changelog_time(" -- A <b@c>  Fri, 0 Feb 2022 18446744073709551615:00:00 +0000"), None);
    }
}
