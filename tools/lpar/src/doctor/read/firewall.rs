//! The rules of the packet filter. Asking for them must not load the filter: where its module is not loaded, there are none.

use std::time::Duration;

use sysroot::{Program, Sysroot};

use super::{told, told_by};
use crate::doctor::Told;
use crate::doctor::firewall::Seen;

const NFT: &str = "usr/sbin/nft";
const MODULES: &str = "proc/modules";
const MODULE: &str = "nf_tables";
const OLD_TABLES: &str = "proc/net/ip6_tables_names";
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn read(sysroot: &Sysroot) -> Seen {
    let old_tables = sysroot.read_text_if_present(OLD_TABLES).ok().flatten();
    Seen { rules: rules(sysroot), has_old_tables: old_tables.is_some_and(|names| !names.trim().is_empty()) }
}

fn rules(sysroot: &Sysroot) -> Told<String> {
    let modules = told(sysroot.read_text(MODULES))?;
    if !modules.lines().any(|line| line.split(' ').next() == Some(MODULE)) {
        return Ok(String::new());
    }
    if !sysroot.exists(NFT) {
        return Err("nftables is in use, and nft is not installed to ask for its rules".to_owned());
    }
    let program = Program::new(NFT, PATIENCE).argument("list").argument("ruleset");
    told_by(&told(sysroot.run(&program))?, "nft")
}
