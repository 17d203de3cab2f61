//! What the kernel says about a migration.
