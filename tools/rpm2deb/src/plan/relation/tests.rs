//! Whole plans: what a package's lists become, and that nothing invalid ever comes out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::render::parse_list;
use super::*;
use crate::event::Severity;
use crate::plan::version::debian_version;
use crate::rpm::digest::Expected;
use crate::rpm::package::{Compare, Evr, Payload, Relations};

pub(super) fn package(relations: Relations) -> Package {
    Package {
        format: 4,
        is_source: false,
        name: "librtas-devel".into(),
        evr: evr("2.0.4-1"),
        arch: "ppc64le".into(),
        summary: String::new(),
        description: String::new(),
        license: None,
        group: None,
        vendor: None,
        url: None,
        packager: None,
        distribution: None,
        source_rpm: None,
        build_time: None,
        relations,
        scriptlets: Vec::new(),
        triggers: Vec::new(),
        prefixes: Vec::new(),
        changelog: Vec::new(),
        files: Vec::new(),
        payload: Payload {
            compressor: Some("gzip".into()),
            payload_bytes: None,
            archive_bytes: None,
            content_bytes: 0,
        },
        expected: Expected::default(),
        signatures: Vec::new(),
    }
}

fn evr(text: &str) -> Evr {
    let (epoch, rest) = text.split_once(':').map_or((None, text), |(e, rest)| (Some(e.parse().unwrap()), rest));
    let (version, release) = rest.split_once('-').map_or((rest, None), |(v, r)| (v, Some(r.to_owned())));
    Evr { epoch, version: version.into(), release }
}

/// `name op version`, or a rich dependency as it is.
fn relation(text: &str) -> Relation {
    let words: Vec<&str> = text.split(' ').collect();
    let simple = |version| Relation { name: words[0].into(), version, flags: 0 };
    match words.as_slice() {
        [_] => simple(None),
        _ if text.starts_with('(') => Relation { name: text.into(), version: None, flags: 0 },
        [_, op, version] => {
            let compare = match *op {
                "<" => Compare::Less,
                "<=" => Compare::LessOrEqual,
                "=" => Compare::Equal,
                ">=" => Compare::GreaterOrEqual,
                _ => Compare::Greater,
            };
            simple(Some((compare, evr(version))))
        }
        _ => panic!("{text}"),
    }
}

fn relations(texts: &[&str]) -> Vec<Relation> {
    texts.iter().map(|text| relation(text)).collect()
}

fn plan_of(relations: Relations, policy: &ReleasePolicy) -> (Fields, Vec<Notice>) {
    plan_with(relations, policy, &[], None)
}

fn plan_with(
    relations: Relations,
    policy: &ReleasePolicy,
    elf: &[ElfFacts],
    shlibs: Option<&Shlibs>,
) -> (Fields, Vec<Notice>) {
    let package = package(relations);
    let (version, _) = debian_version(&package.evr, policy).unwrap();
    let own_paths = |path: &[u8]| path == b"/usr/sbin/own";
    plan(&Context {
        package: &package,
        name: "librtas-devel",
        version: &version,
        release_policy: policy,
        arch: "ppc64el",
        elf,
        shlibs,
        own_paths: &own_paths,
    })
}

fn requires(texts: &[&str]) -> (Vec<String>, Vec<Notice>) {
    let (fields, notices) =
        plan_of(Relations { requires: relations(texts), ..Relations::default() }, &ReleasePolicy::Same);
    (fields.depends, notices)
}

