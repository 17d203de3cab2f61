//! Programs that scriptlets of RPM distributions call and that Debian lacks, or has with another meaning.

use super::Tally;
use super::words::commands;
use crate::event::Notice;
use crate::rpm::package::Slot;

/// Program names and what a Debian user should know of them.
const FOREIGN: &[(&str, &str)] = &[
    ("addgroup", "Debian's addgroup takes other options"),
    ("adduser", "Debian's adduser is another program; RPM distributions mean useradd"),
    ("alternatives", "Debian has update-alternatives instead"),
    ("authconfig", "Debian has pam-auth-update instead"),
    ("authselect", "Debian has pam-auth-update instead"),
    ("chkconfig", "Debian has update-rc.d and systemctl instead"),
    ("dnf", "dpkg's database does not know of RPMs"),
    ("dracut", "Debian has update-initramfs instead"),
    ("fillup", "only SUSE has it"),
    ("fillup_and_insserv", "only SUSE has it"),
    ("grubby", "Debian has update-grub instead"),
    ("insserv", "Debian has update-rc.d instead"),
    ("install_initd", "Debian has update-rc.d instead"),
    ("mkinitrd", "Debian has update-initramfs instead"),
    ("new-kernel-pkg", "Debian has kernel hooks in /etc/kernel instead"),
    ("remove_initd", "Debian has update-rc.d instead"),
    ("restart_on_update", "only SUSE has it"),
    ("restorecon", "Debian has it only where SELinux tools are installed"),
    ("rpm", "rpm's database does not know of Debian's packages"),
    ("rpmdb", "rpm's database does not know of Debian's packages"),
    ("semanage", "Debian has it only where SELinux tools are installed"),
    ("semodule", "Debian has it only where SELinux tools are installed"),
    ("service", "Debian's maintainer scripts use invoke-rc.d and deb-systemd-invoke instead"),
    ("stop_on_removal", "only SUSE has it"),
    ("systemctl", "it does nothing where systemd does not run; Debian's packages use deb-systemd-helper"),
    ("systemd-update-helper", "only RPM distributions have it; Debian has deb-systemd-helper instead"),
    ("update-ca-trust", "Debian has update-ca-certificates instead"),
    ("yum", "dpkg's database does not know of RPMs"),
    ("zypper", "dpkg's database does not know of RPMs"),
];

/// Programs that Debian has in a package that need not be installed.
const PACKAGES: &[(&str, &str)] = &[
    ("chage", "passwd"),
    ("chpasswd", "passwd"),
    ("getcap", "libcap2-bin"),
    ("gpasswd", "passwd"),
    ("groupadd", "passwd"),
    ("groupdel", "passwd"),
    ("groupmod", "passwd"),
    ("setcap", "libcap2-bin"),
    ("useradd", "passwd"),
    ("userdel", "passwd"),
    ("usermod", "passwd"),
];

/// Warns of foreign programs that a shell text calls, once each, and adds what the others need.
pub(super) fn look(slot: Slot, body: &[u8], tally: &mut Tally, notices: &mut Vec<Notice>) {
    let commands = commands(body);
    let is_called = |name: &str| commands.contains(&name.as_bytes());
    for (name, advice) in FOREIGN.iter().filter(|(name, _)| is_called(name)) {
        notices.push(Notice::warning("scriptlet-foreign-tool", slot.name(), format!("calls {name}: {advice}")));
    }
    for (_, debian) in PACKAGES.iter().filter(|(name, _)| is_called(name)) {
        tally.need(slot, debian);
    }
}
