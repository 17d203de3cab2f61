//! The command line as promised: what is printed, what is written, how it ends. One module for each promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::too_many_lines)]
#![allow(clippy::disallowed_methods, clippy::case_sensitive_file_extension_comparisons)] // tests run programs

mod rpm_writer;
mod sandbox;

#[path = "contract/form.rs"]
mod form;
#[path = "contract/names.rs"]
mod names;
#[path = "contract/patches.rs"]
mod patches;
#[path = "contract/policy.rs"]
mod policy;
#[path = "contract/round_trip.rs"]
mod round_trip;
#[path = "contract/shlibs_root.rs"]
mod shlibs_root;
#[path = "contract/shown.rs"]
mod shown;
#[path = "contract/verdicts.rs"]
mod verdicts;
#[path = "contract/whole_or_absent.rs"]
mod whole_or_absent;
#[path = "contract/workbench.rs"]
mod workbench;
