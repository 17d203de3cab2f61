//! Where configurations are found: files, directories, releases, images, packages, standard input.

use crate::boxes::{COMPRESSIONS, Pack, deb, gzip, xz};
use crate::images::{vmlinux, vmlinuz};
use crate::workbench::{DEBIAN_12, Workbench, option};

const RELEASE: &str = "6.1.0-50-powerpc64le";

/// Asserts that the report is of Debian 12's configuration, and returns where it was found.
fn origin(report: &serde_json::Value) -> String {
    assert_eq!(option(report, "perf-lparstat", "LPARCFG")["found"], "n");
    assert_eq!((&report["kernel"]["version"], &report["kernel"]["flavour"]), (&"6.1".into(), &"64k".into()));
    report["kernel"]["source"].as_str().unwrap().to_owned()
}

#[test]
fn a_text_is_read_plain_or_in_any_compression() {
    let bench = Workbench::new();
    bench.put("config", DEBIAN_12);
    assert_eq!(origin(&bench.checked(&["config"])), "config");
    for (name, pack) in COMPRESSIONS {
        bench.put(name, pack(DEBIAN_12.as_bytes()));
        assert_eq!(origin(&bench.checked(&[name])), name);
    }
}

#[test]
fn an_image_gives_the_configuration_inside_it_whatever_packs_it() {
    let bench = Workbench::new();
    let image = vmlinux(DEBIAN_12);
    bench.put("vmlinux", &image);
    assert_eq!(origin(&bench.checked(&["vmlinux"])), "vmlinux (embedded)");
    for (name, pack) in COMPRESSIONS {
        let packed = pack(&image);
        bench.put(&format!("vmlinux.{name}"), &packed);
        bench.put(&format!("vmlinuz.{name}"), vmlinuz(&packed));
        assert_eq!(origin(&bench.checked(&[&format!("vmlinux.{name}")])), format!("vmlinux.{name} (embedded)"));
        assert_eq!(origin(&bench.checked(&[&format!("vmlinuz.{name}")])), format!("vmlinuz.{name} (embedded)"));
    }
}

#[test]
fn an_image_without_a_configuration_sends_us_to_the_file_beside_it() {
    let bench = Workbench::new();
    bench.put("boot/vmlinux-6.1.0", vmlinuz(b""));
    let run = bench.run(&["check", "boot/vmlinux-6.1.0"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("boot/vmlinux-6.1.0 holds no configuration"), "{}", run.stderr);
    bench.put("boot/config-6.1.0", DEBIAN_12);
    assert_eq!(origin(&bench.checked(&["boot/vmlinux-6.1.0"])), "boot/config-6.1.0");
    bench.put("modules/7.2/vmlinuz", vmlinuz(b""));
    bench.put("modules/7.2/config", DEBIAN_12);
    assert_eq!(origin(&bench.checked(&["modules/7.2/vmlinuz"])), "modules/7.2/config");
    bench.put("modules/7.2/other", vmlinuz(b""));
    assert_eq!(bench.run(&["check", "modules/7.2/other"]).code, Some(2), "any binary has no configuration beside it");
}

#[test]
fn lzo_is_named_where_it_is_the_reason() {
    let bench = Workbench::new();
    let lzop = b"\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x03\x09\x03\0\0\x0d\0\0\x81\xa4";
    bench.put("vmlinux.lzo", lzop);
    bench.put("vmlinuz", vmlinuz(lzop));
    for name in ["vmlinux.lzo", "vmlinuz"] {
        let run = bench.run(&["check", name]);
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains("compressed with LZO"), "{}", run.stderr);
    }
}

