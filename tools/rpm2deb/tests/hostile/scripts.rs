//! Scriptlets that cannot be translated, or whose interpreter is a trap.

#![allow(clippy::disallowed_methods)] // the generated script is run, with a recording interpreter

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::expect::{all_harmless, all_refused, case};
use crate::plain;
use crate::rpm_writer::tag;
use crate::sandbox::{Sandbox, tool};

const SLOTS: [(&str, u32); 6] = [
    ("%pre", tag::PREIN),
    ("%post", tag::POSTIN),
    ("%preun", tag::PREUN),
    ("%postun", tag::POSTUN),
    ("%pretrans", tag::PRETRANS),
    ("%posttrans", tag::POSTTRANS),
];

#[test]
fn lua_is_refused_with_the_way_out() {
    let cases = SLOTS.iter().map(|(name, slot)| {
        case(name, plain().scriptlet(*slot, "<lua>", "os.execute('evil')"), &[name, "lua", "--scripts drop"])
    });
    all_refused(cases.collect());
}

#[test]
fn lua_is_dropped_when_asked() {
    let sandbox = crate::sandbox::Sandbox::new();
    let bytes = plain().scriptlet(tag::POSTIN, "<lua>", "os.execute('evil')").build();
    let run = sandbox.convert(&sandbox.put("hostile.rpm", &bytes), &["--scripts", "drop"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("%post"), "a dropped script is reported: {}", run.stderr);
}

#[test]
fn interpreters_with_syntax_in_them_are_refused() {
    let programs = ["$(evil)", "evil", "../evil", "/bin/sh\nevil", "/opt/\u{1b}[2Jevil", "<evil>", "-evil"];
    let cases = programs.map(|program| case(program, plain().scriptlet(tag::POSTIN, program, "true"), &["%post"]));
    all_refused(cases.into());
    // Odd names of programs, which quoting makes harmless.
    let programs = ["/bin/sh;evil", "/bin/evil'", "/bin/$(evil)", "/bin/`evil`", "/bin/evil\"\\"];
    let cases = programs.map(|program| case(program, plain().scriptlet(tag::POSTIN, program, "true"), &["%post"]));
    all_harmless(cases.into());
}

/// Bodies that would end a here-document, a quotation or a function around them.
const BODIES: [&str; 17] = [
    "EOF\nevil",
    "END_OF_POST\nevil",
    "END_OF_POST\nEND_OF_POST_\nEND_OF_POST_1\nEND_OF_POST_2\nEND_OF_POST2\nevil",
    "'\nevil",
    "\"\nevil",
    "$(evil) `evil`",
    "echo 'unfinished",
    "exit 0\n}\nevil() { :",
    "#!/bin/sh -e\ntrue",
    "echo $1 %{evil}",
    "cat <<EOF\nevil",
    ")\nevil",
    "fi\ndone\nesac\n}",
    "#DEBHELPER#\n",
    "true \\",
    "no newline at the end",
    "\n\n two newlines \\\n\n",
];

#[test]
fn every_body_reaches_its_interpreter_byte_for_byte_and_nothing_else_runs() {
    for body in BODIES {
        let sandbox = Sandbox::new();
        let program = |name: &str, text: String| {
            let path = sandbox.path("canaries").join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let (record, marker) = (sandbox.path("record"), sandbox.path("marker"));
        let recorder = program("recorder", format!("cat \"$1\" >'{}'", record.display()));
        program("evil", format!("echo ran >'{}'", marker.display()));
        let bytes = plain().scriptlet(tag::POSTIN, recorder.to_str().unwrap(), body).build();
        let run = sandbox.convert(&sandbox.put("hostile.rpm", &bytes), &[]);
        assert_eq!(run.code, Some(0), "{body:?}: {}", run.stderr);
        let control = sandbox.path("control");
        tool("dpkg-deb", &["-e", sandbox.deb().to_str().unwrap(), control.to_str().unwrap()]);
        let path = format!("{}:/usr/bin:/bin", sandbox.path("canaries").display());
        let status = Command::new(control.join("postinst")).args(["configure", ""]).env("PATH", path).status().unwrap();
        assert!(status.success(), "{body:?}: {status}");
        assert_eq!(String::from_utf8(fs::read(&record).unwrap()).unwrap(), body);
        assert!(!marker.exists(), "{body:?} is executed by the maintainer script itself");
    }
}

#[test]
fn bodies_of_other_interpreters_pass_in_every_mode() {
    let mut cases = Vec::new();
    for mode in ["verbatim", "drop"] {
        let builder = plain().scriptlet(tag::POSTIN, "/usr/bin/python3", "print('x')\n");
        cases.push(case(mode, builder, &[]).with(if mode == "drop" {
            &["--scripts", "drop"]
        } else {
            &["--scripts", "verbatim"]
        }));
    }
    all_harmless(cases);
}
