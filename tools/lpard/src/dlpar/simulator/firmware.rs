//! Firmware's half: for every connector whether something is allocated to the partition and whether it is isolated
//! (LoPAPR 13.6, "Logical Resource Dynamic Reconfiguration").
//!
//! ```text
//!            allocate                unisolate
//!  unusable ──────────> allocated ──────────────> usable
//!      ^                 isolated <────────────── (configure-connector, then the kernel has it)
//!      └───────────────────┘         isolate
//!           deallocate
//! ```

use std::collections::BTreeMap;

use nix::errno::Errno;
use platform::drc::DrcIndex;

use super::Faults;

/// Where a connector stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing there, or somebody else has it: the sensor says 2, unusable.
    Unusable,
    /// The partition's, not yet to be touched.
    Isolated,
    /// The partition's.
    Usable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Connector {
    state: State,
    /// Whether the hypervisor would give it.
    available: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Firmware {
    connectors: BTreeMap<DrcIndex, Connector>,
}

impl Firmware {
    pub(super) fn new(connectors: impl Iterator<Item = (DrcIndex, bool)>) -> Self {
        let connector =
            |owned| Connector { state: if owned { State::Usable } else { State::Unusable }, available: true };
        Self { connectors: connectors.map(|(index, owned)| (index, connector(owned))).collect() }
    }

    pub(super) fn withdraw(&mut self, index: DrcIndex) {
        if let Some(connector) = self.connectors.get_mut(&index) {
            connector.available = false;
        }
    }

    /// Whether the connector is where one that is present, or absent, should be.
    pub(super) fn is_settled(&self, index: DrcIndex, present: bool) -> bool {
        let expected = if present { State::Usable } else { State::Unusable };
        self.connectors.get(&index).is_some_and(|connector| connector.state == expected)
    }

    /// get-sensor-state, set-indicator allocation, set-indicator isolation, as `dlpar_acquire_drc`.
    pub(super) fn acquire(&mut self, index: DrcIndex, faults: &mut Faults) -> Result<(), Errno> {
        let connector = self.connectors.get_mut(&index).ok_or(Errno::EINVAL)?;
        if faults.strikes() || connector.state != State::Unusable {
            return Err(Errno::EINVAL);
        }
        if faults.strikes() || !connector.available {
            return Err(Errno::EINVAL);
        }
        connector.state = State::Isolated;
        if faults.strikes() {
            connector.state = State::Unusable;
            return Err(Errno::EINVAL);
        }
        connector.state = State::Usable;
        Ok(())
    }

    /// get-sensor-state, set-indicator isolation, set-indicator allocation, as `dlpar_release_drc`.
    pub(super) fn release(&mut self, index: DrcIndex, faults: &mut Faults) -> Result<(), Errno> {
        let connector = self.connectors.get_mut(&index).ok_or(Errno::EINVAL)?;
        if faults.strikes() || connector.state != State::Usable {
            return Err(Errno::EINVAL);
        }
        if faults.strikes() {
            return Err(Errno::EBUSY);
        }
        connector.state = State::Isolated;
        if faults.strikes() {
            connector.state = State::Usable;
            return Err(Errno::EINVAL);
        }
        connector.state = State::Unusable;
        Ok(())
    }

    /// The kernel's own taking back of what it got.
    pub(super) fn force_release(&mut self, index: DrcIndex) {
        self.set(index, State::Unusable);
    }

    /// The kernel's own taking back of what it gave.
    pub(super) fn force_acquire(&mut self, index: DrcIndex) {
        self.set(index, State::Usable);
    }

    fn set(&mut self, index: DrcIndex, state: State) {
        if let Some(connector) = self.connectors.get_mut(&index) {
            connector.state = state;
        }
    }
}