#[test]
fn a_release_is_looked_up_where_distributions_keep_it() {
    for place in [
        format!("boot/config-{RELEASE}"),
        format!("usr/lib/modules/{RELEASE}/config"),
        format!("lib/modules/{RELEASE}/config"),
        format!("lib/modules/{RELEASE}/build/.config"),
    ] {
        let bench = Workbench::new();
        bench.put(&place, DEBIAN_12);
        assert_eq!(origin(&bench.checked(&["--sysroot", ".", RELEASE])), format!("./{place}"));
    }
    let bench = Workbench::new();
    bench.put(&format!("boot/vmlinuz-{RELEASE}"), vmlinuz(&gzip(&vmlinux(DEBIAN_12))));
    assert_eq!(origin(&bench.checked(&["--sysroot", ".", RELEASE])), format!("./boot/vmlinuz-{RELEASE} (embedded)"));
}

#[test]
fn the_running_kernel_is_the_default_and_knows_itself_best() {
    let bench = Workbench::new();
    bench.put("proc/sys/kernel/osrelease", format!("{RELEASE}\n"));
    let run = bench.run(&["check", "--sysroot", "."]);
    assert_eq!(run.code, Some(2));
    for place in
        ["./proc/config.gz", "./boot/config-6.1.0-50-powerpc64le", "./usr/lib/modules/6.1.0-50-powerpc64le/config"]
    {
        assert!(run.stderr.contains(place), "{}", run.stderr);
    }
    bench.put(&format!("boot/config-{RELEASE}"), DEBIAN_12);
    assert_eq!(origin(&bench.checked(&["--sysroot", "."])), format!("./boot/config-{RELEASE}"));
    bench.put("proc/config.gz", gzip(DEBIAN_12.as_bytes()));
    assert_eq!(origin(&bench.checked(&["--sysroot", "."])), "./proc/config.gz");
}

