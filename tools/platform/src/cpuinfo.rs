//! `/proc/cpuinfo` and `/sys/devices/system/cpu`.
