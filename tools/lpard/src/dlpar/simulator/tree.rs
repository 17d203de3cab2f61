//! The simulated device tree, node by node: firmware's descriptions and ofdt, with a fault wherever one is wanted.

use nix::errno::Errno;
use platform::drc::DrcIndex;
use platform::rtas::description::Node;
use platform::rtas::status::Call;

use super::grammar::NodeRequest;
use super::{Simulator, nodes};
use crate::dlpar::kernel::StepError;
use crate::dlpar::ofdt::{Tree, describe};
use crate::dlpar::step::Step;

const HARDWARE_ERROR: i32 = -1;
const NOT_THE_PARTITIONS: i32 = -9003;

/// The simulator, and the step that changes its tree.
pub(super) struct Simulated<'a> {
    pub(super) simulator: &'a mut Simulator,
    pub(super) step: &'a Step,
}

impl Tree for Simulated<'_> {
    fn described(&mut self, index: DrcIndex) -> Result<Vec<Node>, StepError> {
        let Simulator { places, firmware, faults, .. } = &mut *self.simulator;
        let of_connector = places.nodes(index).ok_or_else(|| StepError::of(self.step, Errno::ENODEV))?;
        if !firmware.describes(index) {
            return Err(StepError::Firmware { call: Call::ConfigureConnector, status: NOT_THE_PARTITIONS });
        }
        let mut answers = nodes::answers(index, &of_connector.described()).into_iter();
        let mut nodes = describe(index, |area| {
            if faults.strikes() {
                return Ok(HARDWARE_ERROR);
            }
            let (status, told) = answers.next().unwrap_or((HARDWARE_ERROR, Vec::new()));
            area.iter_mut().zip(told).for_each(|(byte, told)| *byte = told);
            Ok(status)
        })?;
        for node in &mut nodes {
            node.path.insert_str(0, of_connector.home());
        }
        Ok(nodes)
    }

    fn present(&self, index: DrcIndex) -> Result<Vec<Node>, StepError> {
        Ok(self.simulator.places.present(index))
    }

    fn has(&self, path: &str) -> bool {
        self.simulator.places.has_node(path)
    }

    fn write(&mut self, request: &[u8]) -> Result<(), StepError> {
        let Simulator { places, faults, .. } = &mut *self.simulator;
        let done = NodeRequest::parse(request).and_then(|request| places.take_request(&request, faults));
        done.map_err(|errno| StepError::of(self.step, errno))
    }
}
