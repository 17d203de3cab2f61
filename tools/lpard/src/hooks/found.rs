//! Which hooks there are for a point, in the order in which they run.

use std::path::{Path, PathBuf};

use sysroot::Sysroot;

use super::Point;
use super::order::by_version;
use crate::log::{Chain, Log};

const OURS: &str = "etc/lparkit/hooks.d";
const DRMGR: &str = "etc/drmgr.d/pmig";

const MODE_USER_EXECUTE: u32 = 0o100;
const MODE_OTHERS_WRITE: u32 = 0o002;

/// How a hook is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convention {
    /// As `HOOKS.md` says.
    Ours,
    /// As `drmgr-hooks(8)` says; the word is its `PHASE`.
    Drmgr(&'static str),
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its file's name; one of drmgr's has `drmgr/` before it.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(super) convention: Convention,
}

/// The directories of a point, in the order in which they count.
fn directories(point: Point) -> Vec<(PathBuf, Convention)> {
    let ours = || (Path::new(OURS).join(point.name()), Convention::Ours);
    let drmgr = |phase| (PathBuf::from(DRMGR), Convention::Drmgr(phase));
    match point {
        Point::Check => vec![ours(), drmgr("check")],
        Point::Undo => vec![drmgr("undocheck"), ours()],
        Point::BeforeSuspend => vec![drmgr("pre")],
        Point::AfterSuspend => vec![drmgr("post")],
        _ => vec![ours()],
    }
}

/// Finds the hooks of a point. A directory that cannot be read is reported and counts as empty: what is left of the hooks is
/// better than nothing, and who looks for the reason finds it in the log.
pub(crate) fn find(sysroot: &Sysroot, point: Point, with_drmgr: bool, log: &Log) -> Vec<Found> {
    let mut found = Vec::new();
    for (directory, convention) in directories(point) {
        if convention != Convention::Ours && !with_drmgr {
            continue;
        }
        let names = sysroot.list_if_present(&directory).unwrap_or_else(|error| {
            log.warning(format_args!("hooks are not run: {}", Chain(&error)));
            Vec::new()
        });
        let mut hooks: Vec<_> =
            names.into_iter().filter_map(|name| hook(sysroot, &directory, name, convention, log)).collect();
        hooks.sort_by(|a, b| by_version(&a.name, &b.name));
        found.append(&mut hooks);
    }
    found
}

fn hook(sysroot: &Sysroot, directory: &Path, name: String, convention: Convention, log: &Log) -> Option<Found> {
    if convention == Convention::Ours && !is_hook_name(&name) {
        return None;
    }
    let path = directory.join(&name);
    let stat = sysroot.stat(&path).ok().flatten().filter(|stat| stat.is_file)?;
    if stat.mode & MODE_USER_EXECUTE == 0 {
        return None;
    }
    if stat.mode & MODE_OTHERS_WRITE != 0 {
        log.warning(format_args!("/{} is not run: everybody may write to it", path.display()));
        return None;
    }
    let name = if convention == Convention::Ours { name } else { format!("drmgr/{name}") };
    Some(Found { name, path, convention })
}

/// What editors and dpkg leave beside a hook is none.
fn is_hook_name(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with('~') && !name.contains(".dpkg-")
}
