//! `-c port`: ports of the Host Ethernet Adapter of POWER6. No little-endian kernel has its bus.

use super::Session;
use crate::capabilities::Capability;
use crate::exit::Exit;

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    if Capability::Hea.is_there(session.sysroot, session.say) {
        session.say.error("HEA ports are not supported: their adapter went with POWER7");
    } else {
        session.say.error("DLPAR HEA operations are not supported on this kernel");
    }
    Exit::Failed
}
