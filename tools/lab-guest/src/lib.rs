//! What the host must know about the program in the lab's guests: the test channel's messages and the states that loads write.
//!
//! The program itself (`lab-guest`) is the guest's first process, serves the channel and makes load. The host talks to it
//! through the guest's second virtual terminal; [`channel`] says how.

pub mod channel;
pub mod load;
pub mod personality;
