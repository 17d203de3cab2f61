//! What a hook says, made fit for logs, consoles and terminals: text, bounded, and nothing that a terminal obeys.

use crate::visible::visible;

/// What is kept of one hook: enough for a reason, not for a story.
pub const LIMIT_BYTES: usize = 4 << 10;

/// Stands for what was left out.
pub const CUT: &str = " [...]";

/// What a hook said on its two outputs, in at most `room` bytes and [`CUT`]. What went to standard error comes first: a reason is
/// more likely there. `cut_before` says that the outputs had been cut already.
pub fn said(errors: &[u8], output: &[u8], cut_before: bool, room: usize) -> String {
    let kept: Vec<u8> = errors.iter().chain(output).copied().take(room).collect();
    let mut said = String::from_utf8_lossy(&kept).split('\n').map(visible).collect::<Vec<_>>().join("\n");
    // What was made visible is longer than it was.
    let is_cut = cut_before || errors.len() + output.len() > room || said.len() > room;
    let whole_characters = (0..=room.min(said.len())).rev().find(|end| said.is_char_boundary(*end));
    said.truncate(whole_characters.unwrap_or_default());
    if is_cut {
        said.push_str(CUT);
    }
    said
}
