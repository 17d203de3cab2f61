//! Everything a console or a person asks first, read in one go.
