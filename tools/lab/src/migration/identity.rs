//! The partition's new identity: QEMU implements neither `ibm,update-nodes` nor `ibm,update-properties`, so after a migration
//! the kernel still shows the old system. The console tells it, through `/proc/ppc64/ofdt`.

use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::machine::SystemIdentity;
use crate::partition::Partition;

/// Writes the identity of `frame` into the partition's device tree, and reads it back.
pub fn tell(lab: &Lab, partition: &Partition, frame: &Frame) -> Result<(), Error> {
    let name = &partition.spec.name;
    let (guests, console) = (&lab.guests, &frame.console);
    let phandle = guests.read(console, name, "/proc/device-tree/phandle")?;
    let Ok(phandle) = <[u8; 4]>::try_from(phandle.as_slice()).map(u32::from_be_bytes) else {
        return Err(Error::guest(name, "read the root's phandle", format!("it has {} bytes, not 4", phandle.len())));
    };
    for (property, value) in properties(&frame.identity()) {
        let request = update_property(phandle, property, value.as_bytes());
        guests.write(console, name, "/proc/ppc64/ofdt", &request, QUICK)?;
        let found = guests.read(console, name, &format!("/proc/device-tree/{property}"))?;
        if found.strip_suffix(b"\0") != Some(value.as_bytes()) {
            let cause = format!("{property} is {:?} after {value:?} was written", String::from_utf8_lossy(&found));
            return Err(Error::guest(name, "take its new identity", cause));
        }
    }
    Ok(())
}

/// Properties at the root that say which system it is: PowerVM's and QEMU's.
pub fn properties(identity: &SystemIdentity) -> [(&'static str, String); 4] {
    [
        ("host-model", identity.host_model()),
        ("host-serial", identity.serial.clone()),
        ("model", identity.device_tree_model()),
        // PowerVM: "IBM," and the serial number with its plant code (dlpar.md: inferred from public listings).
        ("system-id", format!("IBM,{}", identity.serial)),
    ]
}

/// ofdt's request, with the NUL that ends a string property.
fn update_property(phandle: u32, property: &str, value: &[u8]) -> Vec<u8> {
    let mut request = format!("update_property {phandle} {property} {} ", value.len() + 1).into_bytes();
    request.extend_from_slice(value);
    request.push(0);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_length_of_its_value_with_the_nul() {
        assert_eq!(update_property(77, "model", b"IBM,8286-41A"), b"update_property 77 model 13 IBM,8286-41A\0");
    }
}
