//! What PowerVM's firmware would tell a partition about itself, from the kernel's command line, and as device-tree properties.

/// Who this partition is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Personality {
    /// Partition name.
    pub name: Option<String>,
    /// Partition number.
    pub id: Option<u32>,
    /// Partition UUID.
    pub uuid: Option<String>,
    /// Whether it may migrate.
    pub migratable: bool,
    /// As the device tree has it: `IBM,8286-41A`.
    pub system: Option<String>,
    /// Seven characters, as `2166666`.
    pub serial: Option<String>,
    /// Unit addresses of the two adapters.
    pub management: Option<u32>,
    /// See `management`.
    pub lan: Option<u32>,
    /// As `10.77.0.3/24`.
    pub lan_address: Option<String>,
    /// Whether the disk has an operating system that goes on from here.
    pub system_on_disk: bool,
    /// What was not understood.
    pub complaints: Vec<String>,
}

/// Reads the words that begin with `lparlab.`.
pub fn parse(command_line: &str) -> Personality {
    let mut found = Personality::default();
    for word in command_line.split_ascii_whitespace() {
        let Some((key, value)) = word.strip_prefix("lparlab.").and_then(|word| word.split_once('=')) else {
            continue;
        };
        if !found.take(key, value) {
            found.complaints.push(format!("not understood: {word}"));
        }
    }
    found
}

impl Personality {
    /// False when key or value is none of ours.
    fn take(&mut self, key: &str, value: &str) -> bool {
        let text = Some(value.to_owned()).filter(|text| !text.is_empty());
        let understood = text.is_some();
        match key {
            "name" => self.name = text,
            "uuid" => self.uuid = text,
            "system" => self.system = text,
            "serial" => self.serial = text,
            "lan_address" => self.lan_address = text,
            "id" => {
                self.id = value.parse().ok();
                return self.id.is_some();
            }
            "mgmt" => {
                self.management = u32::from_str_radix(value, 16).ok();
                return self.management.is_some();
            }
            "lan" => {
                self.lan = u32::from_str_radix(value, 16).ok();
                return self.lan.is_some();
            }
            "migratable" => {
                self.migratable = value == "1";
                return matches!(value, "0" | "1");
            }
            "system_on_disk" => {
                self.system_on_disk = value == "1";
                return matches!(value, "0" | "1");
            }
            _ => return false,
        }
        understood
    }
}

/// A node of the device tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// `/`.
    Root,
    /// The virtual device with this unit address.
    Adapter(u32),
}

impl Node {
    /// Its directory in a running partition.
    pub fn directory(self) -> String {
        match self {
            Self::Root => "/proc/device-tree".into(),
            Self::Adapter(unit) => format!("/sys/bus/vio/devices/{unit:x}/of_node"),
        }
    }
}

/// One property to write.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    /// Where.
    pub node: Node,
    /// Its name.
    pub name: &'static str,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// What PowerVM shows and QEMU does not. Strings end with a zero byte, numbers are big endian (PAPR, device tree).
pub fn properties(of: &Personality) -> Vec<Property> {
    let text = |text: &str| [text.as_bytes(), b"\0"].concat();
    let mut all = Vec::new();
    let mut root =
        |name, value: Option<Vec<u8>>| all.extend(value.map(|value| Property { node: Node::Root, name, value }));
    root("ibm,partition-name", of.name.as_deref().map(text));
    root("ibm,partition-no", of.id.map(|id| id.to_be_bytes().to_vec()));
    root("ibm,partition-uuid", of.uuid.as_deref().map(text));
    // PowerVM's is empty; ofdt takes no empty values, and who asks looks only whether it is there.
    root("ibm,migratable-partition", of.migratable.then(|| 1_u32.to_be_bytes().to_vec()));
    root("model", of.system.as_deref().map(text));
    // IBM, the place of manufacture as PowerVM writes it, and the serial number.
    root("system-id", of.serial.as_deref().map(|serial| text(&format!("IBM,02{serial}"))));
    for unit in [of.management, of.lan].into_iter().flatten() {
        // Inferred: on PowerVM the DRC index of a virtual slot is the unit address of what is in it.
        let index = unit.to_be_bytes().to_vec();
        all.push(Property { node: Node::Adapter(unit), name: "ibm,my-drc-index", value: index });
        if let Some(code) = location_code(of, unit) {
            all.push(Property { node: Node::Adapter(unit), name: "ibm,loc-code", value: text(&code) });
        }
    }
    all
}

