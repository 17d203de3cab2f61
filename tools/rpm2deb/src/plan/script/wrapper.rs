//! Writes the four maintainer scripts from the table of calls: functions first, then one `case` over dpkg's actions.

use super::body::{RUN_BODY, RUN_PROGRAM, Ready, function_name};
use super::calls::{Call, OnFailure, Script, Step, When, table};
use super::quote::quote;
use super::sysusers::{self, Accounts};
use super::{Ghost, InstallFacts, ghost, owner};
use crate::rpm::package::Slot;

/// Everything that the scripts are made of, checked.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) debian_name: &'a str,
    /// `librtas-2.0.4-1.ppc64le`, one printable line.
    pub(super) rpm_name: String,
    pub(super) scriptlets: Vec<Ready<'a>>,
    pub(super) prefixes: &'a [String],
    pub(super) accounts: Accounts,
    pub(super) facts: &'a InstallFacts,
    pub(super) ghosts: Vec<&'a Ghost>,
    /// Scriptlets get dpkg's arguments, not rpm's.
    pub(super) is_verbatim: bool,
}

/// The directory of the notes that [`Step::RememberReinstall`] leaves.
const STATE_DIRECTORY: &str = "/var/lib/rpm2deb";

/// The script, or `None` if it has nothing to do.
pub(super) fn script(parts: &Parts, script: Script) -> Option<Vec<u8>> {
    let calls: Vec<&Call> = table().iter().filter(|call| call.script == script).collect();
    let cases = if parts.is_verbatim { parts.verbatim_cases(script, &calls) } else { parts.cases(&calls) };
    if cases.is_empty() {
        return None;
    }
    let mut text = parts.head(script);
    text.extend(parts.functions(&cases));
    text.extend(&cases);
    text.extend(b"\nexit 0\n");
    Some(text)
}

impl Parts<'_> {
    /// The scriptlet of a step of the table; none in verbatim mode, where scriptlets do not follow the table.
    fn scriptlet(&self, slot: Slot) -> Option<&Ready<'_>> {
        self.scriptlets.iter().find(|ready| ready.slot == slot && !self.is_verbatim)
    }

    /// Whether the postinst has to know a first installation from an upgrade.
    fn counts(&self) -> bool {
        let counts = |slot| self.scriptlet(slot).is_some_and(|ready| ready.body.is_some());
        counts(Slot::Post) || counts(Slot::PostTrans)
    }

    fn head(&self, script: Script) -> Vec<u8> {
        let (script, name, rpm) = (script.name(), self.debian_name, &self.rpm_name);
        format!("#!/bin/sh\n# {script} of {name}, made by rpm2deb from {rpm}. The table in rpm2deb(1) explains it.\nset -e\n")
            .into_bytes()
    }

    /// The functions that `cases` names, and what those need.
    fn functions(&self, cases: &[u8]) -> Vec<u8> {
        let calls = |name: &str| cases.split(|byte| !is_name_part(*byte)).any(|word| word == name.as_bytes());
        let name = self.debian_name;
        let mut text = Vec::new();
        let scriptlets: Vec<&Ready> =
            self.scriptlets.iter().filter(|ready| calls(&function_name(ready.slot))).collect();
        for (index, prefix) in self.prefixes.iter().enumerate().filter(|_| !scriptlets.is_empty()) {
            let prefix = String::from_utf8_lossy(&quote(prefix.as_bytes())).into_owned();
            let legacy = if index == 0 { format!(" RPM_INSTALL_PREFIX={prefix}") } else { String::new() };
            text.extend(format!("export RPM_INSTALL_PREFIX{index}={prefix}{legacy}\n").bytes());
        }
        if !scriptlets.is_empty() {
            text.extend(RUN_PROGRAM.bytes());
        }
        if scriptlets.iter().any(|ready| ready.body.is_some()) {
            text.extend(RUN_BODY.bytes());
        }
        text.extend(scriptlets.iter().flat_map(|ready| ready.function()));
        if calls("failed") {
            text.extend(failed_function(name).bytes());
        }
        if calls("create_group") || calls("create_user") {
            text.extend(sysusers::FUNCTIONS.bytes());
        }
        if calls("own") {
            text.extend(owner::own_function(name).bytes());
        }
        if calls("allow") {
            text.extend(owner::allow_function(name).bytes());
        }
        if calls("remove_ghost") || calls("remove_ghost_directory") {
            text.extend(ghost::functions(&self.ghosts).bytes());
        }
        if calls("forget_reinstall") {
            text.extend(forget_function(name).bytes());
        }
        text
    }

    /// The `case` statement, or nothing if no call has anything to do.
    fn cases(&self, calls: &[&Call]) -> Vec<u8> {
        let mut arms: Vec<(Vec<&str>, Vec<Vec<u8>>)> = Vec::new();
        for same_action in calls.chunk_by(|a, b| a.action == b.action) {
            let Some(action) = same_action.first().map(|call| call.action) else { continue };
            let lines = self.arm(same_action);
            match arms.iter_mut().find(|(_, other)| *other == lines) {
                Some((actions, _)) => actions.push(action),
                None => arms.push((vec![action], lines)),
            }
        }
        arms.retain(|(_, lines)| !lines.is_empty());
        render_case(&arms)
    }

    /// The lines for one action; first installation and upgrade become the two branches of an `if`.
    fn arm(&self, calls: &[&Call]) -> Vec<Vec<u8>> {
        let lines_of = |when: When| -> Vec<Vec<u8>> {
            calls.iter().filter(|call| call.when == when).flat_map(|call| self.lines(call.steps)).collect()
        };
        let (first, upgrade) = (lines_of(When::First), lines_of(When::Upgrade));
        let mut arm = Vec::new();
        for call in calls {
            match call.when {
                When::Always => arm.extend(self.lines(call.steps)),
                When::First if first == upgrade => arm.extend(first.iter().cloned()),
                When::First => {
                    let name = self.debian_name;
                    arm.push(format!("if [ -z \"$2\" ] || [ -e {STATE_DIRECTORY}/{name}.reinstalled ]; then").into());
                    arm.extend(first.iter().map(|line| indented(line)));
                    arm.push(b"else".to_vec());
                    arm.extend(upgrade.iter().map(|line| indented(line)));
                    arm.push(b"fi".to_vec());
                }
                When::Upgrade => {}
            }
        }
        arm
    }

    fn lines(&self, steps: &[Step]) -> Vec<Vec<u8>> {
        let Some((step, rest)) = steps.split_first() else { return Vec::new() };
        let rest = self.lines(rest);
        let Step::Run { slot, count, on_failure: OnFailure::SkipRest } = *step else {
            return [self.step(*step), rest].concat();
        };
        let Some(ready) = self.scriptlet(slot) else { return rest };
        let call = call_line(ready, count);
        let failed = format!("failed {} $? 'what should follow it is left out'", slot.name());
        // a note about a reinstallation is not rpm's: it does not depend on scriptlets
        let (always, skipped): (Vec<_>, Vec<_>) = rest.into_iter().partition(|line| line == b"forget_reinstall");
        if skipped.is_empty() {
            return [vec![format!("{call} || {failed}").into_bytes()], always].concat();
        }
        let mut lines = vec![format!("if {call}; then").into_bytes()];
        lines.extend(skipped.iter().map(|line| indented(line)));
        lines.extend([b"else".to_vec(), indented(failed.as_bytes()), b"fi".to_vec()]);
        [lines, always].concat()
    }

    fn step(&self, step: Step) -> Vec<Vec<u8>> {
        match step {
            Step::Run { slot, count, on_failure } => {
                let Some(ready) = self.scriptlet(slot) else { return Vec::new() };
                let (call, slot) = (call_line(ready, count), slot.name());
                vec![match on_failure {
                    OnFailure::Stop => format!("{call} || {{ failed {slot} $? 'dpkg is stopped'; exit 1; }}").into(),
                    _ => format!("{call} || failed {slot} $? 'that is ignored, as rpm does'").into(),
                }]
            }
            Step::CreateAccounts => sysusers::creation(&self.accounts),
            Step::SetOwners => owner::commands(self.facts),
            Step::RemoveGhosts => ghost::commands(&self.ghosts),
            Step::RememberReinstall if self.counts() => remember_lines(self.debian_name),
            Step::ForgetReinstall if self.counts() => vec![b"forget_reinstall".to_vec()],
            Step::RememberReinstall | Step::ForgetReinstall => Vec::new(),
        }
    }

    /// Scriptlets with dpkg's arguments, whatever the action; what is not a scriptlet stays as it is.
    fn verbatim_cases(&self, script: Script, calls: &[&Call]) -> Vec<u8> {
        let slots: &[Slot] = match script {
            Script::PreInst => &[Slot::PreTrans, Slot::Pre],
            Script::PostInst => &[Slot::Post, Slot::PostTrans],
            Script::PreRm => &[Slot::PreUnTrans, Slot::PreUn],
            Script::PostRm => &[Slot::PostUn, Slot::PostUnTrans],
        };
        let mut text = self.cases(calls);
        let is_there = |slot: &Slot| self.scriptlets.iter().any(|ready| ready.slot == *slot);
        for slot in slots.iter().filter(|slot| is_there(slot)) {
            text.extend(format!("\n{} \"$@\"\n", function_name(*slot)).bytes());
        }
        text
    }
}

