//! Making a console and the agent in a partition known to each other, as an administrator does once for a partition.
//!
//! The lab makes the agent's key pair and writes it into the partition over the test channel at its first greeting, together with the
//! console's public key and the agent's configuration; the guest's init starts the agent as soon as the key is there. Not
//! on the kernel's command line, which everybody in the partition can read; not in the initial file system, which is one for all
//! and kept by its content; and not made by the agent itself, whose first calls would then be refused by a console that does
//! not know it yet, which is what an intruder looks like.

use std::path::PathBuf;

use wire::discovery::PORT;
use wire::key::PublicKey;

use crate::console::key;
use crate::error::Error;
use crate::guest::{Exited, QUICK};
use crate::lab::{Frame, Lab};
use crate::partition::Partition;

/// Where the agent has its state (tools/lpard: trust). The key comes last: it starts the agent.
const TRUST: &str = "/var/lib/lparkit/trust";
const KEY: &str = "/var/lib/lparkit/key";
const CONFIGURATION: &str = "/etc/lparkit/lpard.toml";
/// Takes a file's path; whole or not at all, readable by root alone.
const WRITE: &str = r#"umask 077; mkdir -p "${1%/*}" && cat > "$1.new" && mv "$1.new" "$1""#;

/// A lab is there to be looked at.
const SETTINGS: &str = "mode = \"native\"\nlog_level = \"debug\"\n";

/// Enrols a partition that has greeted with the console of its system, if it is to have an agent.
pub fn enrol(lab: &Lab, partition: &Partition) -> Result<(), Error> {
    if !partition.spec.agent {
        return Ok(());
    }
    let frame = lab.frame_of(partition)?;
    let own = key::read_or_make(&key_file(lab, partition))?;
    frame.console.pin(&partition.spec.name, partition.spec.id, own.public())?;
    let write = |path: &str, content: &[u8]| write(lab, partition, frame, path, content);
    write(CONFIGURATION, SETTINGS.as_bytes())?;
    write(&format!("{TRUST}/{}.toml", frame.spec.name), trusted(frame).as_bytes())?;
    write(KEY, own.as_pkcs8())
}

/// From now on its agent is known to the console of another system too.
pub fn introduce(lab: &Lab, partition: &Partition, frame: &Frame) -> Result<(), Error> {
    if !partition.spec.agent {
        return Ok(());
    }
    frame.console.pin(&partition.spec.name, partition.spec.id, agent_key(lab, partition)?)
}

/// The public half of its agent's key.
pub fn agent_key(lab: &Lab, partition: &Partition) -> Result<PublicKey, Error> {
    Ok(key::read(&key_file(lab, partition))?.public())
}

fn key_file(lab: &Lab, partition: &Partition) -> PathBuf {
    lab.directory.join(format!("{}.agent.key", partition.spec.name))
}

/// The agent's form of a console that it believes. The address is asked for on the management network.
fn trusted(frame: &Frame) -> String {
    trust_file(&frame.spec.name, frame.console_key())
}

fn trust_file(console: &str, key: PublicKey) -> String {
    format!("name = \"{console}\"\nkey = \"{key}\"\naddresses = []\nport = {PORT}\nbecause = \"enrolled by the lab\"\n")
}

fn write(lab: &Lab, partition: &Partition, frame: &Frame, path: &str, content: &[u8]) -> Result<(), Error> {
    let name = &partition.spec.name;
    let argv = ["sh", "-c", WRITE, "write", path].map(str::to_owned).to_vec();
    let Exited { status, stderr, .. } = lab.guests.run(&frame.console, name, argv, content.to_vec(), QUICK)?;
    if status == 0 {
        return Ok(());
    }
    Err(Error::guest(name, &format!("write {path}"), String::from_utf8_lossy(&stderr).trim()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::key::PrivateKey;

    use super::*;

    #[test]
    fn the_trusted_console_is_toml_of_the_agent_s_form() {
        let key = PrivateKey::from_seed(&[1; 32]).unwrap().public();
        let table: toml::Table = toml::from_str(&trust_file("frame1", key)).unwrap();
        assert_eq!(table["key"].as_str(), Some(key.to_string().as_str()));
        assert_eq!(table["port"].as_integer(), Some(657));
        let keys: Vec<_> = table.keys().map(String::as_str).collect();
        assert_eq!(keys, ["addresses", "because", "key", "name", "port"]);
    }
}
