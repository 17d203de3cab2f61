//! Which machine and which partition this is.
