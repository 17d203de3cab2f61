//! What the firmware says: events and return codes.
