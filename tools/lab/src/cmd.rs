//! One file a command: asks the library or the running lab, and prints.

pub(crate) mod capture;
pub(crate) mod console;
pub(crate) mod dlpar;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod exec;
pub(crate) mod isolation;
pub(crate) mod labs;
pub(crate) mod lspartition;
pub(crate) mod migrate;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod supervise;
pub(crate) mod up;