#[test]
fn of_several_configurations_in_a_directory_one_is_selected() {
    let bench = Workbench::new();
    bench.put("root/boot/config-6.1.0", DEBIAN_12);
    assert_eq!(origin(&bench.checked(&["root"])), "root/boot/config-6.1.0");
    bench.put("root/usr/lib/modules/7.2.13/config", "CONFIG_OTHER=y\n");
    let run = bench.run(&["check", "root"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("holds 2 kernel configurations") && run.stderr.contains("--select"), "{}", run.stderr);
    assert_eq!(origin(&bench.checked(&["root", "--select", "6.1"])), "root/boot/config-6.1.0");
    let empty = bench.run(&["check", "root/boot", "--select", "nothing"]);
    assert_eq!(empty.code, Some(2));
}

#[test]
fn a_package_gives_its_configuration_in_every_layout_of_debian() {
    let bench = Workbench::new();
    let image = vmlinuz(&gzip(&vmlinux(DEBIAN_12)));
    let packed = xz(DEBIAN_12.as_bytes());
    let layouts: [(&str, &[u8], &str); 5] = [
        ("boot/config-6.1.0", DEBIAN_12.as_bytes(), ""),
        ("usr/lib/modules/6.1.0/config", DEBIAN_12.as_bytes(), ""),
        ("usr/src/linux-config-6.1/config.ppc64el.xz", &packed, ""),
        ("usr/src/linux-headers-6.1.0/.config", DEBIAN_12.as_bytes(), ""),
        ("usr/lib/modules/6.1.0/vmlinuz", &image, " (embedded)"),
    ];
    for (suffix, pack) in [(".xz", xz as Pack), (".gz", gzip), (".zst", COMPRESSIONS[2].1), ("", <[u8]>::to_vec)] {
        for (path, bytes, how) in layouts {
            bench.put("x.deb", deb(&[("usr/share/doc/x/copyright", b"x"), (path, bytes)], suffix, pack));
            assert_eq!(origin(&bench.checked(&["x.deb"])), format!("x.deb: {path}{how}"), "data.tar{suffix}");
        }
    }
}

#[test]
fn of_several_configurations_in_a_package_one_is_selected() {
    let bench = Workbench::new();
    let small = xz(DEBIAN_12.as_bytes());
    let files: [(&str, &[u8]); 2] = [
        ("usr/src/linux-config-6.12/config.ppc64el_none_powerpc64le-64k.xz", &small),
        ("usr/src/linux-config-6.12/config.ppc64el_none_powerpc64le.xz", &small),
    ];
    bench.put("x.deb", deb(&files, ".xz", xz));
    let run = bench.run(&["check", "x.deb"]);
    assert!(run.code == Some(2) && run.stderr.contains("powerpc64le-64k.xz"), "{run:?}");
    assert_eq!(origin(&bench.checked(&["x.deb", "--select", "64k"])), format!("x.deb: {}", files[0].0));
    let input = Some(bench.path("x.deb"));
    let run = bench.run_with_input(&["check", "--json", "-", "--select", "64k"], input.as_deref());
    assert_eq!(origin(&serde_json::from_str(&run.stdout).unwrap()), format!("standard input: {}", files[0].0));
    bench.put("y.deb", deb(&[("usr/bin/x", b"x")], ".xz", xz));
    let run = bench.run(&["check", "y.deb"]);
    assert!(run.code == Some(2) && run.stderr.contains("no kernel configuration for y.deb"), "{run:?}");
}

#[test]
fn standard_input_takes_whatever_a_file_may_be() {
    let bench = Workbench::new();
    let forms: [(&[u8], &str); 4] = [
        (DEBIAN_12.as_bytes(), "standard input"),
        (&gzip(DEBIAN_12.as_bytes()), "standard input"),
        (&vmlinuz(&xz(&vmlinux(DEBIAN_12))), "standard input (embedded)"),
        (&deb(&[("boot/config-6.1.0", DEBIAN_12.as_bytes())], ".xz", xz), "standard input: boot/config-6.1.0"),
    ];
    for (bytes, expected) in forms {
        bench.put("input", bytes);
        let run = bench.run_with_input(&["check", "--json", "-"], Some(&bench.path("input")));
        assert_eq!(origin(&serde_json::from_str(&run.stdout).unwrap()), expected);
    }
}

#[test]
fn a_pipe_by_name_is_a_stream() {
    let bench = Workbench::new();
    bench.put("input", gzip(DEBIAN_12.as_bytes()));
    let run = bench.shell("cat input | lpar-kconfig check --json /dev/stdin");
    assert_eq!(origin(&serde_json::from_str(&run.stdout).unwrap()), "/dev/stdin");
}

#[test]
fn every_verb_that_reads_can_select() {
    let bench = Workbench::new();
    bench.put("root/boot/config-6.1.0", DEBIAN_12);
    bench.put("root/boot/config-7.2", "CONFIG_OTHER=y\n");
    bench.put("lpar.config", "# CONFIG_LPARCFG is not set\n");
    for arguments in [
        &["verify", "root", "lpar.config"][..],
        &["merge", "root", "lpar.config", "-o", "out"],
        &["diff", "root", "root"],
    ] {
        assert_eq!(bench.run(arguments).code, Some(2), "{arguments:?}");
        assert_eq!(bench.run(&[arguments, &["--select", "6.1"]].concat()).code, Some(0), "{arguments:?}");
    }
}

#[test]
fn the_version_comes_from_the_heading_the_name_or_the_command_line() {
    let bench = Workbench::new();
    bench.put("config-5.14.0-362.24.1.el9_3.ppc64le", "CONFIG_PPC_PSERIES=y\n");
    bench.put("nameless", "CONFIG_PPC_PSERIES=y\n");
    let version = |arguments: &[&str]| bench.checked(arguments)["kernel"]["version"].clone();
    assert_eq!(version(&["config-5.14.0-362.24.1.el9_3.ppc64le"]), "5.14");
    assert_eq!(version(&["nameless"]), serde_json::Value::Null);
    assert_eq!(version(&["nameless", "--kernel", "4.18.0-513.el8"]), "4.18");
}