#[test]
fn each_kind_of_requirement_becomes_what_debian_says() {
    for (rpm, debian, warnings) in [
        ("rpmlib(CompressedFileNames) <= 3.0.4-1", &[][..], 0),
        ("rtld(GNU_HASH)", &[], 0),
        ("config(librtas-devel) = 2.0.4-1", &[], 0),
        ("user(rtas)", &[], 0),
        ("librtas(ppc-64) = 2.0.4-1", &["librtas (= 2.0.4-1)"], 0),
        ("librtas-devel", &[], 0),
        ("/bin/sh", &[], 0),
        ("/sbin/ldconfig", &[], 0),
        ("/usr/sbin/own", &[], 0),
        ("/usr/bin/pkg-config", &["pkgconf"], 0),
        ("/usr/bin/awk", &["mawk | gawk"], 0),
        ("/opt/ibm/x", &[], 1),
        ("sqlite-devel", &["libsqlite3-dev"], 0),
        ("pkgconfig >= 1:0.14", &["pkgconf"], 0),
        ("zlib >= 1.2.11-3.el8", &["zlib1g (>= 1:1.2.11)"], 0),
        ("glibc < 2.17-5", &["libc6 (<< 2.17A~)"], 0),
        ("coreutils >= 8", &["coreutils (>= 8)"], 0),
        ("sg3_utils-libs", &["libsgutils2-1.46-2 | libsgutils2-1.48"], 0),
        ("Foo_Bar = 1:1.2", &["foo-bar (<< 1:1.2A~)", "foo-bar (>= 1:1.2)"], 0),
        ("foo > 1.2", &["foo (>= 1.2A~)"], 0),
        ("foo <= 1.2", &["foo (<< 1.2A~)"], 0),
        ("foo >= 1.2^git-1", &["foo (>= 1.2A~git-1)"], 0),
        ("perl(Getopt::Long)", &["perl"], 0),
        ("perl(Foo::Bar) >= 1", &[], 1),
        ("pkgconfig(zlib) >= 1.2", &["zlib1g-dev (>= 1:1.2)"], 0),
        ("font(:lang=en)", &[], 1),
        ("foo;id", &[], 1),
        ("foo >= 1;2", &[], 1),
        ("(foo or bar >= 2)", &["foo | bar (>= 2)"], 0),
        ("(foo and (bar or baz))", &["bar | baz", "foo"], 0),
        ("(foo or (bar and baz))", &["foo | bar", "foo | baz"], 0),
        ("(foo >= 1 with foo < 2)", &["foo (<< 2)", "foo (>= 1)"], 0),
        ("(foo >= 1 without foo = 1.5-1)", &["foo (<< 1.5-1) | foo (>> 1.5-1)", "foo (>= 1)"], 0),
        ("(foo without foo >= 3)", &["foo (<< 3)"], 0),
        ("(foo with bar)", &[], 1),
        ("(foo if bar)", &[], 1),
        ("(foo unless bar else baz)", &[], 1),
        ("(foo or /bin/sh)", &[], 0),
        ("(foo or", &[], 1),
    ] {
        let (depends, notices) = requires(&[rpm]);
        assert_eq!(depends, debian, "{rpm}");
        let found = notices.iter().filter(|notice| notice.severity == Severity::Warning).count();
        assert_eq!(found, warnings, "{rpm}: {notices:?}");
    }
}

#[test]
fn relations_to_the_same_build_follow_the_release_policy_and_no_others() {
    let lists = Relations {
        requires: relations(&["librtas = 2.0.4-1", "other = 2.0.4-2", "third >= 0:2.0.4-1", "fourth = 1:2.0.4-1"]),
        provides: relations(&["librtas-devel = 2.0.4-1", "librtas-dev = 2.0.4-1"]),
        obsoletes: relations(&["librtas-old < 2.0.4-1"]),
        ..Relations::default()
    };
    let (fields, _) = plan_of(lists, &ReleasePolicy::Bump);
    let depends = ["fourth (= 1:2.0.4-1)", "librtas (= 2.0.4-2)", "other (= 2.0.4-2)", "third (>= 2.0.4-2)"];
    assert_eq!(fields.depends, depends);
    assert_eq!(fields.provides, ["librtas-dev (= 2.0.4-2)"]);
    assert_eq!(fields.breaks, ["librtas-old (<< 2.0.4-2)"]);
}

