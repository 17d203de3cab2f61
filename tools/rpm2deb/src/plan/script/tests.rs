//! Tests of the whole plan: the generated scripts are read, and run by the real shell.
#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;

use super::*;
use crate::event::Severity;
use crate::rpm::package::{Evr, Payload, Relations, Trigger, TriggerKind};

fn package(scriptlets: Vec<Scriptlet>) -> Package {
    Package {
        format: 4,
        is_source: false,
        name: "Test".to_owned(),
        evr: Evr { epoch: None, version: "1.0".to_owned(), release: Some("2".to_owned()) },
        arch: "noarch".to_owned(),
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
        relations: Relations::default(),
        scriptlets,
        triggers: Vec::new(),
        prefixes: Vec::new(),
        changelog: Vec::new(),
        files: Vec::new(),
        payload: Payload {
            compressor: Some("gzip".to_owned()),
            payload_bytes: None,
            archive_bytes: None,
            content_bytes: 0,
        },
        expected: crate::rpm::digest::Expected::default(),
        signatures: Vec::new(),
    }
}

fn scriptlet(slot: Slot, program: &str, body: Option<&[u8]>) -> Scriptlet {
    let interpreter = program.split_whitespace().map(str::to_owned).collect();
    Scriptlet { slot, interpreter, body: body.map(<[u8]>::to_vec), flags: 0 }
}

fn planned(package: &Package, mode: Mode, facts: &InstallFacts) -> Result<(MaintainerScripts, Vec<Notice>), Error> {
    plan(&Request { package, mode, debian_name: "test", facts })
}

fn translated(scriptlets: Vec<Scriptlet>) -> (MaintainerScripts, Vec<Notice>) {
    planned(&package(scriptlets), Mode::Translate, &InstallFacts::default()).unwrap()
}

fn scripts(scripts: &MaintainerScripts) -> Vec<&[u8]> {
    [&scripts.preinst, &scripts.postinst, &scripts.prerm, &scripts.postrm]
        .into_iter()
        .flatten()
        .map(Vec::as_slice)
        .collect()
}

/// Runs a script by dash, with programs of `stubs` before the system's.
fn run(script: &[u8], arguments: &[&str], stubs: &Path) -> Output {
    let file = stubs.join("maintainer-script");
    fs::write(&file, script).unwrap();
    let path = format!("{}:/usr/bin:/bin", stubs.display());
    Command::new("/bin/sh").arg(&file).args(arguments).env("PATH", path).env("TMPDIR", stubs).output().unwrap()
}

fn stub(directory: &Path, name: &str, text: &str) {
    let file = directory.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

const GOLDEN_POSTINST: &str = r#"#!/bin/sh
# postinst of test, made by rpm2deb from Test-1.0-2.noarch. The table in rpm2deb(1) explains it.
set -e

# Runs a scriptlet's program as rpm does: in /, without input, with umask 022
run_program() {
    (umask 022 && cd / && exec "$@") < /dev/null
}

# The same for a program that reads the scriptlet from the file $body, which is removed afterwards
run_body() {
    status=0
    run_program "$@" || status=$?
    rm -f "$body"
    return "$status"
}

# %post of the RPM
scriptlet_post() {
    body=$(mktemp) || return
    head -c -1 > "$body" << 'END_OF_POST' || return
[ "$1" = 1 ] && echo first
END_OF_POST
    run_body /bin/sh "$body" "$@"
}

# failed SCRIPTLET STATUS CONSEQUENCE
failed() {
    echo "test: the RPM's $1 scriptlet failed with exit status $2; $3" >&2
}

# Forgets that the preinst saw a removed package come back
forget_reinstall() {
    rm -f /var/lib/rpm2deb/test.reinstalled
    rmdir /var/lib/rpm2deb 2> /dev/null || :
}

# What dpkg asks for. The calls that are not here need nothing done.
case "$1" in
    configure)
        if [ -z "$2" ] || [ -e /var/lib/rpm2deb/test.reinstalled ]; then
            scriptlet_post 1 || failed %post $? 'that is ignored, as rpm does'
        else
            scriptlet_post 2 || failed %post $? 'that is ignored, as rpm does'
        fi
        forget_reinstall
        ;;
esac

exit 0
"#;

#[test]
fn a_post_scriptlet_becomes_a_readable_postinst() {
    let body = b"[ \"$1\" = 1 ] && echo first";
    let (scripts, notices) = translated(vec![scriptlet(Slot::Post, "/bin/sh", Some(body))]);
    assert_eq!(String::from_utf8(scripts.postinst.unwrap()).unwrap(), GOLDEN_POSTINST);
    assert!(scripts.prerm.is_none());
    assert!(notices.is_empty(), "{notices:?}");
}

