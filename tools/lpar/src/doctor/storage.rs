//! Is there room where agents write? A full file system is the classic reason of a console that lost its partition.

use sysroot::Space;

use super::{Finding, Subject, Told};
use crate::units::amount;

/// A journal, a log and a few keys need far less; below this something else is about to fail too.
const LEAST_BYTES: u64 = 16 << 20;
/// When it is time to look: this part of the whole.
const LITTLE_PERCENT: u64 = 3;

/// Where agents write: their state, their locks and sockets, RSCT's traces.
pub(crate) const PLACES: [(&str, &str); 3] = [("/var", "var"), ("/run", "run"), ("/tmp", "tmp")];

/// What has to be seen: the room of each of [`PLACES`].
#[derive(Debug, Clone)]
pub(crate) struct Seen(pub(crate) Vec<(&'static str, Told<Space>)>);

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let check = |(place, space): &(&'static str, Told<Space>)| {
        let subject = Subject::new(place, "statvfs");
        subject.judge(space, |space| room(subject, *space))
    };
    seen.0.iter().map(check).collect()
}

fn room(subject: Subject, space: Space) -> Finding {
    let found = format!("{} of {} free", amount(space.available_bytes), amount(space.total_bytes));
    let mend = format!("du -xh {} | sort -h | tail", subject.name);
    match space.available_bytes {
        available if available < LEAST_BYTES => subject.fail(found, mend),
        available if available < space.total_bytes / 100 * LITTLE_PERCENT => subject.warn(found, mend),
        _ => subject.ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn little_room_warns_and_none_fails() {
        let gib = 1 << 30;
        let cases = [
            (gib, gib / 2, Verdict::Ok),
            (gib, gib / 50, Verdict::Warn),
            (gib, 0, Verdict::Fail),
            (gib, LEAST_BYTES - 1, Verdict::Fail),
            (LEAST_BYTES, LEAST_BYTES, Verdict::Ok),
        ];
        for (total_bytes, available_bytes, verdict) in cases {
            let finding = room(Subject::new("/var", ""), Space { total_bytes, available_bytes });
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
    }
}
