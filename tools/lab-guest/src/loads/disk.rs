//! `load disk` and `verify disk`: a journal of numbered records, each confirmed by fsync before the next is written.
//!
//! Records have a fixed size and their content follows from their number, so that a lost, doubled, moved or garbled one is
//! found. The journal is cut into segments, of which the last few are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use lab_guest::load::{DiskState, DiskVerdict};

use super::{Pace, Report, scrambled};

const RECORD_BYTES: usize = 512;
const RECORDS_PER_SEGMENT: u64 = 8192; // 4 MiB
const SEGMENTS_KEPT: u64 = 4;

/// The number in hexadecimal, text that follows from it, a newline.
fn record(number: u64) -> Vec<u8> {
    let mut record = format!("{number:016x}").into_bytes();
    let mut part = number;
    while record.len() < RECORD_BYTES {
        part = scrambled(part);
        record.extend_from_slice(format!(" {part:016x}").as_bytes());
    }
    record.truncate(RECORD_BYTES - 1);
    record.push(b'\n');
    record
}

fn segment_path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("journal-{segment:08}"))
}

/// For ever, or until the disk fails; what happened then is in the state too.
pub(crate) fn run(dir: &Path, state: &Path) -> Result<()> {
    let mut progress = DiskState::default();
    let mut report = Report::to(state);
    let ended = append(dir, &mut progress, &mut report);
    progress.failure = ended.as_ref().err().map(|error| format!("{error:#}"));
    report.now(&progress)?;
    ended
}

fn append(dir: &Path, progress: &mut DiskState, report: &mut Report<'_>) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    let found = inspect(dir)?;
    ensure!(found.errors.is_empty(), "the journal in {} is damaged: {}", dir.display(), found.errors.join("; "));
    progress.confirmed = found.next;
    let mut file = open_segment(dir, found.next)?;
    let mut pace = Pace::new(4);
    loop {
        pace.rest();
        report.now_and_then(progress)?;
        let number = progress.confirmed;
        if number > 0 && number % RECORDS_PER_SEGMENT == 0 {
            file = open_segment(dir, number)?;
        }
        let begun = Instant::now();
        file.write_all(&record(number)).with_context(|| format!("write record {number}"))?;
        file.sync_all().with_context(|| format!("fsync record {number}"))?;
        progress.confirmed += 1;
        progress.longest_ms = progress.longest_ms.max(u64::try_from(begun.elapsed().as_millis())?);
    }
}

/// The segment that this record goes into, cut to the records before it; drops old ones.
fn open_segment(dir: &Path, next: u64) -> Result<File> {
    let segment = next / RECORDS_PER_SEGMENT;
    let path = segment_path(dir, segment);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let mut file = file.with_context(|| format!("open {}", path.display()))?;
    let end = next % RECORDS_PER_SEGMENT * RECORD_BYTES as u64;
    file.set_len(end)
        .and_then(|()| file.seek(SeekFrom::Start(end)))
        .with_context(|| format!("cut {}", path.display()))?;
    if let Some(old) = segment.checked_sub(SEGMENTS_KEPT) {
        let _ = fs::remove_file(segment_path(dir, old)); // not there at a restart
    }
    File::open(dir).and_then(|dir| dir.sync_all()).with_context(|| format!("fsync {}", dir.display()))?;
    Ok(file)
}

fn read_state(file: &Path) -> Result<DiskState> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("understand {}", file.display()))
}

/// Prints what is there as JSON; exit status 1 when something is wrong.
pub(crate) fn verify(dir: &Path, state: Option<&Path>) -> Result<ExitCode> {
    // The state first: while the load goes on, the journal can only have more than it.
    let confirmed: Option<DiskState> = state.map(read_state).transpose()?;
    let mut verdict = inspect(dir)?;
    if let Some(state) = confirmed {
        if state.confirmed > verdict.next {
            verdict.errors.push(format!("{} records were confirmed, {} are there", state.confirmed, verdict.next));
        }
    }
    println!("{}", serde_json::to_string(&verdict)?);
    Ok(if verdict.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn inspect(dir: &Path) -> Result<DiskVerdict> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let name = entry?.file_name();
        segments.extend(name.to_str().and_then(|name| name.strip_prefix("journal-")?.parse::<u64>().ok()));
    }
    segments.sort_unstable();
    let first = segments.first().copied().unwrap_or(0) * RECORDS_PER_SEGMENT;
    let mut verdict = DiskVerdict { first, next: first, ..DiskVerdict::default() };
    for (index, segment) in segments.iter().enumerate() {
        let path = segment_path(dir, *segment);
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        judge(&mut verdict, *segment, &bytes, index + 1 == segments.len());
    }
    Ok(verdict)
}

