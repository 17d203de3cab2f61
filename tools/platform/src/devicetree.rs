//! The device tree under `/proc/device-tree`.
