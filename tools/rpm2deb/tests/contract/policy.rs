//! What the user may decide about a package: architecture, library directory, scriptlets; and what nobody may: owners.

use std::process::Command;

use crate::rpm_writer::{RpmBuilder, tag};
use crate::workbench::{Workbench, control, control_text, corpus_rpm, data};

#[test]
fn an_architecture_that_the_programs_contradict_is_refused_or_forced() {
    let bench = Workbench::new();
    let rpm = corpus_rpm("librtas-2.0.4-1.ppc64le.rpm");
    let refused = bench.run(&["convert", &rpm, "-o", "out", "--arch", "powerpc"]);
    assert_eq!((refused.code, bench.listing("out")), (Some(1), Vec::new()));
    for fragment in ["usr/lib64/librtas.so.2.0.0", "ppc64el", "powerpc", "--arch", "--force"] {
        assert!(refused.stderr.contains(fragment), "{fragment}: {}", refused.stderr);
    }
    let forced = bench.done(&["convert", &rpm, "-o", "out", "--arch", "powerpc", "--force"]);
    assert_eq!(bench.listing("out"), ["librtas_2.0.4-1_powerpc.deb"]);
    assert!(forced.stderr.lines().any(|line| line.starts_with("warning: ") && line.contains("ppc64el")));
    // 32-bit programs in a package that says ppc64, as the article's: the other way round there is no contradiction.
    bench.done(&["convert", &corpus_rpm("librtas-2.0.4-1.ppc.rpm"), "-o", "fine", "--arch", "powerpc"]);
    assert_eq!(bench.listing("fine"), ["librtas_2.0.4-1_powerpc.deb"]);
}

#[test]
fn multiarch_moves_libraries_with_their_links_and_those_who_name_them() {
    let bench = Workbench::new();
    let multiarch = "usr/lib/powerpc64le-linux-gnu";
    let policy = ["--libdir", "multiarch"];
    let members = data(&bench.convert(&corpus_rpm("librtas-2.0.4-1.ppc64le.rpm"), "lib", &policy));
    assert!(members.keys().all(|path| !path.starts_with("usr/lib64")), "{:?}", members.keys());
    assert_eq!(members[&format!("{multiarch}/librtas.so.2")].link, "librtas.so.2.0.0");
    assert!(members.contains_key(&format!("{multiarch}/librtas.so.2.0.0")));
    let la = String::from_utf8_lossy(&members[&format!("{multiarch}/librtas.la")].content).into_owned();
    assert!(la.contains(&format!("libdir='/{multiarch}'")) && !la.contains("lib64"), "{la}");

    let members = data(&bench.convert(&corpus_rpm("libvpd-devel-2.2.9-1.ppc64le.rpm"), "dev", &policy));
    let pc: Vec<_> = members.iter().filter(|(path, _)| path.ends_with(".pc")).collect();
    assert!(!pc.is_empty());
    for (path, member) in pc {
        let text = String::from_utf8_lossy(&member.content);
        assert!(path.starts_with(multiarch) && text.contains(multiarch) && !text.contains("lib64"), "{path}: {text}");
    }

    let builder = RpmBuilder::new("moved").arch("ppc64le").file("/usr/lib64/moved/data", 0o644, "x");
    let builder = builder.symlink("/usr/bin/data", "../lib64/moved/data").symlink("/opt/data", "/usr/lib64/moved/data");
    bench.put("moved.rpm", builder);
    let members = data(&bench.convert("moved.rpm", "moved", &policy));
    assert_eq!(members["usr/bin/data"].link, "../lib/powerpc64le-linux-gnu/moved/data");
    assert_eq!(members["opt/data"].link, "/usr/lib/powerpc64le-linux-gnu/moved/data");
    assert!(members.contains_key("usr/lib/powerpc64le-linux-gnu/moved/data"));
    // By default everything stays.
    let members = data(&bench.convert("moved.rpm", "kept", &[]));
    assert!(members.contains_key("usr/lib64/moved/data"));
    assert_eq!(members["usr/bin/data"].link, "../lib64/moved/data");
}

