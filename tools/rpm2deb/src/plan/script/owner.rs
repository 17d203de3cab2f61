//! Owners, setuid bits and capabilities: data.tar ships such files as root's and without special bits, the postinst
//! makes them what the RPM says, as far as the users exist. The administrator's dpkg-statoverride has the last word.

use super::quote::{quote, quote_path};
use super::sysusers::{Accounts, is_name};
use super::words::mentions;
use super::{InstallFacts, OwnedPath, check_path};
use crate::error::Error;
use crate::event::Notice;
use crate::printable::printable;
use crate::rpm::package::{Scriptlet, Slot};
use crate::tree::TreePath;

/// Users of every Debian system (base-passwd, passwd.master); each has a group of its name but sync and nobody.
const BASE_USERS: &str =
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc _apt nobody";
/// Groups of every Debian system (base-passwd, group.master).
const BASE_GROUPS: &str = "root daemon bin sys adm tty disk lp mail news uucp man proxy kmem dialout fax voice cdrom \
    floppy tape sudo audio dip www-data backup operator list irc src shadow utmp video sasl plugdev staff games users \
    nogroup";

/// Refuses names that are not names and capabilities that are none.
pub(super) fn check(facts: &InstallFacts) -> Result<(), Error> {
    for owned in &facts.owned {
        check_path(&owned.path)?;
        for (kind, name) in [("user", &owned.user), ("group", &owned.group)] {
            if !is_name(name) || name.bytes().all(|byte| byte.is_ascii_digit()) {
                let name = printable(name.as_bytes());
                let reason = format!("belongs to the {kind} '{name}', which is not a valid name; no file may have it");
                return Err(Error::refused(printable(&owned.path), reason));
            }
        }
    }
    for (path, capabilities) in &facts.capabilities {
        check_path(path)?;
        if !is_capability_text(capabilities) {
            let text = printable(capabilities.as_bytes());
            let reason = format!("its capabilities '{text}' are not in the form of cap_from_text(3)");
            return Err(Error::refused(printable(path), reason));
        }
    }
    Ok(())
}

/// The grammar of cap_from_text(3): clauses of names, then operators with flags.
fn is_capability_text(text: &str) -> bool {
    let is_name = |name: &str| {
        let rest = name.strip_prefix("cap_").unwrap_or("");
        name == "all"
            || (!rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'))
    };
    let is_clause = |clause: &str| {
        let Some(at) = clause.find(['=', '+', '-']) else { return false };
        let (names, actions) = clause.split_at(at);
        let names_are_right = if names.is_empty() { actions.starts_with('=') } else { names.split(',').all(is_name) };
        names_are_right && actions.bytes().all(|byte| b"=+-eip".contains(&byte))
    };
    let text = text.trim_matches(' ');
    !text.is_empty() && text.len() <= 4096 && text.split(' ').filter(|clause| !clause.is_empty()).all(is_clause)
}

/// Warns of owners that nobody creates.
pub(super) fn warn_of_missing(
    facts: &InstallFacts,
    accounts: &Accounts,
    scriptlets: &[&Scriptlet],
    notices: &mut Vec<Notice>,
) {
    let in_scriptlets = |name: &str| {
        let bodies = scriptlets.iter().filter(|scriptlet| matches!(scriptlet.slot, Slot::PreTrans | Slot::Pre));
        let mut bodies = bodies.filter_map(|scriptlet| scriptlet.body.as_deref());
        bodies.any(|body| {
            let creates = ["useradd", "groupadd", "adduser", "addgroup", "systemd-sysusers"];
            mentions(body, name) && creates.iter().any(|tool| mentions(body, tool))
        })
    };
    let mut missing: Vec<(&str, &str, &TreePath)> = Vec::new();
    for owned in &facts.owned {
        let user_is_known = accounts.users.iter().any(|user| user.name == owned.user);
        let group_is_known = accounts.groups.iter().any(|group| group.name == owned.group);
        for (kind, name, known, base) in
            [("user", &owned.user, user_is_known, BASE_USERS), ("group", &owned.group, group_is_known, BASE_GROUPS)]
        {
            let is_noted = missing.iter().any(|(other_kind, other, _)| *other_kind == kind && other == name);
            if !is_noted && !known && !base.split_whitespace().any(|base| base == name) && !in_scriptlets(name) {
                missing.push((kind, name, &owned.path));
            }
        }
    }
    for (kind, name, path) in missing {
        let text = format!(
            "belongs to the {kind} '{name}', which nothing in the package creates; without it the file stays root's, \
             without setuid and setgid bits"
        );
        notices.push(Notice::warning("owner-uncreated", printable(path), text));
    }
}

/// The shell function that [`commands`] calls for owners. `NAME` is the package.
pub(super) fn own_function(debian_name: &str) -> String {
    format!(
        r#"
# own USER GROUP MODE PATH: what the RPM says; dpkg-statoverride and missing users have precedence
own() {{
    if [ -L "$4" ] || [ ! -e "$4" ]; then return 0; fi
    if dpkg-statoverride --list "$(printf '%s' "$4" | LC_ALL=C sed 's/[][\\*?]/\\&/g')" > /dev/null; then return 0; fi
    if ! getent passwd "$1" > /dev/null || ! getent group "$2" > /dev/null; then
        echo "{debian_name}: no user '$1' or no group '$2': $4 stays root's" >&2
        return 0
    fi
    if ! chown -h "$1:$2" "$4" || ! chmod "$3" "$4"; then
        echo "{debian_name}: cannot give $4 to $1:$2 with mode $3" >&2
    fi
}}
"#
    )
}

/// The shell function that [`commands`] calls for capabilities.
pub(super) fn allow_function(debian_name: &str) -> String {
    format!(
        r#"
# allow CAPABILITIES PATH
allow() {{
    if [ -L "$2" ] || [ ! -f "$2" ]; then return 0; fi
    setcap "$1" "$2" || echo "{debian_name}: cannot give $2 the capabilities $1" >&2
}}
"#
    )
}

/// One line of shell for each file, files before the directories that hold them: a directory that already belongs to
/// somebody is no place to change files by name.
pub(super) fn commands(facts: &InstallFacts) -> Vec<Vec<u8>> {
    let mut owned: Vec<&OwnedPath> = facts.owned.iter().collect();
    owned.sort_by(|a, b| b.path.cmp(&a.path));
    let owners = owned.iter().map(|owned| {
        let mut line = format!("own {} {} {:04o} ", owned.user, owned.group, owned.mode & 0o7777).into_bytes();
        line.extend(quote_path(&owned.path));
        line
    });
    let mut capabilities: Vec<_> = facts.capabilities.iter().collect();
    capabilities.sort();
    let capabilities = capabilities.into_iter().map(|(path, text)| {
        [b"allow ".to_vec(), quote(text.trim_matches(' ').as_bytes()), b" ".to_vec(), quote_path(path)].concat()
    });
    // chown takes capabilities away, so they come last
    owners.chain(capabilities).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_texts_are_checked() {
        let right = [
            "cap_net_raw=ep",
            "cap_net_admin,cap_net_raw+p",
            "=ep",
            "= cap_net_raw+ep",
            "all=eip cap_chown-e",
            "cap_chown=e+i",
        ];
        for text in right {
            assert!(is_capability_text(text), "{text}");
        }
        let wrong = [
            "",
            " ",
            "cap_net_raw",
            "cap_net_raw=ep; reboot",
            "$(reboot)=ep",
            "+ep",
            "cap_=ep",
            "cap_x=q",
            "a\n=ep",
            "-r",
        ];
        for text in wrong {
            assert!(!is_capability_text(text), "{text}");
        }
    }
}