/// As `U8286.41A.2166666-V3-C4-T1`: system, virtual adapter of partition 3, slot 4, port 1. PowerVM has the slot in the last
/// digits of the unit address. QEMU takes the interrupt from the digits before those, so that there may be the slot: 30004000.
fn location_code(of: &Personality, unit: u32) -> Option<String> {
    let (kind, model) = of.system.as_deref()?.strip_prefix("IBM,")?.split_once('-')?;
    let (serial, id) = (of.serial.as_deref()?, of.id?);
    let slot = match unit & 0xfff {
        0 => (unit >> 12) & 0xfff,
        low => low,
    };
    Some(format!("U{kind}.{model}.{serial}-V{id}-C{slot}-T1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "console=hvc0 quiet lparlab.name=lpar1 lparlab.id=3 lparlab.uuid=u-1 lparlab.migratable=1 \
                        lparlab.system=IBM,8286-41A lparlab.serial=2166666 lparlab.mgmt=30000004 lparlab.lan=30005000 \
                        lparlab.lan_address=10.77.0.3/24 lparlab.system_on_disk=1\n";

    #[test]
    fn the_command_line_says_who_it_is() {
        let expected = Personality {
            name: Some("lpar1".into()),
            id: Some(3),
            uuid: Some("u-1".into()),
            migratable: true,
            system: Some("IBM,8286-41A".into()),
            serial: Some("2166666".into()),
            management: Some(0x3000_0004),
            lan: Some(0x3000_5000),
            lan_address: Some("10.77.0.3/24".into()),
            system_on_disk: true,
            complaints: vec![],
        };
        assert_eq!(parse(LINE), expected);
        assert_eq!(parse("console=hvc0"), Personality::default());
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for word in
            ["id=x", "id=-1", "mgmt=30000004h", "lan=", "migratable=yes", "system_on_disk=", "name=", "colour=red"]
        {
            let word = format!("lparlab.{word}");
            assert_eq!(parse(&word).complaints, [format!("not understood: {word}")]);
        }
    }

    #[test]
    fn properties_are_powervms() {
        let shown: Vec<_> = properties(&parse(LINE))
            .into_iter()
            .map(|property| (property.node, property.name, String::from_utf8_lossy(&property.value).into_owned()))
            .collect();
        let expected = [
            (Node::Root, "ibm,partition-name", "lpar1\0"),
            (Node::Root, "ibm,partition-no", "\0\0\0\u{3}"),
            (Node::Root, "ibm,partition-uuid", "u-1\0"),
            (Node::Root, "ibm,migratable-partition", "\0\0\0\u{1}"),
            (Node::Root, "model", "IBM,8286-41A\0"),
            (Node::Root, "system-id", "IBM,022166666\0"),
            (Node::Adapter(0x3000_0004), "ibm,my-drc-index", "0\0\0\u{4}"),
            (Node::Adapter(0x3000_0004), "ibm,loc-code", "U8286.41A.2166666-V3-C4-T1\0"),
            (Node::Adapter(0x3000_5000), "ibm,my-drc-index", "0\0P\0"),
            (Node::Adapter(0x3000_5000), "ibm,loc-code", "U8286.41A.2166666-V3-C5-T1\0"),
        ];
        assert_eq!(shown, expected.map(|(node, name, value)| (node, name, value.to_owned())));
        assert!(properties(&Personality::default()).is_empty());
    }
}
