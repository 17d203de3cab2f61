//! The operating system's name as a person wants it.
