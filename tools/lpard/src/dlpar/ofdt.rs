//! Nodes of the device tree, one by one: what a kernel before Linux 6.12 leaves to who asks.
//!
//! `/proc/ppc64/ofdt` takes one node with all its properties, or forgets one that has no children (Linux,
//! `arch/powerpc/platforms/pseries/reconfig.c`). What is to be added firmware tells, answer by answer. The kernel finds a node's
//! handle among its properties, whichever of the three names it has there, so that nodes go in as firmware tells them.

use platform::drc::DrcIndex;
use platform::rtas::description::{self, Description, Node, Problem, Told, WORK_AREA_BYTES};
use platform::rtas::status::Call;

use super::kernel::StepError;
use super::request::Change;

/// Where the kernel takes nodes.
pub(crate) const OFDT: &str = "proc/ppc64/ofdt";

/// A device tree that is changed node by node, the running one or a simulated one. Paths begin at its root.
pub(super) trait Tree {
    /// What firmware describes of a connector, parents first.
    fn described(&mut self, index: DrcIndex) -> Result<Vec<Node>, StepError>;

    /// The nodes of a connector that are there, with all below them, parents first.
    fn present(&self, index: DrcIndex) -> Result<Vec<Node>, StepError>;

    /// Whether there is such a node.
    fn has(&self, path: &str) -> bool;

    /// Takes a request as ofdt does.
    fn write(&mut self, request: &[u8]) -> Result<(), StepError>;
}

/// Adds or removes the nodes of a connector: all of them, or none. A node that is there already stays as it is.
pub(super) fn change(change: Change, index: DrcIndex, tree: &mut dyn Tree) -> Result<(), StepError> {
    let edits: Vec<Edit> = match change {
        Change::Add => {
            let nodes = tree.described(index)?;
            nodes.into_iter().filter(|node| !tree.has(&node.path)).map(|node| Edit { change, node }).collect()
        }
        Change::Remove => tree.present(index)?.into_iter().rev().map(|node| Edit { change, node }).collect(),
    };
    for (position, edit) in edits.iter().enumerate() {
        if let Err(error) = tree.write(&edit.request(change)) {
            return Err(take_back(edits.get(..position).unwrap_or_default(), error, tree));
        }
    }
    Ok(())
}

/// Undoes edits, the last one first. What cannot be undone is named: the tree is then neither as before nor as wanted.
fn take_back(done: &[Edit], error: StepError, tree: &mut dyn Tree) -> StepError {
    let is_left = |edit: &&Edit| tree.write(&edit.request(edit.change.opposite())).is_err();
    let left: Vec<String> = done.iter().rev().filter(is_left).map(|edit| edit.node.path.clone()).collect();
    if left.is_empty() { error } else { StepError::Halfway { error: Box::new(error), left } }
}

/// One request of ofdt, and its opposite.
struct Edit {
    change: Change,
    node: Node,
}

impl Edit {
    fn request(&self, change: Change) -> Vec<u8> {
        match change {
            Change::Add => add_node(&self.node),
            Change::Remove => format!("remove_node {}", self.node.path).into_bytes(),
        }
    }
}

/// `add_node PATH NAME LENGTH VALUE…`, and a zero byte: without one the kernel does not take a last value that is empty.
fn add_node(node: &Node) -> Vec<u8> {
    let mut request = format!("add_node {}", node.path).into_bytes();
    for (name, value) in &node.properties {
        request.extend(format!(" {name} {} ", value.len()).into_bytes());
        request.extend(value);
    }
    request.push(0);
    request
}

/// Has firmware describe a connector; `ask` makes one call with the work area, patiently. The paths begin where the connector is.
pub(super) fn describe(
    index: DrcIndex,
    mut ask: impl FnMut(&mut [u8; WORK_AREA_BYTES]) -> Result<i32, StepError>,
) -> Result<Vec<Node>, StepError> {
    let mut area = description::question(index);
    let mut description = Description::default();
    loop {
        let status = ask(&mut area)?;
        match description.take(status, &area) {
            Ok(Told::More) => {}
            Ok(Told::All) => return Ok(description.into_nodes()),
            Err(Problem::Refused(status)) => {
                return Err(StepError::Firmware { call: Call::ConfigureConnector, status });
            }
            Err(problem) => return Err(StepError::Description(problem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_kernel_parses() {
        let properties = vec![("reg".into(), vec![b' ', 0]), ("ibm,usable".into(), vec![])];
        let node = Node { path: "/pci@1/usb@0".into(), properties };
        assert_eq!(add_node(&node), b"add_node /pci@1/usb@0 reg 2  \0 ibm,usable 0 \0");
        let edit = Edit { change: Change::Add, node };
        assert_eq!(edit.request(Change::Remove), b"remove_node /pci@1/usb@0");
    }
}
