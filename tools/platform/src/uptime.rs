//! `/proc/uptime`.