/// `scriptlet_post 1`; a program without text gets no count.
fn call_line(ready: &Ready, count: u8) -> String {
    let name = function_name(ready.slot);
    if ready.body.is_some() { format!("{name} {count}") } else { name }
}

fn is_name_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn indented(line: &[u8]) -> Vec<u8> {
    [b"    ", line].concat()
}

fn render_case(arms: &[(Vec<&str>, Vec<Vec<u8>>)]) -> Vec<u8> {
    if arms.is_empty() {
        return Vec::new();
    }
    let mut text = b"\n# What dpkg asks for. The calls that are not here need nothing done.\ncase \"$1\" in\n".to_vec();
    for (actions, lines) in arms {
        text.extend(format!("    {})\n", actions.join(" | ")).bytes());
        for line in lines {
            text.extend(b"        ");
            text.extend(line);
            text.push(b'\n');
        }
        text.extend(b"        ;;\n");
    }
    text.extend(b"esac\n");
    text
}

fn failed_function(name: &str) -> String {
    format!(
        r#"
# failed SCRIPTLET STATUS CONSEQUENCE
failed() {{
    echo "{name}: the RPM's $1 scriptlet failed with exit status $2; $3" >&2
}}
"#
    )
}

fn remember_lines(name: &str) -> Vec<Vec<u8>> {
    [
        "if [ -n \"$2\" ]; then".to_owned(),
        "    # Removed and not purged: dpkg will configure it as an upgrade, for rpm this is a first installation."
            .to_owned(),
        format!("    mkdir -p {STATE_DIRECTORY}"),
        format!("    : > {STATE_DIRECTORY}/{name}.reinstalled"),
        "fi".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn forget_function(name: &str) -> String {
    format!(
        r"
# Forgets that the preinst saw a removed package come back
forget_reinstall() {{
    rm -f {STATE_DIRECTORY}/{name}.reinstalled
    rmdir {STATE_DIRECTORY} 2> /dev/null || :
}}
"
    )
}
