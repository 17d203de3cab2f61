//! Lines of sysusers.d(5), read strictly, and the shell commands that create what they declare.
//!
//! Understood are the types `u`, `u!`, `g` and `m`, as in rpm's own scripts/sysusers.sh. `r` (a range of numbers) is
//! Debian's own business. Numbers are wishes: one that is taken is replaced by a free one, as systemd-sysusers does.

use std::collections::BTreeSet;

use super::quote::quote;
use crate::error::Error;
use crate::event::Notice;
use crate::printable::printable;

/// What the lines declare, in their order, each name once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    pub(super) groups: Vec<Group>,
    pub(super) users: Vec<User>,
    /// (user, group).
    pub(super) members: Vec<(String, String)>,
}

/// A group to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) number: Option<u32>,
}

/// A user to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) number: Option<u32>,
    /// Name or number of the primary group.
    pub(super) group: String,
    pub(super) home: String,
    pub(super) shell: String,
    pub(super) comment: String,
    /// `u!`: not even a key may log in.
    pub(super) is_locked: bool,
}

impl Accounts {
    /// Whether there is nothing to create.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.users.is_empty() && self.members.is_empty()
    }

    fn add_group(&mut self, name: &str, number: Option<u32>) {
        if !self.groups.iter().any(|group| group.name == name) {
            self.groups.push(Group { name: name.to_owned(), number });
        }
    }

    fn add_user(&mut self, user: User) {
        if !self.users.iter().any(|other| other.name == user.name) {
            self.users.push(user);
        }
    }

    /// `m` creates both sides if no line does.
    fn complete(&mut self) {
        for (user, group) in std::mem::take(&mut self.members).into_iter().collect::<BTreeSet<_>>() {
            self.add_group(&group, None);
            if !self.users.iter().any(|other| other.name == user) {
                self.add_group(&user, None);
                self.add_user(User::plain(&user));
            }
            self.members.push((user, group));
        }
    }
}

impl User {
    fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            number: None,
            group: name.to_owned(),
            home: "/".to_owned(),
            shell: "/usr/sbin/nologin".to_owned(),
            comment: String::new(),
            is_locked: false,
        }
    }
}

/// Reads all lines. What is malformed is refused; what is valid but cannot be carried over is a warning.
pub(super) fn parse(lines: &[String], notices: &mut Vec<Notice>) -> Result<Accounts, Error> {
    let mut accounts = Accounts::default();
    for line in lines {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(reason) = parse_line(line, &mut accounts).map_err(|reason| refused(line, reason))? {
            let subject = format!("sysusers.d line '{}'", printable(line.as_bytes()));
            notices.push(Notice::warning("sysusers-unsupported", subject, reason));
        }
    }
    accounts.complete();
    Ok(accounts)
}

fn refused(line: &str, reason: &str) -> Error {
    let subject = format!("sysusers.d line '{}'", printable(line.as_bytes()));
    Error::refused(subject, format!("{reason}; correct the line in the RPM, or remove it by a patch"))
}

/// `Ok(Some(reason))`: the line, or a part of it, was left out.
fn parse_line(line: &str, accounts: &mut Accounts) -> Result<Option<&'static str>, &'static str> {
    let fields = fields(line)?;
    if fields.iter().any(|field| field.contains('%')) {
        return Ok(Some("left out: specifiers (%) are known on the installed system only"));
    }
    let field = |index: usize| fields.get(index).map(String::as_str).filter(|field| !field.is_empty() && *field != "-");
    match fields.first().map(String::as_str).unwrap_or_default() {
        "r" => Ok(Some("left out: Debian has its own range of system user numbers (/etc/adduser.conf)")),
        "g" => {
            let (number, _, warning) = numbers(field(2))?;
            accounts.add_group(name(field(1))?, number);
            Ok(warning)
        }
        "m" => {
            accounts.members.push((name(field(1))?.to_owned(), name(field(2))?.to_owned()));
            Ok(None)
        }
        kind @ ("u" | "u!") => {
            let (number, group, warning) = numbers(field(2))?;
            let name = name(field(1))?;
            if number == Some(0) && name != "root" {
                return Err("declares a second user with number 0, which is root");
            }
            let mut user = User { number, is_locked: kind == "u!", ..User::plain(name) };
            text(field(3))?.clone_into(&mut user.comment);
            absolute(field(4), &mut user.home)?;
            absolute(field(5), &mut user.shell)?;
            match group {
                Some(group) => user.group = group,
                None => accounts.add_group(name, number),
            }
            accounts.add_user(user);
            Ok(warning)
        }
        _ => Err("its type is none of u, u!, g, m and r"),
    }
}

