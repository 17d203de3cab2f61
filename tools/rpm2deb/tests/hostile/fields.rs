//! Header fields with control characters, or with text that a shell, a control file or a script would take for syntax.

use crate::expect::{Case, all_harmless, all_refused, case};
use crate::plain;
use crate::rpm_writer::package::Relation;
use crate::rpm_writer::{RpmBuilder, Value, tag};

/// Fields from which file names, versions and relations are made.
const IDENTIFIERS: [(&str, u32); 4] =
    [("NAME", tag::NAME), ("VERSION", tag::VERSION), ("RELEASE", tag::RELEASE), ("ARCH", tag::ARCH)];
/// Fields of free text.
const PROSE: [(&str, u32); 8] = [
    ("SUMMARY", tag::SUMMARY),
    ("DESCRIPTION", tag::DESCRIPTION),
    ("LICENSE", tag::LICENSE),
    ("URL", tag::URL),
    ("VENDOR", tag::VENDOR),
    ("PACKAGER", tag::PACKAGER),
    ("GROUP", tag::GROUP),
    ("DISTRIBUTION", tag::DISTRIBUTION),
];

#[test]
fn identifiers_with_syntax_in_them_are_refused() {
    let poison = [
        "x;touch evil;",
        "x$(touch evil)",
        "x`touch evil`",
        "x y",
        "../evil",
        "x/evil",
        "/evil",
        "x\nDepends: evil",
        "x\tevil",
        "x\u{1b}[2Jevil",
        "x\u{7}evil",
        "x'evil",
        "x\"evil",
        "x|evil",
        "x&evil",
        "x\\evil",
        "evil\r",
        "x, evil",
        "x (evil)",
        "\u{202e}evil",
    ];
    let mut cases = Vec::new();
    for (name, number) in IDENTIFIERS {
        for text in poison {
            cases.push(case(&format!("{name} {text:?}"), plain().text(number, text), &["evil"]));
        }
    }
    // Spaces alone have no "evil" to show.
    for case in cases.iter_mut().filter(|case| case.name.contains("\"x y\"")) {
        case.fragments.clear();
    }
    all_refused(cases);
}

#[test]
fn identifiers_that_are_empty_or_missing_are_refused() {
    let mut cases: Vec<Case> = vec![
        case("NAME of one dash", plain().text(tag::NAME, "-"), &["name"]),
        case("NAME with a dash in front", plain().text(tag::NAME, "--evil"), &["evil"]),
        case("NAME of two dots", plain().text(tag::NAME, ".."), &["name"]),
        case("NAME of 300 bytes", plain().text(tag::NAME, "x".repeat(300)), &["name"]),
        case("NAME that is not UTF-8", plain().text(tag::NAME, b"caf\xe9".to_vec()), &["name"]),
        case("ARCH unknown", plain().arch("evil64"), &["evil64"]),
    ];
    for (name, number) in IDENTIFIERS {
        let word = name.to_lowercase();
        cases.push(case(&format!("{name} empty"), plain().text(number, ""), &[&word]));
        cases.push(case(&format!("{name} missing"), plain().edit_tags(move |tags| tags.remove(number)), &[&word]));
    }
    all_refused(cases);
}

#[test]
fn prose_stays_prose() {
    let poison = [
        "text\nDepends: evil-injected\nX-Evil: yes",
        "text\n\nPackage: evil-second-stanza\nVersion: 1",
        "text\r\nDepends: evil",
        "text\u{1b}[2J\u{7}\u{8}evil",
        "\nDepends: evil",
        "text\n.\n..\n .\nevil",
        "$(touch evil) `touch evil` ; touch evil",
        "*/ EOF\nEOF\nevil",
        "text\u{85}Depends: evil\u{2028}X: evil",
    ];
    let mut cases = Vec::new();
    for (name, number) in PROSE {
        for text in poison {
            cases.push(case(&format!("{name} {text:?}"), plain().text(number, text), &[]));
        }
        cases.push(case(&format!("{name} latin-1"), plain().text(number, b"caf\xe9 evil".to_vec()), &[]));
        cases.push(case(&format!("{name} of a mebibyte"), plain().text(number, "evil ".repeat(200_000)), &[]));
    }
    cases.push(case(
        "changelog author",
        plain().change(1, "a\nevil <e@x>\n -- evil", "- b\n\nevil (1.0) x; urgency=low"),
        &[],
    ));
    cases.push(case("changelog of year 2106", plain().change(u32::MAX, "a <b@c> - 1", "- evil"), &[]));
    all_harmless(cases);
}

