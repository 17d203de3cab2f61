//! Bounds: what a relation's operator and version become in Debian.
//!
//! A bound without a release compares versions only, whatever the release (rpm's `rpmverOverlap`). Debian compares the
//! revision always, so `next` stands for the least upstream version that is greater
//! ([`successor`](crate::plan::version::successor)):
//!
//! | RPM | Debian |
//! |---|---|
//! | `< 1.2` | `<< 1.2` |
//! | `<= 1.2` | `<< next` |
//! | `= 1.2` | `>= 1.2` and `<< next` |
//! | `>= 1.2` | `>= 1.2` |
//! | `> 1.2` | `>= next` |
//!
//! This is exact for revisions that sort after none, that is, all that do not begin with `~` or `0~`.

use super::render::Op;
use crate::error::Error;
use crate::event::Notice;
use crate::plan::version::{DebVersion, ReleasePolicy, debian_version, successor};
use crate::rpm::package::{Compare, Evr};

/// One bound.
pub(super) type Bound = (Op, DebVersion);

/// Bounds that must all hold.
pub(super) type Bounds = Vec<Bound>;

/// The bounds for a package that was an RPM too, or will be: RPM's version and release mean what they say.
pub(super) fn converted(compare: Compare, evr: &Evr) -> Result<(Bounds, Vec<Notice>), Error> {
    let (version, notices) = debian_version(evr, &ReleasePolicy::Same)?;
    Ok((if evr.release.is_some() { exact(compare, version) } else { any_revision(compare, version) }, notices))
}

/// The bounds for a package of Debian's own with the given epoch: only the upstream version is the same thing there,
/// so a release makes a strict bound a loose one.
pub(super) fn debians(compare: Compare, evr: &Evr, epoch: u32) -> Result<(Bounds, Vec<Notice>), Error> {
    let upstream_only = Evr { epoch: Some(epoch), version: evr.version.clone(), release: None };
    let (version, notices) = debian_version(&upstream_only, &ReleasePolicy::Same)?;
    let compare = match (compare, &evr.release) {
        (Compare::Less, Some(_)) => Compare::LessOrEqual,
        (Compare::Greater, Some(_)) => Compare::GreaterOrEqual,
        (compare, _) => compare,
    };
    Ok((any_revision(compare, version), notices))
}

/// The same operator.
pub(super) fn exact(compare: Compare, version: DebVersion) -> Bounds {
    let op = match compare {
        Compare::Less => Op::Less,
        Compare::LessOrEqual => Op::LessOrEqual,
        Compare::Equal => Op::Equal,
        Compare::GreaterOrEqual => Op::GreaterOrEqual,
        Compare::Greater => Op::Greater,
    };
    vec![(op, version)]
}

fn any_revision(compare: Compare, version: DebVersion) -> Bounds {
    match compare {
        Compare::Less => vec![(Op::Less, version)],
        Compare::LessOrEqual => vec![(Op::Less, successor(&version))],
        Compare::Equal => vec![(Op::GreaterOrEqual, version.clone()), (Op::Less, successor(&version))],
        Compare::GreaterOrEqual => vec![(Op::GreaterOrEqual, version)],
        Compare::Greater => vec![(Op::GreaterOrEqual, successor(&version))],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn holds(bounds: &Bounds, version: &DebVersion) -> bool {
        bounds.iter().all(|(op, bound)| match op {
            Op::Less => version < bound,
            Op::LessOrEqual => version <= bound,
            Op::Equal => version == bound,
            Op::GreaterOrEqual => version >= bound,
            Op::Greater => version > bound,
        })
    }

    /// rpm's `rpmverOverlap` for a package `version-release` and a bound that may lack the release.
    fn rpm_holds(compare: Compare, bound: &Evr, package: &Evr) -> bool {
        let epochs = package.epoch.unwrap_or(0).cmp(&bound.epoch.unwrap_or(0));
        let order = epochs.then(rpm_version::rpm_evr_compare(&package.version, &bound.version));
        let order = match (&bound.release, &package.release) {
            (Some(b), Some(p)) => order.then(rpm_version::rpm_evr_compare(p, b)),
            _ => order,
        };
        match compare {
            Compare::Less => order == Ordering::Less,
            Compare::LessOrEqual => order != Ordering::Greater,
            Compare::Equal => order == Ordering::Equal,
            Compare::GreaterOrEqual => order != Ordering::Less,
            Compare::Greater => order == Ordering::Greater,
        }
    }

    fn version() -> impl Strategy<Value = String> {
        let tail = prop::sample::select(vec!["", "~rc1", "^git2", "^", "a", "b3", ".0", ".1", ".1^x", "^git", "rc"]);
        (0..3_u32, 0..3_u32, tail).prop_map(|(major, minor, tail)| format!("{major}.{minor}{tail}"))
    }

    fn evr(release: impl Strategy<Value = Option<String>>) -> impl Strategy<Value = Evr> {
        (prop::option::of(0..2_u32), version(), release).prop_map(|(epoch, version, release)| Evr {
            epoch,
            version,
            release,
        })
    }

    fn release() -> impl Strategy<Value = String> {
        (1..4_u32, prop::sample::select(vec!["", ".el9", "^x"])).prop_map(|(number, tail)| format!("{number}{tail}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn bounds_hold_where_rpms_do(bound in evr(prop::option::of(release())), package in evr(release().prop_map(Some))) {
            let (version, _) = debian_version(&package, &ReleasePolicy::Same).unwrap();
            for compare in
                [Compare::Less, Compare::LessOrEqual, Compare::Equal, Compare::GreaterOrEqual, Compare::Greater]
            {
                let (bounds, _) = converted(compare, &bound).unwrap();
                prop_assert_eq!(holds(&bounds, &version), rpm_holds(compare, &bound, &package), "{:?} {:?}", compare, bounds);
            }
        }
    }

    #[test]
    fn debians_own_packages_are_compared_by_upstream_version() {
        let evr = Evr { epoch: Some(4), version: "5.26.1".into(), release: Some("419.el8".into()) };
        let show = |compare| -> Vec<String> {
            let (bounds, _) = debians(compare, &evr, 0).unwrap();
            bounds.iter().map(|(op, version)| format!("{} {version}", op.text())).collect()
        };
        assert_eq!(show(Compare::GreaterOrEqual), [">= 5.26.1"]);
        assert_eq!(show(Compare::Greater), [">= 5.26.1"]);
        assert_eq!(show(Compare::Less), ["<< 5.26.1A~"]);
        assert_eq!(show(Compare::Equal), [">= 5.26.1", "<< 5.26.1A~"]);
    }
}
