//! `/proc/powerpc/lparcfg`.