#[test]
fn provides_obsoletes_and_conflicts_are_debians() {
    let lists = Relations {
        provides: relations(&[
            "librtas-devel = 2.0.4-1",
            "librtas-devel(ppc-64) = 2.0.4-1",
            "librtas.so.2()(64bit)",
            "config(librtas-devel) = 2.0.4-1",
            "bundled(zlib) = 1.2",
            "mta",
            "Old_Name = 1.0-1",
            "ranged >= 3",
        ]),
        conflicts: relations(&[
            "mta",
            "foo < 2",
            "bar = 1.2",
            "baz = 1.2-3",
            "librtas-devel < 1",
            "(a1 or b1)",
            "bash",
        ]),
        obsoletes: relations(&["gone", "older < 1.5-2", "librtas-devel < 1", "glibc < 3", "exact = 1.0"]),
        ..Relations::default()
    };
    let (fields, notices) = plan_of(lists, &ReleasePolicy::Same);
    assert_eq!(fields.provides, ["mta", "old-name (= 1.0-1)", "ranged"]);
    assert_eq!(fields.conflicts, ["a1", "b1", "baz (= 1.2-3)", "foo (<< 2)", "mta"]);
    assert_eq!(fields.breaks, ["gone", "older (<< 1.5-2)"]);
    assert_eq!(fields.replaces, ["gone", "older (<< 1.5-2)"]);
    let warned: Vec<&str> =
        notices.iter().filter(|n| n.severity == Severity::Warning).map(|n| n.text.as_str()).collect();
    assert_eq!(
        warned,
        [
            "bar = 1.2 left out: Debian cannot conflict with a range of versions",
            "bash left out: every Debian system has it",
            "glibc < 3 left out: it would remove a package of Debian's own",
            "exact = 1.0 left out: Debian cannot break a range of versions",
        ]
    );
    assert!(notices.iter().any(|n| n.rule == "provides-dropped" && n.text.starts_with("bundled(zlib) = 1.2:")));
}

#[test]
fn requirements_of_pre_become_pre_depends_and_weak_ones_stay_weak() {
    let early = |name: &str, flags| Relation { flags, ..relation(name) };
    let lists = Relations {
        requires: vec![
            early("shadow-utils", Relation::SCRIPT_PRE),
            early("foo", Relation::SCRIPT_PRE),
            early("foo", 0),
            early("systemd", Relation::SCRIPT_POST),
            early("/bin/sh", Relation::SCRIPT_PRE),
        ],
        recommends: relations(&["rsyslog"]),
        suggests: relations(&["bc"]),
        enhances: relations(&["lsvpd"]),
        supplements: relations(&["ppc64-diag"]),
        ..Relations::default()
    };
    let (fields, _) = plan_of(lists, &ReleasePolicy::Same);
    assert_eq!(fields.pre_depends, ["foo", "passwd"]);
    assert_eq!(fields.depends, ["systemd"]);
    assert_eq!((fields.recommends, fields.suggests), (vec!["rsyslog".to_owned()], vec!["bc".to_owned()]));
    assert_eq!(fields.enhances, ["lsvpd", "ppc64-diag"]);
}

#[test]
fn a_library_that_is_not_known_is_one_warning() {
    let lists = Relations {
        requires: relations(&[
            "libvpd-2.2.so.3()(64bit)",
            "libvpd-2.2.so.3(V1)(64bit)",
            "libown.so.1()(64bit)",
            "libx.so.1",
        ]),
        provides: relations(&["libown.so.1()(64bit)"]),
        ..Relations::default()
    };
    let elf = [ElfFacts {
        path: b"usr/sbin/lsvpd".to_vec(),
        arch: Some("ppc64el"),
        needed: vec!["libvpd-2.2.so.3".into(), "ld64.so.2".into(), "libown.so.1".into()],
        ..ElfFacts::default()
    }];
    let (fields, notices) = plan_with(lists, &ReleasePolicy::Same, &elf, None);
    assert_eq!(fields, Fields::default());
    let texts: Vec<(&str, &str)> = notices.iter().map(|n| (n.subject.as_str(), n.text.as_str())).collect();
    let why = "is in no Depends: no --shlibs-root was given to look it up in";
    assert_eq!(
        texts,
        [
            ("libvpd-2.2.so.3", format!("needed by usr/sbin/lsvpd, {why}").as_str()),
            ("libx.so.1", format!("needed by libx.so.1, {why}").as_str()),
        ]
    );
}

