//! Section, Homepage, Maintainer and Description: what people read of a package.

use crate::event::Notice;
use crate::rpm::package::Package;

/// RPM's groups (Fedora's and SUSE's `GROUPS` files) and the Debian section nearest to each; first match by prefix.
const SECTIONS: [(&str, &str); 24] = [
    ("Development/Libraries", "libdevel"),
    ("Development/Languages/Python", "python"),
    ("Development/Languages/Perl", "perl"),
    ("Development/Sources", "devel"),
    ("Development", "devel"),
    ("System Environment/Libraries", "libs"),
    ("System/Libraries", "libs"),
    ("System Environment/Kernel", "kernel"),
    ("System/Kernel", "kernel"),
    ("System Environment/Shells", "shells"),
    ("System/Shells", "shells"),
    ("System", "admin"),
    ("Applications/System", "admin"),
    ("Applications/Internet", "net"),
    ("Applications/Databases", "database"),
    ("Applications/Editors", "editors"),
    ("Applications/Multimedia", "video"),
    ("Applications", "utils"),
    ("Productivity/Networking", "net"),
    ("Productivity/Databases", "database"),
    ("Productivity", "utils"),
    ("Documentation", "doc"),
    ("Hardware", "admin"),
    ("User Interface", "x11"),
];

/// Debian section for RPM's GROUP; names of packages decide where the group says nothing.
pub fn section(package: &Package) -> &'static str {
    let group = package.group.as_deref().unwrap_or("");
    if let Some((_, section)) = SECTIONS.iter().find(|(prefix, _)| group.starts_with(prefix)) {
        return section;
    }
    let name = package.name.as_str();
    if name.ends_with("-devel") || name.ends_with("-static") {
        return "libdevel";
    }
    if name.ends_with("-doc") || name.ends_with("-docs") {
        return "doc";
    }
    let has_library = package.files.iter().any(|file| file.path.windows(4).any(|window| window == b".so."));
    if name.starts_with("lib") && has_library { "libs" } else { "misc" }
}

/// The URL, if it is one that a browser would open.
pub fn homepage(package: &Package) -> Option<String> {
    let url = package.url.as_deref()?.trim();
    let is_web = ["http://", "https://", "ftp://"].iter().any(|scheme| url.starts_with(scheme));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    (is_web && is_plain && url.len() <= 1000).then(|| url.to_owned())
}

/// Who converted what whose: the address given, or the packager's if it is one, or the vendor's name with an address
/// that says itself that it is none (RFC 2606).
pub fn maintainer(package: &Package, given: Option<&str>) -> String {
    if let Some(given) = given {
        return given.to_owned();
    }
    if let Some(packager) = package.packager.as_deref().filter(|text| is_address(text)) {
        return packager.to_owned();
    }
    let vendor = package.vendor.as_deref().map(plain_phrase).filter(|name| !name.is_empty());
    format!("{} <unknown@rpm2deb.invalid>", vendor.unwrap_or_else(|| "Unknown RPM packager".to_owned()))
}

/// `Name <user@host.domain>`, in the form that Debian policy and lintian accept without quoting.
pub fn is_address(text: &str) -> bool {
    let Some((phrase, address)) = text.split_once(" <") else { return false };
    let Some((user, host)) = address.strip_suffix('>').and_then(|address| address.split_once('@')) else {
        return false;
    };
    let is_label = |label: &str| {
        !label.is_empty() && !label.starts_with('-') && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let user_is_plain =
        !user.is_empty() && user != "root" && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    let host_is_plain = host.contains('.')
        && host.split('.').all(is_label)
        && !host.split('.').next_back().is_some_and(|top| ["local", "localdomain"].contains(&top));
    plain_phrase(phrase) == phrase && !phrase.is_empty() && user_is_plain && host_is_plain
}

/// A name without what addresses and control files take for syntax.
fn plain_phrase(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control() && !",<>\"@:;\\".contains(*c)).collect();
    let words: Vec<&str> = kept.split_whitespace().collect();
    let phrase: String = words.join(" ").chars().take(80).collect();
    if phrase == "root" { String::new() } else { phrase }
}

/// The Description field: synopsis, then the body in Debian's form (one space, ` .` for empty lines).
pub fn description(package: &Package, notices: &mut Vec<Notice>) -> String {
    let synopsis = synopsis(package);
    let original = one_line(&package.summary);
    if synopsis != original {
        notices.push(Notice::note(
            "synopsis-changed",
            "Description",
            format!("the summary '{original}' became '{synopsis}'"),
        ));
    }
    let mut lines: Vec<String> = package.description.lines().map(clean_line).collect();
    while lines.first().is_some_and(String::is_empty) {
        lines.remove(0);
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    if lines.is_empty() || lines[0].trim().trim_end_matches('.').eq_ignore_ascii_case(&synopsis) && lines.len() == 1 {
        lines = vec![format!("This package was converted from the RPM package {}.", one_line(&package.name))];
    }
    let mut text = synopsis;
    for line in lines {
        text.push_str("\n ");
        text.push_str(if line.is_empty() { "." } else { &line });
    }
    text
}

/// A summary by the rules of Debian's Developer's Reference 6.2.2: not the package's name again, no final stop.
fn synopsis(package: &Package) -> String {
    let name = one_line(&package.name);
    let mut text = one_line(&package.summary);
    let starts_with_name = text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(&name));
    if starts_with_name {
        let rest = text[name.len()..].trim_start_matches([' ', ':', '-', ',']);
        text = rest.to_owned();
    }
    let text = text.trim_end_matches('.').trim();
    if text.split_whitespace().count() < 2 {
        return format!("software from the {name} RPM package");
    }
    text.to_owned()
}

/// Control characters and line breaks become spaces: a summary must not become a field of debian/control.
pub fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn clean_line(line: &str) -> String {
    let cleaned: String = line
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\t' { ' ' } else { c }, if c == '\t' { 8 } else { 1 }))
        .filter(|c| !c.is_control())
        .collect();
    let cleaned = cleaned.trim_end();
    // A line of nothing but a dot is an empty line in control files; the text's own dot gets company.
    if cleaned.trim() == "." { String::new() } else { cleaned.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lintian_takes_and_those_it_does_not() {
        for good in ["IBM Corp. <a@b.example>", "Jörg <x.y@z-1.de>", "rpm2deb <unknown@rpm2deb.invalid>"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "a@b.c",
            "IBM, Inc <a@b.c>",
            "x <root@b.c>",
            "x <a@localhost>",
            "x <https://a.b>",
            " <a@b.c>",
            "x <a@b.c>\nDepends: y",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_hostile_summary_stays_one_line() {
        assert_eq!(one_line("a\nDepends: evil\r\n\n b\t"), "a Depends: evil b");
    }
}
