//! The partition's new identity: QEMU implements neither `ibm,update-nodes` nor `ibm,update-properties`, so after a migration
//! the kernel still shows the old system. The console tells it, through `/proc/ppc64/ofdt`.

use lab_guest::personality::{Node, Personality, Property, properties};

use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::machine::SystemIdentity;
use crate::partition::Partition;
use crate::scenario::Lpar;

/// Writes the identity of `frame` into the partition's device tree, and reads it back.
pub fn tell(lab: &Lab, partition: &Partition, frame: &Frame) -> Result<(), Error> {
    let name = &partition.spec.name;
    let (guests, console) = (&lab.guests, &frame.console);
    for Property { node, name: property, value } in properties_on(&partition.spec, &frame.identity()) {
        let path = format!("{}/{property}", node.directory());
        // Its agent may have written it.
        if guests.read(console, name, &path)? == value {
            continue;
        }
        let phandle = guests.read(console, name, &format!("{}/phandle", node.directory()))?;
        let Ok(phandle) = <[u8; 4]>::try_from(phandle.as_slice()).map(u32::from_be_bytes) else {
            return Err(Error::guest(name, "read a phandle", format!("it has {} bytes, not 4", phandle.len())));
        };
        guests.write(console, name, "/proc/ppc64/ofdt", &update_property(phandle, property, &value), QUICK)?;
        let found = guests.read(console, name, &path)?;
        if found != value {
            let [found, value] = [found, value].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let cause = format!("{property} is {found:?} after {value:?} was written");
            return Err(Error::guest(name, "take its new identity", cause));
        }
    }
    Ok(())
}

/// What is different on another system: PowerVM's properties, as the guest wrote them at its start, and QEMU's two.
fn properties_on(spec: &Lpar, identity: &SystemIdentity) -> Vec<Property> {
    let personality = Personality {
        id: Some(spec.id.into()),
        system: Some(identity.device_tree_model()),
        serial: Some(identity.serial.clone()),
        management: Some(spec.management_unit()),
        lan: Some(spec.lan_unit()),
        ..Personality::default()
    };
    let text = |name, text: &str| Property { node: Node::Root, name, value: [text.as_bytes(), b"\0"].concat() };
    let mut all = vec![text("host-model", &identity.host_model()), text("host-serial", &identity.serial)];
    // Its number and slots stay what they are.
    let stays = ["ibm,partition-no", "ibm,my-drc-index"];
    all.extend(properties(&personality).into_iter().filter(|property| !stays.contains(&property.name)));
    all
}

/// ofdt's request.
fn update_property(phandle: u32, property: &str, value: &[u8]) -> Vec<u8> {
    [format!("update_property {phandle} {property} {} ", value.len()).as_bytes(), value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_request_has_the_length_of_its_value_with_the_nul() {
        assert_eq!(update_property(77, "model", b"IBM,8286-41A\0"), b"update_property 77 model 13 IBM,8286-41A\0");
    }

    #[test]
    fn another_system_has_another_model_serial_and_location_codes() {
        let identity = SystemIdentity { model: "9009-22A".into(), serial: "7800001".into() };
        let all = properties_on(&Scenario::two_systems().lpars[0], &identity);
        let shown: Vec<_> = all.iter().map(|p| format!("{} {}", p.name, String::from_utf8_lossy(&p.value))).collect();
        let expected = [
            "host-model IBM-9009-22A\0",
            "host-serial 7800001\0",
            "model IBM,9009-22A\0",
            "system-id IBM,027800001\0",
            "ibm,loc-code U9009.22A.7800001-V3-C4-T1\0",
            "ibm,loc-code U9009.22A.7800001-V3-C5-T1\0",
        ];
        assert_eq!(shown, expected);
    }
}
