//! The command line as promised: what is found where, what is printed, how it ends. One module for each promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // tests run the program

#[path = "contract/bad_input.rs"]
mod bad_input;
#[path = "contract/boxes.rs"]
mod boxes;
#[path = "contract/images.rs"]
mod images;
#[path = "contract/running.rs"]
mod running;
#[path = "contract/shown.rs"]
mod shown;
#[path = "contract/sources.rs"]
mod sources;
#[path = "contract/verdicts.rs"]
mod verdicts;
#[path = "contract/workbench.rs"]
mod workbench;
