//! Names of what is written: the article's packages, their sum files, `--release`.

use std::fs;

use crate::rpm_writer::RpmBuilder;
use crate::sandbox::fields;
use crate::workbench::{Workbench, ended};

/// Name, version, release and architecture of an RPM, and the .deb that the article made of it.
const ARTICLE: [(&str, &str, &str, &str, &str); 9] = [
    ("librtas-32bit", "1.3.6", "4", "ppc64", "librtas-32bit_1.3.6-5_powerpc.deb"),
    ("librtas", "1.3.6", "3", "ppc64", "librtas_1.3.6-4_powerpc.deb"),
    ("DynamicRM", "1.3.9", "7", "ppc64", "dynamicrm_1.3.9-8_powerpc.deb"),
    ("libvpd2", "2.1.3", "3", "ppc64", "libvpd2_2.1.3-4_powerpc.deb"),
    ("lsvpd", "1.6.11", "4", "ppc64", "lsvpd_1.6.11-5_powerpc.deb"),
    ("libservicelog-1_1-1", "1.1.11", "9", "ppc64", "libservicelog-1-1-1_1.1.11-10_powerpc.deb"),
    ("libservicelog-1_1-1-32bit", "1.1.11", "9", "ppc", "libservicelog-1-1-1-32bit_1.1.11-10_powerpc.deb"),
    ("servicelog", "1.1.9", "8", "ppc64", "servicelog_1.1.9-9_powerpc.deb"),
    ("devices.chrp.base.ServiceRM", "2.3.0.0", "11231", "ppc", "devices.chrp.base.servicerm_2.3.0.0-11232_powerpc.deb"),
];

#[test]
fn the_articles_packages_get_the_articles_names() {
    let bench = Workbench::new();
    for (name, version, release, arch, expected) in ARTICLE {
        let builder = RpmBuilder::new(name).version(version).release(release).arch(arch).file("/opt/x", 0o644, "x");
        bench.put("x.rpm", builder);
        bench.done(&["convert", "x.rpm", "-o", expected, "--release", "bump", "--arch", "powerpc"]);
        assert_eq!(bench.listing(expected), [expected]);
        let fields = fields(&bench.only(expected));
        let parts: Vec<&str> = expected.trim_end_matches(".deb").split('_').collect();
        assert_eq!([&fields["Package"], &fields["Version"], &fields["Architecture"]], parts[..], "{name}");
    }
}

#[test]
fn sum_files_are_what_the_sum_programs_write_and_accept() {
    let bench = Workbench::new();
    bench.put("x.rpm", RpmBuilder::new("librtas").version("1.3.6").release("3").arch("ppc64").file("/x", 0o644, "x"));
    let policy = ["--release", "bump", "--arch", "powerpc"];
    bench.done(&[&["convert", "x.rpm", "-o", "out", "--sha1sum", "--sha256sum"], &policy[..]].concat());
    let deb = "librtas_1.3.6-4_powerpc.deb";
    assert_eq!(bench.listing("out"), [deb.to_owned(), format!("{deb}.sha1sum"), format!("{deb}.sha256sum")]);
    assert_eq!(fs::metadata(bench.path("out").join(format!("{deb}.sha1sum"))).unwrap().len(), 70);
    for program in ["sha1sum", "sha256sum"] {
        let run = ended(
            bench
                .here(program)
                .args(["--check", "--strict", &format!("{deb}.{program}")])
                .current_dir(bench.path("out")),
        );
        assert_eq!((run.code, run.stdout), (Some(0), format!("{deb}: OK\n")), "{}", run.stderr);
        let ours = fs::read_to_string(bench.path("out").join(format!("{deb}.{program}"))).unwrap();
        assert_eq!(ours, ended(bench.here(program).arg(deb).current_dir(bench.path("out"))).stdout);
    }
}

#[test]
fn release_says_what_the_revision_is() {
    let bench = Workbench::new();
    bench.put("x.rpm", RpmBuilder::new("xx").version("2.0").release("3.el9").epoch(1).file("/x", 0o644, "x"));
    let cases = [
        (None, "1:2.0-3.el9"),
        (Some("same"), "1:2.0-3.el9"),
        (Some("bump"), "1:2.0-4.el9"),
        (Some("+local1"), "1:2.0-3.el9+local1"),
        (Some("=7~bpo1"), "1:2.0-7~bpo1"),
    ];
    for (number, (release, expected)) in cases.into_iter().enumerate() {
        let arguments: Vec<&str> = release.into_iter().flat_map(|release| ["--release", release]).collect();
        let deb = bench.convert("x.rpm", &number.to_string(), &arguments);
        assert_eq!(fields(&deb)["Version"], expected, "{release:?}");
        // The epoch is no part of a file name.
        assert_eq!(deb.file_name().unwrap().to_str().unwrap(), format!("xx_{}_all.deb", &expected[2..]));
    }
}
