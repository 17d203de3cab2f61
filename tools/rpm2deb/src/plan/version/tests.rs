//! Versions: the article's table, and both orders against each other.
#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Ordering;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::plan::arch::debian_arch;
use crate::plan::name::debian_name;

fn evr(version: &str, release: &str) -> Evr {
    Evr { epoch: None, version: version.into(), release: Some(release.into()) }
}

fn mapped(version: &str) -> DebVersion {
    debian_version(&Evr { epoch: None, version: version.into(), release: None }, &ReleasePolicy::Same).unwrap().0
}

fn with(release: &str, policy: &ReleasePolicy) -> String {
    debian_version(&evr("1", release), policy).unwrap().0.revision.unwrap()
}

#[test]
fn bump_makes_the_articles_packages() {
    for (name, version, release, arch, deb) in [
        ("librtas-32bit", "1.3.6", "4", "ppc64", "librtas-32bit_1.3.6-5_powerpc.deb"),
        ("librtas", "1.3.6", "3", "ppc64", "librtas_1.3.6-4_powerpc.deb"),
        ("DynamicRM", "1.3.9", "7", "ppc64", "dynamicrm_1.3.9-8_powerpc.deb"),
        ("libvpd2", "2.1.3", "3", "ppc64", "libvpd2_2.1.3-4_powerpc.deb"),
        ("lsvpd", "1.6.11", "4", "ppc64", "lsvpd_1.6.11-5_powerpc.deb"),
        ("libservicelog-1_1-1", "1.1.11", "9", "ppc64", "libservicelog-1-1-1_1.1.11-10_powerpc.deb"),
        ("libservicelog-1_1-1-32bit", "1.1.11", "9", "ppc", "libservicelog-1-1-1-32bit_1.1.11-10_powerpc.deb"),
        ("servicelog", "1.1.9", "8", "ppc64", "servicelog_1.1.9-9_powerpc.deb"),
        (
            "devices.chrp.base.ServiceRM",
            "2.3.0.0",
            "11231",
            "ppc",
            "devices.chrp.base.servicerm_2.3.0.0-11232_powerpc.deb",
        ),
    ] {
        // The article's ppc64 RPMs hold 32-bit programs: there `--arch powerpc` overrides.
        let arch = if arch == "ppc64" { "powerpc" } else { debian_arch(arch).unwrap() };
        let (version, notices) = debian_version(&evr(version, release), &ReleasePolicy::Bump).unwrap();
        assert_eq!(format!("{}_{}_{arch}.deb", debian_name(name).unwrap().name, version.file_version()), deb);
        assert_eq!(notices, []);
    }
}

#[test]
fn bump_raises_the_number_that_counts() {
    for (release, bumped) in [
        ("4.el9", "5.el9"),
        ("9", "10"),
        ("0", "1"),
        ("0.el9", "1.el9"),
        ("0.3.rc1.el9", "0.4.rc1.el9"),
        ("0.9", "0.10"),
        ("rel", "rel.1"),
        ("alt1", "alt1.1"),
        ("99999999999999999999999999", "100000000000000000000000000"),
        ("4~beta", "5~beta"),
        ("007", "008"),
    ] {
        assert_eq!(with(release, &ReleasePolicy::Bump), bumped);
        assert_eq!(compare_part(bumped, release), Ordering::Greater, "{bumped} > {release}");
        assert_eq!(rpm_version::rpm_evr_compare(bumped, release), Ordering::Greater, "{bumped} > {release}");
    }
}

#[test]
fn release_policies_are_read_and_applied() {
    assert_eq!(with("4.el9", &"same".parse().unwrap()), "4.el9");
    assert_eq!(with("4.el9", &"bump".parse().unwrap()), "5.el9");
    assert_eq!(with("4", &"+lpar1".parse().unwrap()), "4+lpar1");
    assert_eq!(with("4", &"=0test1".parse().unwrap()), "0test1");
    for bad in ["", "+", "=", "=a-b", "+a b", "=a\nb", "Same", "=a:b", "+\u{e9}"] {
        let error = bad.parse::<ReleasePolicy>().expect_err(bad).to_string();
        assert!(!error.contains('\n'));
    }
}

#[test]
fn every_change_is_reported_and_nothing_else() {
    for (version, debian, changed) in [
        ("2.0~rc1", "2.0~rc1", false),
        ("1.2_3", "1.2.3", true),
        ("2.0^git5", "2.0A~git5", true),
        ("2.0~rc^git5", "2.0~rc0A~git5", true),
        ("2.0^^1", "2.0A~0A~1", true),
        ("v1_0", "0~v1.0", true),
        (".5", "5", true),
        ("1+2", "1+2", false),
    ] {
        let (mapped, notices) = debian_version(&evr(version, "1.el9"), &ReleasePolicy::Same).unwrap();
        assert_eq!(mapped.to_string(), format!("{debian}-1.el9"));
        assert_eq!(notices.len(), usize::from(changed), "{version}");
    }
    let (epoch, _) = debian_version(&Evr { epoch: Some(3), ..evr("1.0", "2") }, &ReleasePolicy::Same).unwrap();
    assert_eq!((epoch.to_string().as_str(), epoch.file_version().as_str()), ("3:1.0-2", "1.0-2"));
}

#[test]
fn versions_that_debian_cannot_say_are_refused() {
    let long = "1".repeat(MAX_BYTES + 1);
    for bad in ["", ".", "~", "^", "1 0", "1;0", "1\n0", "1:0", "1/0", "$(id)", "1\u{e9}", &long] {
        let error = debian_version(&evr(bad, "1"), &ReleasePolicy::Same).expect_err(bad).to_string();
        assert!(!error.contains('\n') && error.len() < 300, "{error}");
    }
    assert!(debian_version(&evr("1", ""), &ReleasePolicy::Same).is_err());
    assert!(debian_version(&evr("1", "1\n"), &ReleasePolicy::Same).is_err());
    let epoch = Evr { epoch: Some(u32::MAX), ..evr("1", "1") };
    assert!(debian_version(&epoch, &ReleasePolicy::Same).is_err());
}

