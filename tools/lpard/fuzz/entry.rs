//! What the fuzz target calls. `tests/hook_output.rs` calls the same function on the committed inputs, so that the stable
//! toolchain runs it too.

use lpard::hook_output::{CUT, LIMIT_BYTES, said};

/// Three bytes say how much is kept and where standard error ends; the rest is what the hook says.
pub(crate) fn hook_output(data: &[u8]) {
    let Some((&[high, low, end], rest)) = data.split_first_chunk() else { return };
    let room = usize::from(u16::from_be_bytes([high, low])).min(LIMIT_BYTES);
    let (errors, output) = rest.split_at(usize::from(end).min(rest.len()));
    for cut_before in [false, true] {
        let said = said(errors, output, cut_before, room);
        let kept = said.strip_suffix(CUT).unwrap_or(&said);
        assert!(kept.len() <= room, "{} of {room} bytes", kept.len());
        assert!(!cut_before || said.ends_with(CUT), "what is left out is mentioned");
        assert!(!said.chars().any(|character| character.is_control() && character != '\n'), "{said:?}");
    }
}
