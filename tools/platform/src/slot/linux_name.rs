//! How Linux calls what firmware calls by a path: `devspec` of each device on the vio and PCI buses has that path.

use std::collections::BTreeMap;

use sysroot::Sysroot;

const BUSES: [&str; 2] = ["sys/bus/vio/devices", "sys/bus/pci/devices"];

/// Linux names by device-tree path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinuxNames(BTreeMap<String, String>);

impl LinuxNames {
    /// Reads the names of all devices on the two buses.
    pub fn read(sysroot: &Sysroot) -> sysroot::Result<Self> {
        let mut names = BTreeMap::new();
        for bus in BUSES {
            for name in sysroot.list_if_present(bus)? {
                if let Some(path) = sysroot.read_text_if_present(format!("{bus}/{name}/devspec"))? {
                    names.insert(path.trim_end().to_owned(), name);
                }
            }
        }
        Ok(Self(names))
    }

    /// The names of the devices below a path.
    pub fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{path}/");
        self.0.iter().filter(move |(path, _)| path.starts_with(&prefix)).map(|(_, name)| name.as_str())
    }

    /// The name of the device at a path, `30000002` or `0001:00:00.0`.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}