/// One segment, in order.
fn judge(verdict: &mut DiskVerdict, segment: u64, bytes: &[u8], last: bool) {
    let begin = segment * RECORDS_PER_SEGMENT;
    if begin != verdict.next {
        verdict.errors.push(format!("record {} is not there, segment {segment} begins with {begin}", verdict.next));
        return;
    }
    let good = bytes.chunks(RECORD_BYTES).zip(begin..).take_while(|(chunk, number)| *chunk == record(*number)).count();
    verdict.next = begin + good as u64;
    let rest = bytes.len() - good * RECORD_BYTES;
    // The end of the last segment may hold one record that was being written.
    if rest >= RECORD_BYTES && !(last && rest == RECORD_BYTES) {
        verdict.errors.push(format!("record {} is wrong, and {rest} bytes follow from there", verdict.next));
    } else if !last && verdict.next != begin + RECORDS_PER_SEGMENT {
        verdict.errors.push(format!("segment {segment} ends with record {}", verdict.next));
    }
    verdict.torn_bytes = rest as u64;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn judged(bytes: &[u8], last: bool) -> DiskVerdict {
        let mut verdict = DiskVerdict::default();
        judge(&mut verdict, 0, bytes, last);
        verdict
    }

    fn records(numbers: std::ops::Range<u64>) -> Vec<u8> {
        numbers.flat_map(record).collect()
    }

    #[test]
    fn records_have_one_size_and_differ() {
        assert_eq!(record(0).len(), RECORD_BYTES);
        assert_eq!(record(u64::MAX).len(), RECORD_BYTES);
        assert_ne!(record(1)[16..], record(2)[16..]);
    }

    #[test]
    fn a_journal_is_judged() {
        let whole = records(0..10);
        assert_eq!(judged(&whole, true), DiskVerdict { next: 10, ..DiskVerdict::default() });
        let torn = judged(&whole[..whole.len() - 100], true);
        assert_eq!((torn.next, torn.torn_bytes, torn.errors.len()), (9, 412, 0));
        let mut flipped = whole.clone();
        flipped[3 * RECORD_BYTES + 99] ^= 1;
        let (lost, doubled) = ([records(0..4), records(5..10)].concat(), [records(0..4), records(3..10)].concat());
        for (name, bytes) in [("flipped", flipped), ("lost", lost), ("doubled", doubled)] {
            assert_eq!(judged(&bytes, true).errors.len(), 1, "{name}");
        }
        assert_eq!(judged(&whole, false).errors, ["segment 0 ends with record 10"]);
    }

    #[test]
    fn a_journal_goes_on_after_a_restart_and_across_segments() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, state) = (dir.path().join("j"), dir.path().join("state"));
        fs::create_dir(&journal).unwrap();
        fs::write(segment_path(&journal, 0), records(0..RECORDS_PER_SEGMENT)).unwrap();
        fs::write(segment_path(&journal, 1), &records(RECORDS_PER_SEGMENT..RECORDS_PER_SEGMENT + 2)[..900]).unwrap();
        let found = inspect(&journal).unwrap();
        assert_eq!((found.first, found.next, found.torn_bytes), (0, RECORDS_PER_SEGMENT + 1, 388));
        let mut file = open_segment(&journal, found.next).unwrap();
        file.write_all(&record(found.next)).unwrap();
        let found = inspect(&journal).unwrap();
        assert_eq!((found.next, found.torn_bytes, found.errors.len()), (RECORDS_PER_SEGMENT + 2, 0, 0));

        let mut confirmed = DiskState { confirmed: found.next, ..DiskState::default() };
        fs::write(&state, serde_json::to_vec(&confirmed).unwrap()).unwrap();
        assert_eq!(verify(&journal, Some(&state)).unwrap(), ExitCode::SUCCESS);
        confirmed.confirmed += 1;
        fs::write(&state, serde_json::to_vec(&confirmed).unwrap()).unwrap();
        assert_eq!(verify(&journal, Some(&state)).unwrap(), ExitCode::FAILURE);
    }
}
