//! Network adapters, and which of them leads to the management console.
