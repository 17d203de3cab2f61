//! Scriptlets that cannot be translated, or whose interpreter is a trap.

use crate::expect::{all_harmless, all_refused, case};
use crate::plain;
use crate::rpm_writer::tag;

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
    let programs = [
        "/bin/sh;evil",
        "$(evil)",
        "evil",
        "../evil",
        "/bin/sh\nevil",
        "/bin/evil'",
        "/opt/\u{1b}[2Jevil",
        "<evil>",
        "-evil",
    ];
    let cases =
        programs.iter().map(|program| case(program, plain().scriptlet(tag::POSTIN, program, "true"), &["%post"]));
    all_refused(cases.collect());
}

#[test]
fn bodies_that_try_to_leave_their_quotes_stay_bodies() {
    let bodies = [
        "EOF\nevil",
        "'\nevil",
        "echo 'unfinished",
        "exit 0\n}\nevil() { :",
        "#!/bin/sh -e\ntrue",
        "\u{0}",
        "echo $1 %{evil}",
        "cat <<EOF\nevil",
        ")\nevil",
        "fi\ndone\nesac\n}",
        "#DEBHELPER#\n",
        "true \\",
    ];
    let mut cases = Vec::new();
    for (name, slot) in SLOTS {
        for body in bodies {
            cases.push(case(&format!("{name} {body:?}"), plain().scriptlet(slot, "/bin/sh", body), &[]));
        }
    }
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