#[test]
fn a_summary_with_a_field_in_it_gives_exactly_the_fields_of_one_without() {
    let fields_of = |builder: RpmBuilder| -> Vec<String> {
        let sandbox = crate::sandbox::Sandbox::new();
        let run = sandbox.convert(&sandbox.put("hostile.rpm", &builder.build()), &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        crate::sandbox::fields(&sandbox.deb()).into_keys().collect()
    };
    let injected = plain().text(tag::SUMMARY, "text\nDepends: evil\nEssential: yes");
    assert_eq!(fields_of(injected), fields_of(plain()));
}

#[test]
fn relations_stay_relations() {
    let poison = [
        "evil, other",
        "evil | other",
        "evil\nConflicts: dpkg",
        "evil;touch evil",
        "evil$(touch evil)",
        "evil (>= 1)",
        "",
        "-evil",
        "evil\u{1b}[2J",
        "(evil if (other",
        "((((((((((((evil",
        "evil []",
        "<evil>",
    ];
    let kinds =
        [Relation::Requires, Relation::Provides, Relation::Conflicts, Relation::Obsoletes, Relation::Recommends];
    let mut cases = Vec::new();
    for kind in kinds {
        for text in poison {
            cases.push(case(&format!("{kind:?} {text:?}"), plain().relation(kind, text, 0, ""), &[]));
            let version = plain().relation(kind, "goodname", tag::EQUAL, text);
            cases.push(case(&format!("{kind:?} version {text:?}"), version, &[]));
        }
    }
    let nested = format!("{}evil{}", "(".repeat(100_000), ")".repeat(100_000));
    cases.push(case("100,000 parentheses", plain().requires(&nested), &[]));
    all_harmless(cases);
}

#[test]
fn owners_and_capabilities_with_syntax_in_them_are_refused() {
    let owner = |user: &str, group: &str| plain().owner(user, group);
    let mut cases = Vec::new();
    for text in
        ["evil;touch x", "$(touch evil)", "evil\nroot", "evil:root", "-evil", "evil'", "", "evil user", "../evil"]
    {
        cases.push(case(&format!("user {text:?}"), owner(text, "root"), &["opt/hostile/"]));
        cases.push(case(&format!("group {text:?}"), owner("root", text), &["opt/hostile/"]));
    }
    for text in ["cap_net_raw=ep;touch evil", "$(touch evil)", "cap_net_raw=ep\nevil", "evil'", "-r /evil"] {
        cases.push(case(&format!("capability {text:?}"), plain().caps(text), &["opt/hostile/"]));
    }
    all_refused(cases);
}

#[test]
fn file_names_with_syntax_in_them_stay_names() {
    // Another owner and capabilities bring the name into the maintainer scripts.
    let names = [
        "'$(touch evil)'",
        "$(touch evil)",
        "`touch evil`",
        "a;touch evil",
        "a b",
        "a\"b",
        "a'b",
        "a\\b",
        "-rf",
        "a|b",
        "a&b",
        "a>b",
        "*",
        "?",
        "[a]",
        "#a",
        "~",
        "!a",
        "a%b",
        "$HOME",
        "a,b",
        "a=b",
        "{a,b}",
    ];
    let cases = names.iter().map(|name| {
        let builder = plain()
            .dir(format!("/opt/{name}"), 0o755)
            .file(format!("/opt/{name}/{name}"), 0o4755, "x")
            .owner("daemon", "daemon")
            .caps("cap_net_raw=ep")
            .file(format!("/etc/{name}"), 0o644, "x")
            .flags(tag::CONFIG)
            .symlink(format!("/opt/{name}.link"), name);
        case(name, builder, &[])
    });
    all_harmless(cases.collect());
}

#[test]
fn strings_with_a_nul_inside_end_there() {
    let mut cases = Vec::new();
    for (name, number) in IDENTIFIERS.into_iter().chain(PROSE) {
        let text = if number == tag::ARCH { b"noarch\0evil\0".to_vec() } else { b"text1\0evil\0".to_vec() };
        let builder = plain().edit_tags(move |tags| tags.set(number, Value::Raw(6, 1, text)));
        cases.push(case(name, builder, &[]));
    }
    all_harmless(cases);
}
