//! A progress bar over the bytes of the RPMs, for long work on a terminal.

use std::io::{self, Read};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `total` bytes of input, or one that shows nothing.
pub(crate) fn bar(total: u64, visible: bool) -> ProgressBar {
    if !visible {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {wide_msg} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Counts what is read.
pub(crate) struct Watched<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R> Watched<R> {
    /// Reads through to `inner`.
    pub(crate) fn new(inner: R, bar: ProgressBar) -> Self {
        Self { inner, bar }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}