/// The postinst run by hand: what it prints.
fn postinst_says(bench: &Workbench, scripts: &str, arguments: &[&str]) -> String {
    let deb = bench.convert("x.rpm", scripts, &["--scripts", scripts]);
    let path = bench.path("postinst");
    std::fs::write(&path, control_text(&deb, "postinst")).unwrap();
    let output = Command::new("sh").arg(&path).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn scriptlets_are_translated_copied_or_dropped() {
    let bench = Workbench::new();
    bench.put(
        "x.rpm",
        RpmBuilder::new("xx").file("/opt/x", 0o644, "x").scriptlet(tag::POSTIN, "/bin/sh", "echo \"post $1\"\n"),
    );
    assert_eq!(postinst_says(&bench, "translate", &["configure", ""]), "post 1\n");
    assert_eq!(postinst_says(&bench, "verbatim", &["configure", ""]), "post configure\n");
    let deb = bench.convert("x.rpm", "drop", &["--scripts", "drop"]);
    assert!(!control(&deb).contains_key("postinst"));
}

#[test]
fn a_lua_scriptlet_is_refused_unless_scriptlets_are_dropped() {
    let bench = Workbench::new();
    bench.put("x.rpm", RpmBuilder::new("xx").file("/opt/x", 0o644, "x").scriptlet(tag::POSTIN, "<lua>", "print('x')"));
    for scripts in ["translate", "verbatim"] {
        let run = bench.run(&["convert", "x.rpm", "-o", "out", "--scripts", scripts]);
        assert_eq!((run.code, bench.listing("out")), (Some(1), Vec::new()), "{scripts}");
        for fragment in ["%post", "lua", "--scripts drop"] {
            assert!(run.stderr.to_lowercase().contains(fragment), "{scripts}: {}", run.stderr);
        }
    }
    let run = bench.done(&["convert", "x.rpm", "-o", "out", "--scripts", "drop"]);
    assert!(run.stderr.contains("%post"), "that it is lost is said: {}", run.stderr);
    assert!(!control(&bench.only("out")).contains_key("postinst"));
}

#[test]
fn owners_that_a_debian_system_may_lack_are_never_in_the_tar() {
    let bench = Workbench::new();
    let builder = RpmBuilder::new("xx")
        .file("/opt/service", 0o4755, "setuid of a user that may be missing")
        .owner("service", "root")
        .file("/opt/group", 0o2751, "setgid of a group that may be missing")
        .owner("root", "service")
        .file("/opt/mail", 0o2755, "base-passwd has this group")
        .owner("root", "mail")
        .dir("/opt/games", 0o775)
        .owner("games", "games")
        .file("/opt/capable", 0o755, "x")
        .caps("cap_net_raw=ep")
        .file("/opt/ghost", 0o644, "")
        .flags(tag::GHOST);
    bench.put("x.rpm", builder);
    for scripts in ["translate", "verbatim", "drop"] {
        let deb = bench.convert("x.rpm", scripts, &["--scripts", scripts]);
        let members = data(&deb);
        let seen = |path: &str| {
            let member = &members[path];
            (member.mode, member.owner.0.as_str(), member.owner.1.as_str())
        };
        assert_eq!(seen("opt/service"), (0o755, "root", "root"), "{scripts}");
        assert_eq!(seen("opt/group"), (0o751, "root", "root"), "{scripts}");
        assert_eq!(seen("opt/mail"), (0o2755, "root", "mail"), "{scripts}");
        assert_eq!(seen("opt/games"), (0o775, "games", "games"), "{scripts}");
        assert!(!members.contains_key("opt/ghost"), "{scripts}");
        let postinst = control_text(&deb, "postinst");
        for fragment in
            ["dpkg-statoverride", "chown", "chmod", "service root 4755", "root service 2751", "cap_net_raw=ep"]
        {
            assert!(postinst.contains(fragment), "{scripts}: {fragment}: {postinst}");
        }
        assert!(!postinst.contains("/opt/mail") && !postinst.contains("/opt/ghost"), "{scripts}: {postinst}");
    }
}
