//! `/proc/meminfo`.
