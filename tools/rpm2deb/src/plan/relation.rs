//! stub
#![allow(missing_docs)]
use super::version::{DebVersion, ReleasePolicy};
use crate::elf::ElfFacts;
use crate::event::Notice;
use crate::rpm::package::Package;
use crate::shlibs::Shlibs;
#[derive(Debug, Default)]
pub struct Fields {
    pub pre_depends: Vec<String>,
    pub depends: Vec<String>,
}
pub struct Context<'a> {
    pub package: &'a Package,
    pub name: &'a str,
    pub version: &'a DebVersion,
    pub release_policy: &'a ReleasePolicy,
    pub arch: &'a str,
    pub elf: &'a [ElfFacts],
    pub shlibs: Option<&'a Shlibs>,
    pub own_paths: &'a dyn Fn(&[u8]) -> bool,
}
pub fn plan(_c: &Context) -> (Fields, Vec<Notice>) {
    (Fields::default(), Vec::new())
}
pub fn shlibs_control(_e: &[ElfFacts], _n: &str, _v: &DebVersion) -> Option<String> {
    None
}