/// A user's or group's name that useradd and systemd-sysusers take (`valid_user_group_name`, strict).
fn name(field: Option<&str>) -> Result<&str, &'static str> {
    let name = field.ok_or("has no name")?;
    if is_name(name) && !name.bytes().all(|byte| byte.is_ascii_digit()) { Ok(name) } else { Err("has an invalid name") }
}

/// Letters, digits, `_`, `-` and `.`, at most 32, and no digit or sign in front.
pub(super) fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    name.len() <= 32
        && name.bytes().all(is_part)
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The third field: user or group number, primary group, and what was left out.
type Numbers = (Option<u32>, Option<String>, Option<&'static str>);

fn numbers(field: Option<&str>) -> Result<Numbers, &'static str> {
    let Some(field) = field else { return Ok((None, None, None)) };
    if field.starts_with('/') {
        return Ok((None, None, Some("its number comes from the owner of a file; a free one is taken instead")));
    }
    let Some((user, group)) = field.split_once(':') else { return Ok((Some(number(field)?), None, None)) };
    let user = if user == "-" { None } else { Some(number(user)?) };
    if group.bytes().all(|byte| byte.is_ascii_digit()) {
        number(group)?;
    } else {
        name(Some(group))?;
    }
    Ok((user, Some(group.to_owned()), None))
}

/// A user or group number. 65535 and 4294967295 mean "none" to the kernel (`uid_is_valid` of systemd).
fn number(field: &str) -> Result<u32, &'static str> {
    let is_number = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
    let number = field.parse().ok().filter(|number| is_number && ![0xffff, 0xffff_ffff].contains(number));
    number.ok_or("has an invalid number")
}

fn text(field: Option<&str>) -> Result<&str, &'static str> {
    let text = field.unwrap_or_default();
    if text.contains(':') { Err("has a colon in its description") } else { Ok(text) }
}

fn absolute(field: Option<&str>, target: &mut String) -> Result<(), &'static str> {
    let Some(path) = field else { return Ok(()) };
    if !path.starts_with('/') || path.contains(':') || path.split('/').any(|part| part == "..") {
        return Err("has a home or shell that is not a plain absolute path");
    }
    path.clone_into(target);
    Ok(())
}

/// Splits at blanks; quotes and backslashes as in sysusers.d(5), control characters refused.
fn fields(line: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        while characters.next_if(|&c| c == ' ' || c == '\t').is_some() {}
        if characters.peek().is_none() {
            return Ok(fields);
        }
        let mut field = String::new();
        let mut quote = None;
        while let Some(character) = characters.next_if(|&c| quote.is_some() || (c != ' ' && c != '\t')) {
            match character {
                c if c.is_control() => return Err("has control characters"),
                '\\' => match characters.next() {
                    Some(escaped @ ('\\' | '"' | '\'' | ' ')) => field.push(escaped),
                    _ => return Err("has an unknown escape"),
                },
                c if quote == Some(c) => quote = None,
                c @ ('"' | '\'') if quote.is_none() => quote = Some(c),
                c => field.push(c),
            }
        }
        if quote.is_some() {
            return Err("has an unterminated quote");
        }
        fields.push(field);
    }
}

