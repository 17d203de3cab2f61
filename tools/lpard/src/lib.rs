//! The agent in the partition. So far its engine for resizing, which `drmgr` uses too.

pub mod dlpar;
