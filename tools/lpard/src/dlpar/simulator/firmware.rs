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
//!
//! A physical slot is the partition's as long as its bridge is; its card is powered, then opened, and the other way round.

use std::collections::BTreeMap;

use nix::errno::Errno;
use platform::drc::DrcIndex;
use platform::rtas::connector::Entity;
use platform::rtas::status::Call;

use super::Faults;
use crate::dlpar::inventory::Sense;

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

/// A physical slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    card: bool,
    powered: bool,
    open: bool,
    light: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Firmware {
    connectors: BTreeMap<DrcIndex, Connector>,
    sockets: BTreeMap<DrcIndex, Socket>,
}

const DONE: i32 = 0;
const HARDWARE_ERROR: i32 = -1;
const NO_SUCH_INDICATOR: i32 = -3;
const BELOW_IN_USE: i32 = -9000;
const IN_USE: i32 = -9001;

impl Firmware {
    pub(super) fn new(connectors: impl Iterator<Item = (DrcIndex, bool)>) -> Self {
        let connector =
            |owned| Connector { state: if owned { State::Usable } else { State::Unusable }, available: true };
        let connectors = connectors.map(|(index, owned)| (index, connector(owned))).collect();
        Self { connectors, sockets: BTreeMap::new() }
    }

    /// Physical slots as well: whether a card is in each, and whether the partition uses it.
    pub(super) fn with_sockets(mut self, sockets: impl Iterator<Item = (DrcIndex, bool, bool)>) -> Self {
        let socket = |card, used| Socket { card, powered: used, open: used, light: u32::from(used) };
        self.sockets = sockets.map(|(index, card, used)| (index, socket(card, used))).collect();
        self
    }

    /// The sensor; nothing goes wrong with it here.
    pub(super) fn sense(&self, index: DrcIndex) -> Sense {
        if let Some(socket) = self.sockets.get(&index) {
            return Sense::Entity(if socket.card { Entity::Present } else { Entity::Empty });
        }
        match self.connectors.get(&index).map(|connector| connector.state) {
            Some(State::Unusable) => Sense::Entity(Entity::Unusable),
            Some(_) => Sense::Entity(Entity::Present),
            None => Sense::Status(NO_SUCH_INDICATOR),
        }
    }

    /// Whether a card is there, powered and open.
    pub(super) fn is_open(&self, index: DrcIndex) -> bool {
        self.sockets.get(&index).is_some_and(|socket| socket.card && socket.powered && socket.open)
    }

    /// Whether it would describe what is at a connector: only to who has it.
    pub(super) fn describes(&self, index: DrcIndex) -> bool {
        self.is_open(index) || self.is_settled(index, true)
    }

    /// Whether a physical slot is as one should be whose card is used, or not.
    pub(super) fn is_socket_settled(&self, index: DrcIndex, used: bool) -> bool {
        self.sockets.get(&index).is_some_and(|socket| socket.powered == used && socket.open == used)
    }

    /// A call that changes something; its status. `in_use` is whether the kernel still uses a connector.
    pub(super) fn call(
        &mut self,
        call: Call,
        inputs: &[u32],
        in_use: impl Fn(DrcIndex) -> bool,
        faults: &mut Faults,
    ) -> i32 {
        if faults.strikes() {
            return HARDWARE_ERROR;
        }
        match (call, inputs) {
            (Call::SetPowerLevel, [domain, percent]) => self.set_power(DrcIndex(*domain), *percent > 0),
            (Call::SetIndicator, [9001, index, 0]) if in_use(DrcIndex(*index)) => IN_USE,
            (Call::SetIndicator, [9001, index, value]) => self.set_isolation(DrcIndex(*index), *value == 1),
            (Call::SetIndicator, [9002, index, value]) => self.set_light(DrcIndex(*index), *value),
            (Call::SetIndicator, [9003, index, value]) => self.set_allocation(DrcIndex(*index), *value == 1),
            _ => NO_SUCH_INDICATOR,
        }
    }

    /// Each physical slot is a power domain of its own, with the same number.
    fn set_power(&mut self, domain: DrcIndex, on: bool) -> i32 {
        let Some(socket) = self.sockets.get_mut(&domain) else { return NO_SUCH_INDICATOR };
        if socket.open && !on {
            return HARDWARE_ERROR;
        }
        socket.powered = on;
        DONE
    }

    fn set_light(&mut self, index: DrcIndex, value: u32) -> i32 {
        let Some(socket) = self.sockets.get_mut(&index) else { return NO_SUCH_INDICATOR };
        socket.light = value;
        DONE
    }

    fn set_isolation(&mut self, index: DrcIndex, open: bool) -> i32 {
        if let Some(socket) = self.sockets.get_mut(&index) {
            if open && !socket.powered {
                return HARDWARE_ERROR;
            }
            socket.open = open;
            return DONE;
        }
        let Some(connector) = self.connectors.get_mut(&index) else { return NO_SUCH_INDICATOR };
        connector.state = match (connector.state, open) {
            (State::Unusable, true) => return HARDWARE_ERROR,
            (State::Unusable, false) => State::Unusable,
            (_, true) => State::Usable,
            (_, false) => State::Isolated,
        };
        DONE
    }

    fn set_allocation(&mut self, index: DrcIndex, take: bool) -> i32 {
        let Some(connector) = self.connectors.get_mut(&index) else { return NO_SUCH_INDICATOR };
        connector.state = match (connector.state, take) {
            (State::Unusable, true) if !connector.available => return NO_SUCH_INDICATOR,
            (State::Unusable, true) => State::Isolated,
            (State::Usable, false) => return BELOW_IN_USE,
            (_, false) => State::Unusable,
            (state, true) => state,
        };
        DONE
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