/// The rows of the module's second table.
#[test]
fn the_two_orders_differ_where_the_documentation_says() {
    use Ordering::{Equal, Greater, Less};
    for (a, b, rpm, debian) in [
        ("1.a", "1.1", Less, Greater),
        ("1.0~rc1", "1.0~1", Less, Greater),
        ("1.0a", "1.0.a", Equal, Less),
        ("1.0+1", "1.0.1", Equal, Less),
        ("1..0", "1.0", Equal, Greater),
        ("1.0rc", "1.0rc0", Less, Equal),
        ("1a.1", "1ab", Less, Greater),
        ("1.0^a", "1.0A~a", Less, Equal),
    ] {
        assert_eq!(rpm_version::rpm_evr_compare(a, b), rpm, "rpm: {a} {b}");
        assert_eq!(mapped(a).cmp(&mapped(b)), debian, "Debian: {a} {b}");
    }
}

#[test]
fn a_caret_sorts_after_the_end_and_before_every_letter() {
    let ascending = ["0~v1", "1.0~rc1", "1.0", "1.0^", "1.0^a", "1.0^a^b", "1.0A", "1.0a", "1.0rc1", "1.0.1", "v2"];
    for pair in ascending[..ascending.len() - 1].windows(2) {
        assert!(mapped(pair[0]) < mapped(pair[1]), "{pair:?}");
    }
    assert!(mapped("v2") < mapped("0") && mapped("v2") < mapped("0.1") && mapped("v1") < mapped("v2"));
}

/// One version of the shape that the module's documentation names as the mapping's domain.
fn version_of_the_domain() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "rc", "git", "A", "AB", "Z", "pre"]);
    let number = 1..12_u32;
    // After `~` and `^` always a word; a number behind a word is joined to it, a number behind a number by a dot.
    let piece = prop_oneof![
        number.clone().prop_map(|n| format!(".{n}")),
        Just(".0".to_owned()),
        word.clone().prop_map(str::to_owned),
        (word.clone(), number.clone()).prop_map(|(w, n)| format!("{w}{n}")),
        (prop_oneof![Just("~"), Just("^"), Just("~~"), Just("^^")], word.clone()).prop_map(|(m, w)| format!("{m}{w}")),
        (prop_oneof![Just("~"), Just("^")], word, number).prop_map(|(m, w, n)| format!("{m}{w}{n}")),
    ];
    (0..3_u32, prop::collection::vec(piece, 0..4), any::<bool>())
        .prop_map(|(first, pieces, caret)| {
            let tail = if caret { "^" } else { "" };
            format!("{first}{}{tail}", pieces.concat())
        })
        .prop_filter("outside the domain", |version| in_domain(version))
}

/// No word directly behind a word (they would be one word), no separator behind a word, no `A~`.
fn in_domain(version: &str) -> bool {
    let bytes = version.as_bytes();
    let dotted = bytes.windows(2).any(|w| w[0].is_ascii_alphabetic() && w[1] == b'.');
    let word_a = bytes.windows(3).any(|w| !w[0].is_ascii_alphabetic() && &w[1..] == b"A~");
    !dotted && !word_a
}

/// Versions where the numbers come directly behind `~` and `^`, as in `1.0^20240101.1`.
fn version_with_snapshot_numbers() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        (1..12_u32).prop_map(|n| format!(".{n}")),
        (prop::sample::select(vec!["~", "^", "^^", "~^"]), 1..30_u32).prop_map(|(mark, n)| format!("{mark}{n}")),
    ];
    (0..3_u32, prop::collection::vec(piece, 0..5)).prop_map(|(first, pieces)| format!("{first}{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn mapping_keeps_rpms_order_for_words(a in version_of_the_domain(), b in version_of_the_domain()) {
        prop_assert_eq!(rpm_version::rpm_evr_compare(&a, &b), mapped(&a).cmp(&mapped(&b)), "{} {}", mapped(&a), mapped(&b));
    }

    #[test]
    fn mapping_keeps_rpms_order_for_snapshots(a in version_with_snapshot_numbers(), b in version_with_snapshot_numbers()) {
        prop_assert_eq!(rpm_version::rpm_evr_compare(&a, &b), mapped(&a).cmp(&mapped(&b)), "{} {}", mapped(&a), mapped(&b));
    }

    #[test]
    fn versions_are_never_half_valid(version in "\\PC{0,12}", release in "[0-9a-z.~^_+ -]{0,8}") {
        if let Ok((version, _)) = debian_version(&evr(&version, &release), &ReleasePolicy::Bump) {
            prop_assert!(version.to_string().parse::<DebVersion>().is_ok());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// dpkg itself is asked; each question is a process, so there are few.
    #[test]
    fn our_order_is_dpkgs(a in "[0-9][0-9a-bA.+~]{0,5}", b in "[0-9][0-9a-bA.+~]{0,5}", r in "[0-9a~+.]{1,3}") {
        let (a, b) = (format!("{a}-{r}"), b);
        let relation = match a.parse::<DebVersion>().unwrap().cmp(&b.parse::<DebVersion>().unwrap()) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let status = Command::new("dpkg").args(["--compare-versions", &a, relation, &b]).status().unwrap();
        prop_assert!(status.success(), "{} {} {}", a, relation, b);
    }
}
