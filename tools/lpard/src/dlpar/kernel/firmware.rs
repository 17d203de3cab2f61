//! Asking the firmware until it has an answer.
//!
//! A status may say "busy" and how long to wait (LoPAR 2.9, 7.2.8), and what was in use a moment ago may still be mapped by the
//! hypervisor: there is no event for either, so that both are asked again.

use std::time::Duration;

use platform::rtas::connector::Indicator;
use platform::rtas::status::{Call, busy_ms};

/// How long a busy firmware is asked again; the longest pause that it may ask for is 100 s.
const BUSY_PATIENCE: Duration = Duration::from_secs(300);
/// Between two questions to a firmware that does not say how long it is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// How long it is waited until something is no longer in use.
const USE_PATIENCE: Duration = Duration::from_secs(20);
const USE_PAUSE: Duration = Duration::from_millis(500);

/// Something below it is still in use; it is still in use itself.
const STILL_IN_USE: [i32; 2] = [-9000, -9001];

/// Asks until the status is neither "busy" nor, where something is to be let go, "still in use", or until patience ends.
/// `ask` gives the status first; `pause` waits.
pub(super) fn ask<E>(
    may_be_in_use: bool,
    mut ask: impl FnMut() -> Result<Vec<u32>, E>,
    mut pause: impl FnMut(Duration),
) -> Result<Vec<u32>, E> {
    let (mut busy, mut in_use) = (Duration::ZERO, Duration::ZERO);
    loop {
        let answer = ask()?;
        let status = status(&answer);
        let (waited, patience, next) = match busy_ms(status) {
            Some(milliseconds) => {
                (&mut busy, BUSY_PATIENCE, BUSY_PAUSE.max(Duration::from_millis(milliseconds.into())))
            }
            None if may_be_in_use && STILL_IN_USE.contains(&status) => (&mut in_use, USE_PATIENCE, USE_PAUSE),
            None => return Ok(answer),
        };
        if *waited >= patience {
            return Ok(answer);
        }
        pause(next);
        *waited += next;
    }
}

/// The first word of an answer.
pub(super) fn status(answer: &[u32]) -> i32 {
    i32::from_ne_bytes(answer.first().copied().unwrap_or_default().to_ne_bytes())
}

/// Whether a call isolates something that may still be in use.
pub(super) fn isolates(call: Call, inputs: &[u32]) -> bool {
    call == Call::SetIndicator && inputs.first() == Some(&Indicator::Isolation.number()) && inputs.last() == Some(&0)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// The last status, how often it was asked, and how long it was waited in all.
    fn asked(may_be_in_use: bool, statuses: &[i32]) -> (i32, usize, Duration) {
        let (mut count, mut waited) = (0, Duration::ZERO);
        let answer = ask(
            may_be_in_use,
            || {
                let status = statuses.get(count).or(statuses.last()).copied().unwrap_or_default();
                count += 1;
                Ok::<_, Infallible>(vec![u32::from_ne_bytes(status.to_ne_bytes())])
            },
            |pause| waited += pause,
        );
        let Ok(answer) = answer;
        (status(&answer), count, waited)
    }

    #[test]
    fn a_busy_firmware_is_asked_again_when_it_says() {
        let milliseconds = Duration::from_millis;
        assert_eq!(asked(false, &[0]), (0, 1, Duration::ZERO));
        assert_eq!(asked(false, &[-2, -2, 9902, 0]), (0, 4, milliseconds(102)));
        assert_eq!(asked(false, &[9905]), (9905, 4, Duration::from_secs(300)), "patience ends");
        assert_eq!(asked(false, &[-9001]), (-9001, 1, Duration::ZERO));
    }

    #[test]
    fn what_is_still_in_use_may_be_let_go_a_moment_later() {
        assert_eq!(asked(true, &[-9001, -9000, 0]), (0, 3, Duration::from_secs(1)));
        assert_eq!(asked(true, &[-9001]).2, Duration::from_secs(20));
        assert_eq!(asked(true, &[-3]), (-3, 1, Duration::ZERO));
    }
}