/// What only the RPM's Requires tell of (no ELF file was read whole): the version nodes decide.
#[test]
fn version_nodes_of_requires_are_looked_up_in_symbols() {
    let root = tempfile::tempdir().unwrap();
    let info = root.path().join("var/lib/dpkg/info");
    std::fs::create_dir_all(&info).unwrap();
    let symbols = "libc.so.6 libc6 #MINVER#\n| evil\n f, x\n GLIBC_2.17@GLIBC_2.17 2.17\n old@GLIBC_2.2 2.2\n \
                   a@GLIBC_2.33 2.33\n b@GLIBC_2.33 2.33.1\n";
    std::fs::write(info.join("libc6:ppc64el.symbols"), symbols).unwrap();
    for (asked, depends) in [
        ("libc.so.6()(64bit)", vec!["libc6 (>= 2.2)"]),
        ("libc.so.6(GLIBC_2.17)(64bit)", vec!["libc6 (>= 2.17)"]),
        ("libc.so.6(GLIBC_2.33)(64bit)", vec!["libc6 (>= 2.33)"]),
        ("libc.so.6(GLIBC_2.99)(64bit)", vec!["libc6 (>= 2.2)"]),
        ("libc.so.6", vec![]),
    ] {
        let lists = Relations { requires: relations(&[asked]), ..Relations::default() };
        let wanted = wanted_sonames(&package(lists.clone()), &[]);
        let shlibs = Shlibs::read(root.path(), "ppc64el", &wanted).unwrap();
        let (fields, notices) = plan_with(lists, &ReleasePolicy::Same, &[], Some(&shlibs));
        assert_eq!(fields.depends, depends, "{asked}");
        let is_lost = depends.is_empty() || asked.contains("2.99");
        assert_eq!(notices.len(), usize::from(is_lost), "{asked}: {notices:?}");
    }
}

fn hostile_relation() -> impl Strategy<Value = Relation> {
    let name = prop_oneof![
        "\\PC{0,12}",
        "[ -~\n\t]{0,16}",
        "[a-zA-Z_.+-]{1,6}",
        "\\([ ()a-c<>=1]{0,20}",
        "lib[a-c]\\.so\\.1\\([A-Z]?\\)(\\(64bit\\))?",
        Just("librtas(ppc-64)".to_owned()),
    ];
    let compare = prop::sample::select(vec![
        Compare::Less,
        Compare::LessOrEqual,
        Compare::Equal,
        Compare::GreaterOrEqual,
        Compare::Greater,
    ]);
    let part = "[0-9a-z.~^_+,;()| \n-]{0,6}";
    let version = (compare, prop::option::of(any::<u32>()), part, prop::option::of(part));
    let version = prop::option::of(
        version.prop_map(|(compare, epoch, version, release)| (compare, Evr { epoch, version, release })),
    );
    (name, version, any::<u32>()).prop_map(|(name, version, flags)| Relation { name, version, flags })
}

proptest! {
    #[test]
    fn nothing_invalid_comes_out(lists in prop::collection::vec(prop::collection::vec(hostile_relation(), 0..4), 8)) {
        let mut lists = lists.into_iter();
        let mut next = || lists.next().unwrap();
        let relations = Relations {
            requires: next(), provides: next(), conflicts: next(), obsoletes: next(),
            recommends: next(), suggests: next(), supplements: next(), enhances: next(),
        };
        let (fields, notices) = plan_of(relations, &ReleasePolicy::Bump);
        let all = [fields.pre_depends, fields.depends, fields.recommends, fields.suggests, fields.enhances,
            fields.breaks, fields.replaces, fields.conflicts, fields.provides];
        for line in all.iter().flatten() {
            prop_assert!(!line.contains(['\n', ',']) && parse_list(line).is_some(), "{:?}", line);
        }
        for notice in &notices {
            prop_assert!(!notice.text.contains('\n') && !notice.subject.contains('\n'), "{:?}", notice);
        }
    }
}
