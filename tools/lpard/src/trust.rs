//! Which consoles the agent believes, and its own key: files below `/var/lib/lparkit`, readable by root only.
//!
//! One file a console, `trust/HHHHHHHHHHHHHHHH.toml`, named by the beginning of its key. It is trusted because an administrator
//! added it, because a trusted console handed it over for a migration, or, where the configuration allows it, because it
//! was the first one that answered; the file says which.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sysroot::Sysroot;
use wire::key::{KeyError, PrivateKey, PublicKey, SEED_BYTES};
use wire::message::migration::ConsoleContact;

use crate::log::Log;

const STATE: &str = "var/lib/lparkit";
const DIRECTORY: &str = "var/lib/lparkit/trust";
const OWN_KEY: &str = "var/lib/lparkit/key";
const PRIVATE: u32 = 0o600;

/// Consoles that can be trusted at the same time; a handful is normal. It bounds what a console could make the agent keep.
const LIMIT: usize = 64;

/// A console that is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trusted {
    /// For people.
    pub(crate) name: String,
    /// Its key.
    pub(crate) key: PublicKey,
    /// Where it can be called, when that is known; a link-local address is on the management adapter.
    #[serde(default)]
    pub(crate) addresses: Vec<IpAddr>,
    /// Its TCP port.
    pub(crate) port: u16,
    /// Why it is trusted.
    pub(crate) because: String,
}

/// What went wrong with the files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("keep trusted consoles")]
    Os(#[from] sysroot::Error),
    #[error("write a trusted console as TOML")]
    Toml(#[from] toml::ser::Error),
    #[error("{LIMIT} consoles are trusted already; remove one first (`lpar trust remove`)")]
    Full,
    #[error("no trusted console has the name, key or fingerprint '{0}'")]
    Unknown(String),
    #[error("'{0}' is the name of several trusted consoles; give the key or the fingerprint")]
    Ambiguous(String),
    #[error("draw a key: the system gives no randomness")]
    Randomness,
    #[error(
        "/{OWN_KEY}: move it away, and a new key is made at the next start; consoles have to trust the new one then"
    )]
    OwnKey(#[from] KeyError),
}

impl Trusted {
    /// The one that is handed over for a migration.
    pub(crate) fn handed_over(contact: &ConsoleContact, because: String) -> Self {
        let ConsoleContact { name, key, addresses, port } = contact.clone();
        Self { name, key, addresses, port, because }
    }

    fn path(&self) -> String {
        path(self.key)
    }

    fn is_called(&self, text: &str) -> bool {
        self.name == text || self.key.to_string() == text || self.key.fingerprint() == text
    }
}

fn path(key: PublicKey) -> String {
    let beginning: String = key.as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{DIRECTORY}/{beginning}.toml")
}

/// All trusted consoles, in the order of their files. A file that cannot be used is reported, and nobody is trusted for it.
pub(crate) fn list(sysroot: &Sysroot, log: &Log) -> Result<Vec<Trusted>, TrustError> {
    let mut trusted: Vec<_> = files(sysroot, log)?.into_iter().map(|(_, console)| console).collect();
    trusted.truncate(LIMIT);
    Ok(trusted)
}

/// The same with the files, which an administrator may have called as he likes.
fn files(sysroot: &Sysroot, log: &Log) -> Result<Vec<(String, Trusted)>, TrustError> {
    let mut files = Vec::new();
    for name in sysroot.list_if_present(DIRECTORY)? {
        if name.starts_with('.') || Path::new(&name).extension() != Some(OsStr::new("toml")) {
            continue;
        }
        let path = format!("{DIRECTORY}/{name}");
        match toml::from_str::<Trusted>(&sysroot.read_text(&path)?) {
            Ok(console) => files.push((path, console)),
            Err(error) => log.error(format_args!("/{path} is not used: {}", error.message())),
        }
    }
    Ok(files)
}

/// Trusts a console from now on. One that is trusted already gets the new name and addresses. Says whether it is new.
pub(crate) fn add(sysroot: &Sysroot, console: &Trusted, log: &Log) -> Result<bool, TrustError> {
    let known = list(sysroot, log)?;
    let is_new = !known.iter().any(|other| other.key == console.key);
    if is_new && known.len() >= LIMIT {
        return Err(TrustError::Full);
    }
    sysroot.create_directories(DIRECTORY)?;
    sysroot.replace_file(console.path(), toml::to_string(console)?.as_bytes(), PRIVATE)?;
    Ok(is_new)
}

/// Does not trust it any more. It is named by name, key or fingerprint.
pub(crate) fn remove(sysroot: &Sysroot, text: &str, log: &Log) -> Result<Trusted, TrustError> {
    let mut files = files(sysroot, log)?;
    let named = files.iter().find(|(_, console)| console.is_called(text)).map(|(_, console)| console.clone());
    let console = named.ok_or_else(|| TrustError::Unknown(text.to_owned()))?;
    if files.iter().any(|(_, other)| other.is_called(text) && other.key != console.key) {
        return Err(TrustError::Ambiguous(text.to_owned()));
    }
    files.retain(|(_, other)| other.key == console.key);
    files.iter().try_for_each(|(path, _)| sysroot.remove_file(path))?;
    Ok(console)
}

/// Does not trust a key any more that was [`add`]ed, whether or not it was.
pub(crate) fn forget(sysroot: &Sysroot, key: PublicKey) -> Result<(), TrustError> {
    Ok(sysroot.remove_file(path(key))?)
}