#[test]
fn nothing_is_made_when_nothing_is_needed() {
    let (scripts, notices) = translated(vec![scriptlet(Slot::Post, "/bin/sh", Some(b"# nothing\n"))]);
    assert_eq!(scripts, MaintainerScripts::default());
    assert!(notices.is_empty());
}

#[test]
fn ldconfig_becomes_a_trigger_even_when_scriptlets_are_dropped() {
    for mode in [Mode::Translate, Mode::Verbatim, Mode::Drop] {
        let scriptlets = vec![
            scriptlet(Slot::Post, "/sbin/ldconfig", None),
            scriptlet(Slot::PostUn, "/bin/sh", Some(b"/sbin/ldconfig || :")),
        ];
        let (scripts, notices) = planned(&package(scriptlets), mode, &InstallFacts::default()).unwrap();
        assert_eq!(scripts.triggers.as_deref(), Some(&b"activate-noawait ldconfig\n"[..]));
        assert!(scripts.postinst.is_none() && scripts.postrm.is_none());
        assert!(notices.iter().all(|notice| notice.severity == Severity::Note), "{notices:?}");
    }
}

#[test]
fn what_cannot_run_is_refused_and_can_be_dropped() {
    let mut expand = scriptlet(Slot::Post, "/bin/sh", Some(b"ln -s %{_datadir} x"));
    expand.flags = Scriptlet::EXPAND;
    let mut query = scriptlet(Slot::Post, "/bin/sh", Some(b"echo %{NAME}"));
    query.flags = Scriptlet::QUERYFORMAT;
    let mut control = scriptlet(Slot::Post, "/bin/sh", Some(b"x"));
    control.interpreter.push("a\nb".to_owned());
    let cases = [
        (scriptlet(Slot::PreTrans, "<lua>", Some(b"os.remove('x')")), "--scripts drop"),
        (expand, "macros"),
        (query, "query format"),
        (control, "control characters"),
        (scriptlet(Slot::Pre, "bash", Some(b"x")), "absolute"),
        (scriptlet(Slot::Pre, "/bin/sh", Some(b"x\0y")), "NUL"),
    ];
    for (scriptlet, expected) in cases {
        let package = package(vec![scriptlet]);
        for mode in [Mode::Translate, Mode::Verbatim] {
            let error = planned(&package, mode, &InstallFacts::default()).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        let (scripts, notices) = planned(&package, Mode::Drop, &InstallFacts::default()).unwrap();
        assert_eq!(scripts, MaintainerScripts::default());
        assert_eq!(notices[0].rule, "scriptlet-dropped");
    }
}

#[test]
fn hostile_names_are_refused() {
    let owned = |user: &str, path: &[u8]| InstallFacts {
        owned: vec![OwnedPath { path: path.to_vec(), user: user.to_owned(), group: "root".to_owned(), mode: 0o4755 }],
        ..InstallFacts::default()
    };
    let capability = InstallFacts {
        capabilities: vec![(b"usr/bin/x".to_vec(), "cap_net_raw=ep; reboot".to_owned())],
        ..InstallFacts::default()
    };
    let facts = [
        owned("a;b", b"x"),
        owned("-x", b"x"),
        owned("1000", b"x"),
        owned("", b"x"),
        owned("a", b"x\ny"),
        owned("a", b"../x"),
        capability,
    ];
    for facts in facts {
        let error = planned(&package(Vec::new()), Mode::Translate, &facts).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
    for name in ["x;reboot", "X", "", "a b", "-x"] {
        let package = package(Vec::new());
        let request =
            Request { package: &package, mode: Mode::Drop, debian_name: name, facts: &InstallFacts::default() };
        assert!(plan(&request).is_err(), "{name}");
    }
}

#[test]
fn tools_interpreters_and_triggers_are_reported() {
    let mut package = package(vec![
        scriptlet(Slot::Pre, "/bin/sh", Some(b"getent group svc || groupadd -r svc")),
        scriptlet(Slot::Post, "/usr/bin/python3 -E", Some(b"print(1)")),
        scriptlet(Slot::PreUn, "/bin/sh", Some(b"if [ $1 = 0 ]; then /sbin/chkconfig --del x; fi")),
        scriptlet(Slot::PostUn, "/bin/sh -e", Some(b"[[ $1 = 0 ]]")),
        scriptlet(Slot::PostTrans, "/opt/tool", None),
    ]);
    for (body, condition) in [("/sbin/ldconfig", "/usr/lib64"), ("reboot", "glibc < 2.40\n")] {
        package.triggers.push(Trigger {
            kind: TriggerKind::Package,
            conditions: vec![condition.to_owned()],
            interpreter: vec!["/bin/sh".to_owned()],
            body: Some(body.as_bytes().to_vec()),
        });
    }
    let facts = InstallFacts {
        owned: ["svc", "ghostly"]
            .map(|user| OwnedPath { path: b"x".to_vec(), user: user.to_owned(), group: "root".to_owned(), mode: 0o644 })
            .to_vec(),
        ..InstallFacts::default()
    };
    let (scripts, notices) = planned(&package, Mode::Translate, &facts).unwrap();
    assert_eq!(scripts.pre_depends, ["passwd"]);
    assert_eq!(scripts.depends, ["python3"]);
    let rules: Vec<&str> = notices.iter().map(|notice| notice.rule).collect();
    let expected = [
        "scriptlet-foreign-tool",
        "scriptlet-bash",
        "scriptlet-interpreter",
        "trigger-ldconfig",
        "trigger-dropped",
        "owner-uncreated",
    ];
    assert_eq!(rules, expected, "{notices:#?}");
    assert!(notices[4].text.contains("glibc < 2.40\\n"));
    assert!(notices[5].text.contains("'ghostly'"));
    let postrm = String::from_utf8(scripts.postrm.unwrap()).unwrap();
    assert!(postrm.contains("run_body /bin/bash --posix -e \"$body\" \"$@\""), "{postrm}");
}

#[test]
fn scripts_pass_the_shell_in_every_mode() {
    let facts = InstallFacts {
        owned: vec![OwnedPath {
            path: b"usr/bin/it's".to_vec(),
            user: "svc".to_owned(),
            group: "svc".to_owned(),
            mode: 0o4750,
        }],
        capabilities: vec![(b"usr/bin/$(x)".to_vec(), "cap_net_raw=ep".to_owned())],
        ghosts: vec![
            Ghost { path: b"var/lib/x/\xe9".to_vec(), is_directory: false },
            Ghost { path: b"var/lib/x".to_vec(), is_directory: true },
        ],
        sysusers: vec!["u! svc 7 \"a 'service'\"".to_owned()],
        has_shared_library: true,
    };
    let slots = [
        Slot::PreTrans,
        Slot::Pre,
        Slot::Post,
        Slot::PostTrans,
        Slot::PreUnTrans,
        Slot::PreUn,
        Slot::PostUn,
        Slot::PostUnTrans,
    ];
    let directory = tempfile::tempdir().unwrap();
    for mode in [Mode::Translate, Mode::Verbatim, Mode::Drop] {
        let mut package = package(slots.map(|slot| scriptlet(slot, "/bin/sh", Some(b"echo '\n"))).to_vec());
        package.prefixes = vec!["/opt/a b".to_owned()];
        let (made, _) = planned(&package, mode, &facts).unwrap();
        assert_eq!(planned(&package, mode, &facts).unwrap().0, made, "same input, same bytes");
        assert!(scripts(&made).len() >= 3);
        for script in scripts(&made) {
            let file = directory.path().join("script");
            fs::write(&file, script).unwrap();
            let output = Command::new("/bin/sh").arg("-n").arg(&file).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    }
}

#[test]
fn accounts_owners_and_ghosts_are_handled_as_the_system_allows() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let inside = |name: &str| root.join(name).to_str().unwrap().trim_start_matches('/').as_bytes().to_vec();
    let log = root.join("log");
    for name in ["groupadd", "useradd", "usermod", "chown", "chmod", "setcap"] {
        stub(root, name, &format!("echo {name} \"$@\" >> {}", log.display()));
    }
    stub(root, "getent", "case $2 in known) exit 0 ;; *) exit 2 ;; esac");
    stub(root, "dpkg-statoverride", "case $2 in *overridden) exit 0 ;; *) exit 1 ;; esac");
    stub(root, "dpkg-query", "case $2 in *shared) exit 0 ;; *) exit 1 ;; esac");
    for name in ["plain", "overridden", "foreign", "tool", "made", "shared"] {
        fs::write(root.join(name), "").unwrap();
    }
    fs::create_dir(root.join("spool")).unwrap();
    std::os::unix::fs::symlink("plain", root.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/alternatives/x", root.join("choice")).unwrap();
    let own = |name: &str, user: &str| OwnedPath {
        path: inside(name),
        user: user.to_owned(),
        group: "known".to_owned(),
        mode: 0o4755,
    };
    let ghost = |name: &str| Ghost { path: inside(name), is_directory: name == "spool" };
    let facts = InstallFacts {
        owned: vec![
            own("plain", "known"),
            own("overridden", "known"),
            own("foreign", "stranger"),
            own("link", "known"),
            own("gone", "known"),
        ],
        capabilities: vec![
            (inside("tool"), "cap_net_raw=ep".to_owned()),
            (inside("link"), "cap_net_raw=ep".to_owned()),
        ],
        ghosts: vec![ghost("spool"), ghost("made"), ghost("shared"), ghost("choice"), ghost("missing")],
        sysusers: vec!["u known -".to_owned(), "u svc 7 \"A service\"".to_owned()],
        has_shared_library: false,
    };
    let mut facts = facts;
    // the temporary directory may be below /tmp, which purging leaves alone
    let ghosts = std::mem::take(&mut facts.ghosts);
    let parts = wrapper::Parts {
        debian_name: "test",
        rpm_name: "test".to_owned(),
        scriptlets: Vec::new(),
        prefixes: &[],
        accounts: sysusers::parse(&facts.sysusers, &mut Vec::new()).unwrap(),
        facts: &facts,
        ghosts: ghosts.iter().collect(),
        is_verbatim: false,
    };
    for (script, action) in [(Script::PreInst, "install"), (Script::PostInst, "configure"), (Script::PostRm, "purge")] {
        let output = run(&wrapper::script(&parts, script).unwrap(), &[action], root);
        assert!(output.status.success(), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.contains("stays root's"), script == Script::PostInst, "{error}");
    }
    let path = |name: &str| root.join(name).display().to_string();
    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.starts_with("groupadd --system --gid 7 svc\nuseradd --system --gid svc"), "{logged}");
    assert!(logged.contains("--comment A service --uid 7 svc\n"), "{logged}");
    let owners =
        format!("chown -h known:known {0}\nchmod 4755 {0}\nsetcap cap_net_raw=ep {1}\n", path("plain"), path("tool"));
    assert!(logged.ends_with(&owners), "{logged}");
    assert!(!logged.contains("stranger") && !logged.contains("useradd --system --gid known"), "{logged}");
    let left = ["made", "shared", "choice", "spool"].map(|name| root.join(name).symlink_metadata().is_ok());
    assert_eq!(left, [false, true, true, false]);
}

#[test]
fn ghosts_of_the_system_are_left_alone() {
    let ghosts = ["etc/passwd", "run/x", "dev/null", "boot", "var/log/wtmp", "var/log/x.log"];
    let facts = InstallFacts {
        ghosts: ghosts.map(|path| Ghost { path: path.as_bytes().to_vec(), is_directory: false }).to_vec(),
        ..InstallFacts::default()
    };
    let (scripts, notices) = planned(&package(Vec::new()), Mode::Translate, &facts).unwrap();
    let postrm = String::from_utf8(scripts.postrm.unwrap()).unwrap();
    assert!(postrm.contains("        remove_ghost /var/log/x.log\n        ;;"), "{postrm}");
    assert_eq!(notices.len(), 5);
    assert!(!postrm.contains("passwd"));
}

/// Runs the preinst of a package with this body; the interpreter is a fake that keeps what it gets.
fn handed_to_interpreter(body: &[u8]) -> (Vec<u8>, String, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let interpreter = "cp \"$2\" text; echo \"$1 $3 $#\" > arguments; cat > input; pwd > cwd; umask >> cwd";
    let here = root.display();
    stub(
        root,
        "interpreter",
        &format!("cwd=$(pwd); mask=$(umask); cd {here} || exit 9; {interpreter}; echo \"$cwd $mask\" > cwd; exit 7"),
    );
    let program = format!("{here}/interpreter --option");
    let (scripts, _) = translated(vec![scriptlet(Slot::Pre, &program, Some(body))]);
    let output = run(&scripts.preinst.unwrap(), &["install"], root);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("failed with exit status 7"));
    assert_eq!(fs::read_to_string(root.join("cwd")).unwrap(), "/ 0022\n");
    let leftovers = fs::read_dir(root)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("tmp."));
    assert_eq!(leftovers.count(), 0, "the text's file is removed");
    let arguments = fs::read_to_string(root.join("arguments")).unwrap();
    (fs::read(root.join("text")).unwrap(), arguments, fs::read(root.join("input")).unwrap())
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"END_OF_PRE".to_vec()),
        Just(b"END_OF_PRE_1".to_vec()),
        Just(b"'\"`$(reboot)\\".to_vec()),
        Just(b"cat << EOF".to_vec()),
        Just(b"".to_vec()),
        Just((0x80..=0x9f).collect::<Vec<u8>>()),
        proptest::collection::vec(1..=255_u8, 0..40),
    ];
    (proptest::collection::vec(line, 1..8), any::<bool>()).prop_map(|(lines, newline)| {
        let mut body = lines.join(&b'\n');
        body.splice(..0, *b"x");
        if newline {
            body.push(b'\n');
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_interpreter_gets_exactly_the_text_and_the_count(body in any_body()) {
        let (text, arguments, input) = handed_to_interpreter(&body);
        prop_assert_eq!(text, body);
        prop_assert_eq!(arguments, "--option 1 3\n");
        prop_assert!(input.is_empty());
    }
}

#[test]
fn large_texts_and_every_byte_reach_the_interpreter() {
    let bytes: Vec<u8> = (1..=255_u8).cycle().take(200_000).collect();
    assert_eq!(handed_to_interpreter(&bytes).0, bytes);
}
