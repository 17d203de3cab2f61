//! Frames: the length of a message as four bytes, big endian, then the message.

use thiserror::Error;

/// The longest message, without its length. The inventory of a partition with a thousand slots has a fifth of it.
pub const MAX_BYTES: usize = 1 << 20;

/// The longest message before the greeting is accepted: a greeting has some hundred bytes.
pub const MAX_BYTES_BEFORE_GREETING: usize = 64 << 10;

const LENGTH_BYTES: usize = 4;
/// Memory is taken as bytes arrive, not as a stranger declares them.
const FIRST_RESERVATION_BYTES: usize = 4 << 10;

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Longer than is taken.
    #[error("a message of {length} bytes; at most {limit} are allowed here")]
    TooLong {
        /// What it has, or says it has.
        length: usize,
        /// What it may have.
        limit: usize,
    },
    /// No JSON text is empty.
    #[error("a message of no bytes")]
    Empty,
}

/// A message as a frame.
pub fn encode(message: &[u8]) -> Result<Vec<u8>, FrameError> {
    let length = checked(message.len(), MAX_BYTES)?;
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong { length, limit: MAX_BYTES })?;
    Ok([&prefix.to_be_bytes(), message].concat())
}

fn checked(length: usize, limit: usize) -> Result<usize, FrameError> {
    match length {
        0 => Err(FrameError::Empty),
        length if length > limit => Err(FrameError::TooLong { length, limit }),
        length => Ok(length),
    }
}

/// Cuts a stream of bytes into messages. It holds at most one, and fails for ever after the first failure: where the next
/// frame begins is not known then.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    length: [u8; LENGTH_BYTES],
    length_bytes: usize,
    message: Vec<u8>,
    failure: Option<FrameError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            limit: MAX_BYTES_BEFORE_GREETING,
            length: [0; LENGTH_BYTES],
            length_bytes: 0,
            message: Vec::new(),
            failure: None,
        }
    }
}

impl Decoder {
    /// The peer's greeting was accepted: from the next frame on, [`MAX_BYTES`] hold.
    pub fn greeting_accepted(&mut self) {
        self.limit = MAX_BYTES;
    }

    /// Takes bytes off the front of `input`, up to the end of a message; gives the message when its last byte was there.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        while self.length_bytes < LENGTH_BYTES {
            let Some((byte, rest)) = input.split_first() else { return Ok(None) };
            self.length[self.length_bytes] = *byte;
            self.length_bytes += 1;
            *input = rest;
        }
        let length = usize::try_from(u32::from_be_bytes(self.length)).unwrap_or(usize::MAX);
        let length = checked(length, self.limit).inspect_err(|failure| self.failure = Some(*failure))?;
        Ok(self.take_message(length, input))
    }

    fn take_message(&mut self, length: usize, input: &mut &[u8]) -> Option<Vec<u8>> {
        if self.message.is_empty() {
            self.message.reserve(length.min(FIRST_RESERVATION_BYTES));
        }
        let (taken, rest) = input.split_at(input.len().min(length - self.message.len()));
        self.message.extend_from_slice(taken);
        *input = rest;
        if self.message.len() < length {
            return None;
        }
        self.length_bytes = 0;
        Some(std::mem::take(&mut self.message))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn decode_all(decoder: &mut Decoder, mut input: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut messages = Vec::new();
        while let Some(message) = decoder.take(&mut input)? {
            messages.push(message);
        }
        assert!(input.is_empty(), "it stops only at the end of a message");
        Ok(messages)
    }

    #[test]
    fn a_length_that_is_not_allowed_is_refused_before_a_byte_of_the_message_is_kept() {
        let too_long = u32::try_from(MAX_BYTES_BEFORE_GREETING + 1).unwrap();
        let refused = FrameError::TooLong { length: MAX_BYTES_BEFORE_GREETING + 1, limit: MAX_BYTES_BEFORE_GREETING };
        let cases = [
            (too_long.to_be_bytes(), refused),
            ([0xff; 4], FrameError::TooLong { length: 0xffff_ffff, limit: MAX_BYTES_BEFORE_GREETING }),
            ([0; 4], FrameError::Empty),
        ];
        for (bytes, expected) in cases {
            let mut decoder = Decoder::default();
            let mut input = [&bytes[..], b"{}"].concat();
            assert_eq!(decoder.take(&mut input.as_slice()), Err(expected));
            assert_eq!(decoder.message.capacity(), 0);
            input.clear();
            assert_eq!(decoder.take(&mut input.as_slice()), Err(expected), "it does not recover");
        }
    }

    #[test]
    fn after_the_greeting_messages_may_be_longer() {
        let long = vec![b' '; MAX_BYTES];
        let mut decoder = Decoder::default();
        decoder.greeting_accepted();
        assert_eq!(decode_all(&mut decoder, &encode(&long).unwrap()), Ok(vec![long.clone()]));
        let longer = [long.as_slice(), b" "].concat();
        assert_eq!(encode(&longer), Err(FrameError::TooLong { length: MAX_BYTES + 1, limit: MAX_BYTES }));
        assert_eq!(encode(b""), Err(FrameError::Empty));
    }

    #[test]
    fn a_declared_length_takes_no_memory() {
        let mut decoder = Decoder::default();
        let declared = u32::try_from(MAX_BYTES_BEFORE_GREETING).unwrap().to_be_bytes();
        assert_eq!(decoder.take(&mut declared.as_slice()), Ok(None));
        assert!(decoder.message.capacity() <= FIRST_RESERVATION_BYTES);
    }

    proptest! {
        #[test]
        fn however_a_stream_is_split_its_messages_come_out(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
            cuts in prop::collection::vec(0_usize..2000, 0..20),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for pair in cuts.windows(2) {
                found.extend(decode_all(&mut decoder, &stream[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(found, messages);
        }

        #[test]
        fn whatever_comes_no_more_than_one_message_is_held(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        ) {
            let mut decoder = Decoder::default();
            for chunk in chunks {
                let mut input = chunk.as_slice();
                while let Ok(Some(_)) = decoder.take(&mut input) {}
                prop_assert!(decoder.message.len() <= MAX_BYTES_BEFORE_GREETING);
            }
        }
    }
}
