//! An adversary on a MGMTSWITCH: what anybody there could do to a console ([`attack`]), and to a partition by posing as its
//! console ([`impostor`]). Scenarios start it, to see that who is honest is unharmed.
//!
//! It knows what an intruder would know: addresses, this project's source, and the key of a partition that was taken over.

pub mod attack;
pub mod impostor;
mod line;