/// Shell functions that [`creation`] calls.
pub(super) const FUNCTIONS: &str = r#"
# create_group NAME NUMBER: unless it is there; a number that is taken is not insisted on
create_group() {
    if getent group "$1" > /dev/null; then return 0; fi
    if [ -n "$2" ] && ! getent group "$2" > /dev/null; then
        groupadd --system --gid "$2" "$1"
    else
        groupadd --system "$1"
    fi
}

# create_user NAME NUMBER GROUP HOME SHELL COMMENT [OPTION...]
create_user() {
    if getent passwd "$1" > /dev/null; then return 0; fi
    name=$1 number=$2 group=$3 home=$4 shell=$5 comment=$6
    shift 6
    if [ -n "$number" ] && ! getent passwd "$number" > /dev/null; then set -- --uid "$number" "$@"; fi
    useradd --system --gid "$group" --home-dir "$home" --no-create-home --shell "$shell" --comment "$comment" "$@" "$name"
}
"#;

/// One line of shell for each group, user and membership.
pub(super) fn creation(accounts: &Accounts) -> Vec<Vec<u8>> {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let groups = accounts.groups.iter().map(|group| words(&["create_group", &group.name, &number(group.number)]));
    let users = accounts.users.iter().map(|user| {
        let wish = number(user.number);
        let mut line = vec!["create_user", &user.name, &wish, &user.group, &user.home, &user.shell, &user.comment];
        if user.is_locked {
            line.extend(["--expiredate", "1"]);
        }
        words(&line)
    });
    let members = accounts.members.iter().map(|(user, group)| words(&["usermod", "--append", "--groups", group, user]));
    groups.chain(users).chain(members).collect()
}

fn words(words: &[&str]) -> Vec<u8> {
    words.iter().map(|word| quote(word.as_bytes())).collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn created(lines: &[&str]) -> Result<Vec<String>, Error> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let accounts = parse(&lines, &mut Vec::new())?;
        Ok(creation(&accounts).into_iter().map(|line| String::from_utf8(line).unwrap()).collect())
    }

    #[test]
    fn lines_become_commands() {
        let lines = [
            "# comment",
            "u dnsmasq - \"Dnsmasq DHCP and DNS server\" /var/lib/dnsmasq",
            "g service 77",
            "u! web 33:service 'It''s' - /bin/sh",
            "m klangd klong",
            "g service 78",
        ];
        let expected = [
            "create_group dnsmasq ''",
            "create_group service 77",
            "create_group klong ''",
            "create_group klangd ''",
            "create_user dnsmasq '' dnsmasq /var/lib/dnsmasq /usr/sbin/nologin 'Dnsmasq DHCP and DNS server'",
            "create_user web 33 service / /bin/sh Its --expiredate 1",
            "create_user klangd '' klangd / /usr/sbin/nologin ''",
            "usermod --append --groups klong klangd",
        ];
        assert_eq!(created(&lines).unwrap(), expected);
    }

    #[test]
    fn malformed_lines_are_refused() {
        let lines = [
            "u $(reboot) -",
            "u a;b -",
            "u -x -",
            "u 0 -",
            "u",
            "g",
            "m a",
            "u evil 0",
            "u evil 0:0",
            "g x 65535",
            "g x -1",
            "g x 99999999999",
            "u x - a:b",
            "u x - - relative",
            "u x - - /a/../b",
            "u x - \"open",
            "u x - a\u{7}b",
            "u x - a\\nb",
            "x y -",
            "u aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -",
        ];
        for line in lines {
            let error = created(&[line]).expect_err(line).to_string();
            assert!(!error.contains('\n') && error.starts_with("sysusers.d line"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_carried_over_is_reported() {
        let mut notices = Vec::new();
        let lines = ["u x - - /home/%m", "r - 500-900", "g y /usr/bin/y"].map(str::to_owned);
        let accounts = parse(&lines, &mut notices).unwrap();
        assert_eq!(notices.len(), 3);
        assert_eq!(accounts.groups.len(), 1);
    }
}