/// Whether a key is trusted.
pub(crate) fn is_trusted(sysroot: &Sysroot, key: PublicKey) -> bool {
    sysroot.exists(path(key))
}

/// The keys alone.
pub(crate) fn keys(trusted: &[Trusted]) -> BTreeSet<PublicKey> {
    trusted.iter().map(|console| console.key).collect()
}

/// The agent's own key, if it was made.
pub(crate) fn made_key(sysroot: &Sysroot) -> Result<Option<PrivateKey>, TrustError> {
    let bytes = sysroot.read_bytes_if_present(OWN_KEY)?;
    Ok(bytes.map(PrivateKey::from_pkcs8).transpose()?)
}

/// The agent's own key; made when there is none.
pub(crate) fn own_key(sysroot: &Sysroot, random: &dyn Fn(&mut [u8]) -> Option<()>) -> Result<PrivateKey, TrustError> {
    if let Some(key) = made_key(sysroot)? {
        return Ok(key);
    }
    let mut seed = [0; SEED_BYTES];
    random(&mut seed).ok_or(TrustError::Randomness)?;
    let key = PrivateKey::from_seed(&seed)?;
    sysroot.create_directories(STATE)?;
    sysroot.replace_file(OWN_KEY, key.as_pkcs8(), PRIVATE)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn machine() -> (tempfile::TempDir, Sysroot, Log) {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        (directory, sysroot, Log::to_stderr())
    }

    fn console(name: &str, byte: u8) -> Trusted {
        let key = PublicKey::from_bytes([byte; 32]);
        Trusted { name: name.into(), key, addresses: vec![], port: 657, because: "a test says so".into() }
    }

    #[test]
    fn what_is_added_is_listed_until_it_is_removed() {
        let (directory, sysroot, log) = machine();
        let (first, second) = (console("one", 1), console("two", 2));
        assert!(add(&sysroot, &first, &log).unwrap());
        assert!(add(&sysroot, &second, &log).unwrap());
        let moved = Trusted { addresses: vec!["fe80::1".parse().unwrap()], ..first.clone() };
        assert!(!add(&sysroot, &moved, &log).unwrap(), "it is not new");
        assert_eq!(list(&sysroot, &log).unwrap(), [moved, second.clone()]);
        let file = directory.path().join(second.path());
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, PRIVATE);
        for name in ["one", &second.key.fingerprint()] {
            remove(&sysroot, name, &log).unwrap();
        }
        assert!(matches!(remove(&sysroot, "one", &log), Err(TrustError::Unknown(_))));
        assert_eq!(list(&sysroot, &log).unwrap(), []);
    }

    #[test]
    fn one_of_two_consoles_of_a_name_is_removed_by_its_key_only() {
        let (_directory, sysroot, log) = machine();
        add(&sysroot, &console("same", 1), &log).unwrap();
        add(&sysroot, &console("same", 2), &log).unwrap();
        assert!(matches!(remove(&sysroot, "same", &log), Err(TrustError::Ambiguous(_))));
        let removed = remove(&sysroot, &PublicKey::from_bytes([2; 32]).to_string(), &log).unwrap();
        assert_eq!(removed, console("same", 2));
        assert_eq!(list(&sysroot, &log).unwrap(), [console("same", 1)]);
    }

    #[test]
    fn who_is_removed_is_trusted_no_more_whatever_the_files_are_called() {
        let (directory, sysroot, log) = machine();
        add(&sysroot, &console("one", 1), &log).unwrap();
        let by_hand = directory.path().join(DIRECTORY).join("hmc.toml");
        std::fs::write(by_hand, toml::to_string(&console("the same", 1)).unwrap()).unwrap();
        assert_eq!(list(&sysroot, &log).unwrap().len(), 2);
        remove(&sysroot, "the same", &log).unwrap();
        assert_eq!(list(&sysroot, &log).unwrap(), []);
    }

    #[test]
    fn nobody_is_trusted_for_a_file_that_cannot_be_used() {
        let (directory, sysroot, log) = machine();
        add(&sysroot, &console("one", 1), &log).unwrap();
        let files = directory.path().join(DIRECTORY);
        std::fs::write(files.join("broken.toml"), "name = 'x'\nkey = 'ed25519:AAAA'\n").unwrap();
        std::fs::write(files.join(".one.toml.1-1.new"), "").unwrap();
        assert_eq!(list(&sysroot, &log).unwrap(), [console("one", 1)]);
    }

    #[test]
    fn there_is_a_limit() {
        let (_directory, sysroot, log) = machine();
        for byte in 0..u8::try_from(LIMIT).unwrap() {
            add(&sysroot, &console("x", byte), &log).unwrap();
        }
        assert!(matches!(add(&sysroot, &console("one more", 255), &log), Err(TrustError::Full)));
        assert!(!add(&sysroot, &console("y", 0), &log).unwrap(), "those that are there can be changed");
    }

    #[test]
    fn the_own_key_is_made_once_and_kept() {
        let (directory, sysroot, _log) = machine();
        let seed = |bytes: &mut [u8]| {
            bytes.fill(7);
            Some(())
        };
        let made = own_key(&sysroot, &seed).unwrap();
        let kept = own_key(&sysroot, &|_| None).unwrap();
        assert_eq!(made.public(), kept.public());
        let file = directory.path().join(OWN_KEY);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, PRIVATE);
        std::fs::write(&file, "no key").unwrap();
        assert!(
            matches!(own_key(&sysroot, &seed), Err(TrustError::OwnKey(_))),
            "a broken key is not replaced silently"
        );
    }
}
