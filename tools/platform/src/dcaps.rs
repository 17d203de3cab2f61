//! The capability words that a console shows as DCaps and CmdCaps.
