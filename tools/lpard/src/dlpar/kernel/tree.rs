//! The running device tree, node by node.

use std::thread::sleep;

use nix::errno::Errno;
use platform::devicetree;
use platform::drc::DrcIndex;
use platform::rtas::description::Node;
use platform::rtas::status::Call;
use platform::slot;
use sysroot::Sysroot;

use super::{StepError, firmware};
use crate::dlpar::ofdt::{OFDT, Tree, describe};
use crate::dlpar::step::Step;

/// The tree behind a [`Sysroot`], and the step that changes it.
pub(super) struct Running<'a> {
    sysroot: &'a Sysroot,
    step: &'a Step,
}

impl<'a> Running<'a> {
    pub(super) fn new(sysroot: &'a Sysroot, step: &'a Step) -> Self {
        Self { sysroot, step }
    }

    fn refused(&self, error: &sysroot::Error) -> StepError {
        error.errno().map_or_else(|| StepError::Unable(error.to_string()), |errno| StepError::of(self.step, errno))
    }

    /// The node that has the connector, from the root of the tree.
    fn home(&self, index: DrcIndex) -> Result<String, StepError> {
        let home = slot::home_of(self.sysroot, index).map_err(unreadable)?;
        home.map(|node| node.tree_path().to_owned()).ok_or_else(|| StepError::of(self.step, Errno::ENODEV))
    }
}

impl Tree for Running<'_> {
    fn described(&mut self, index: DrcIndex) -> Result<Vec<Node>, StepError> {
        let home = self.home(index)?;
        let mut nodes = describe(index, |area| {
            let call = || {
                let status = self.sysroot.rtas_through_work_area(Call::ConfigureConnector.name(), area)?;
                Ok(vec![u32::from_ne_bytes(status.to_ne_bytes())])
            };
            let answer = firmware::ask(false, call, sleep).map_err(|error| self.refused(&error))?;
            Ok(firmware::status(&answer))
        })?;
        for node in &mut nodes {
            node.path.insert_str(0, &home);
        }
        Ok(nodes)
    }

    fn present(&self, index: DrcIndex) -> Result<Vec<Node>, StepError> {
        let read = || -> platform::Result<Vec<Node>> {
            let mut nodes = Vec::new();
            for top in slot::nodes_of(self.sysroot, index)? {
                for node in top.descendants()? {
                    let properties = node.properties()?.into_iter().map(|(name, value)| (name, value.into_bytes()));
                    nodes.push(Node { path: node.tree_path().to_owned(), properties: properties.collect() });
                }
            }
            Ok(nodes)
        };
        read().map_err(unreadable)
    }

    fn has(&self, path: &str) -> bool {
        devicetree::root(self.sysroot).at(path.trim_start_matches('/')).exists()
    }

    fn write(&mut self, request: &[u8]) -> Result<(), StepError> {
        self.sysroot.write_attribute(OFDT, request).map_err(|error| self.refused(&error))
    }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn unreadable(error: platform::Error) -> StepError {
    StepError::Unable(error.to_string())
}
