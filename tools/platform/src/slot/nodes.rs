//! Where the nodes of a connector are, and where they go.

use sysroot::Sysroot;

use super::{MAX_DEPTH, MY_INDEX, VDEVICE};
use crate::devicetree::{self, Node};
use crate::drc::{self, DrcIndex};
use crate::error::Result;

/// The node that has the connector: what is plugged in becomes a child of it.
pub fn home_of(sysroot: &Sysroot, index: DrcIndex) -> Result<Option<Node<'_>>> {
    let root = devicetree::root(sysroot);
    let has_it = |node: &Node<'_>| {
        let connectors = drc::read(node)?.unwrap_or_default();
        Ok(connectors.iter().any(|connector| connector.index == index))
    };
    if has_it(&root)? {
        return Ok(Some(root));
    }
    Ok(walk(&root, &has_it)?.into_iter().next())
}

/// The nodes that say that they sit in the connector: a card, an adapter, a host bridge and its interrupt controller.
pub fn nodes_of(sysroot: &Sysroot, index: DrcIndex) -> Result<Vec<Node<'_>>> {
    walk(&devicetree::root(sysroot), &|node| Ok(node.cell(MY_INDEX)? == Some(index.0)))
}

/// The nodes of buses and of what sits on them that are meant; nothing below one that is.
fn walk<'a>(root: &Node<'a>, is_meant: &dyn Fn(&Node<'a>) -> Result<bool>) -> Result<Vec<Node<'a>>> {
    let mut found = Vec::new();
    let mut waiting = vec![];
    let enter = |node: &Node<'a>, depth: usize| -> Result<Vec<(Node<'a>, usize)>> {
        let children = node.addressed_children()?;
        Ok(children.into_iter().rev().map(|child| (child, depth)).collect())
    };
    waiting.extend(enter(root, 0)?);
    let vdevice = root.at(VDEVICE);
    if vdevice.exists() {
        waiting.push((vdevice, 0));
    }
    while let Some((node, depth)) = waiting.pop() {
        if is_meant(&node)? {
            found.push(node);
        } else if depth < MAX_DEPTH {
            waiting.extend(enter(&node, depth + 1)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::recorded::machine;

    fn paths(nodes: &[Node<'_>]) -> Vec<String> {
        nodes.iter().map(|node| node.tree_path().to_owned()).collect()
    }

    #[test]
    fn what_is_plugged_in_goes_below_who_has_the_connector() {
        let info = |index: u8| {
            [b"\0\0\0\x01SLOT\0C\0".as_slice(), &[index, 0, 0, 0], &[0; 3], &[1, 0, 0, 0, 2], &[0; 3], &[1], &[0; 4]]
                .concat()
        };
        let (phb, virtual_slot, card) = (info(0x20), info(0x30), info(0x40));
        let (of_phb, of_card) = ([0x20, 0, 0, 1], [0x40, 0, 0, 1]);
        let (_dir, sysroot) = machine([
            ("proc/device-tree/ibm,drc-info", phb.as_slice()),
            ("proc/device-tree/vdevice/ibm,drc-info", &virtual_slot),
            ("proc/device-tree/pci@1/ibm,my-drc-index", &of_phb),
            ("proc/device-tree/pci@1/pci@2/ibm,drc-info", &card),
            ("proc/device-tree/pci@1/pci@2/usb@1/ibm,my-drc-index", &of_card),
            ("proc/device-tree/pci@1/pci@2/usb@1/hub@1/ibm,my-drc-index", &of_card),
            ("proc/device-tree/interrupt-controller@1/ibm,my-drc-index", &of_phb),
        ]);
        let home = |index| home_of(&sysroot, DrcIndex(index)).unwrap().map(|node| node.tree_path().to_owned());
        assert_eq!(home(0x2000_0001).as_deref(), Some(""));
        assert_eq!(home(0x3000_0001).as_deref(), Some("/vdevice"));
        assert_eq!(home(0x4000_0001).as_deref(), Some("/pci@1/pci@2"));
        assert_eq!(home(0x5000_0001), None);
        let of = |index| paths(&nodes_of(&sysroot, DrcIndex(index)).unwrap());
        assert_eq!(of(0x2000_0001), ["/interrupt-controller@1", "/pci@1"]);
        assert_eq!(of(0x4000_0001), ["/pci@1/pci@2/usb@1"]);
        assert_eq!(of(0x3000_0001), [""; 0]);
    }
}
