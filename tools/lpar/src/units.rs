//! Numbers with their units, for people.

use std::time::Duration;

const KIB: u64 = 1 << 10;
const UNITS: [(u64, &str); 4] =
    [(KIB * KIB * KIB * KIB, "TiB"), (KIB * KIB * KIB, "GiB"), (KIB * KIB, "MiB"), (KIB, "KiB")];
const TENTHS: u64 = 10;

/// Bytes in the largest unit of which there is one, with one decimal unless it is zero.
pub(crate) fn amount(bytes: u64) -> String {
    let Some((unit, name)) = UNITS.iter().find(|(unit, _)| bytes >= *unit) else { return format!("{bytes} bytes") };
    let (whole, tenth) = (bytes / unit, bytes % unit * TENTHS / unit);
    if tenth == 0 { format!("{whole} {name}") } else { format!("{whole}.{tenth} {name}") }
}

/// Days, hours and minutes; seconds for less than a minute.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_unit() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (268_435_456, "256 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(amount(bytes), expected);
        }
    }

    #[test]
    fn durations_have_no_more_than_is_of_interest() {
        for (seconds, expected) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (90_061, "1 d 1 h 1 min")]
        {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
    }
}
