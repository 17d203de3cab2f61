//! The status words of RTAS calls, in words. One table.
//!
//! Negative numbers of four digits mean something else in each call (LoPAR 2.9: 7.3.x, 13.6, 13.7, "ibm,suspend-me").

/// A call of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `set-indicator`: isolation state, allocation state, LEDs.
    SetIndicator,
    /// `get-sensor-state`: is something there?
    GetSensorState,
    /// `ibm,configure-connector`: the device tree of what was added.
    ConfigureConnector,
    /// `set-power-level`.
    SetPowerLevel,
    /// `ibm,suspend-me`: stop for a migration.
    SuspendMe,
    /// `ibm,activate-firmware`.
    ActivateFirmware,
    /// `ibm,get-system-parameter`, `ibm,set-system-parameter`.
    SystemParameter,
    /// Any other one.
    Other,
}

impl Call {
    /// As the device tree has it, under `/rtas`; nothing for any other one.
    pub fn name(self) -> &'static str {
        match self {
            Self::SetIndicator => "set-indicator",
            Self::GetSensorState => "get-sensor-state",
            Self::ConfigureConnector => "ibm,configure-connector",
            Self::SetPowerLevel => "set-power-level",
            Self::SuspendMe => "ibm,suspend-me",
            Self::ActivateFirmware => "ibm,activate-firmware",
            Self::SystemParameter => "ibm,get-system-parameter",
            Self::Other => "",
        }
    }
}

/// What each status means; those of [`Call::Other`] hold for every call that has no line of its own.
const MEANINGS: [(Call, i32, &str); 28] = [
    (Call::SetIndicator, -3, "there is no such indicator or connector"),
    (Call::SetIndicator, -9000, "something below it is still in use (multi-level isolation error)"),
    (Call::SetIndicator, -9001, "it is still in use: the hypervisor has address translations to it"),
    (Call::GetSensorState, -3, "there is no such sensor or connector"),
    (Call::GetSensorState, -9000, "it has to be powered and released from isolation before it can be looked at"),
    (Call::GetSensorState, -9001, "it has to be powered before it can be looked at"),
    (Call::GetSensorState, -9002, "the connector is not assigned to this partition"),
    (Call::ConfigureConnector, 1, "a sibling node follows"),
    (Call::ConfigureConnector, 2, "a child node follows"),
    (Call::ConfigureConnector, 3, "a property follows"),
    (Call::ConfigureConnector, 4, "back to the parent node"),
    (Call::ConfigureConnector, 5, "the firmware wants a larger work area"),
    (Call::ConfigureConnector, -9001, "this system cannot have such a resource"),
    (Call::ConfigureConnector, -9002, "this connector cannot have such a resource"),
    (Call::ConfigureConnector, -9003, "the connector is not assigned to this partition, or has been taken back"),
    (Call::SetPowerLevel, -9000, "powering it would change the bus frequency of its neighbours"),
    (Call::SuspendMe, 9000, "the suspension was aborted"),
    (Call::SuspendMe, -9004, "the partition cannot be suspended now: the hypervisor is not ready for it"),
    (Call::SuspendMe, -9005, "another processor thread of the partition is still active"),
    (Call::SuspendMe, -9006, "a coprocessor (NX) still works for the partition"),
    (Call::ActivateFirmware, -9001, "there is no new firmware to activate"),
    (Call::SystemParameter, -3, "the firmware has no such parameter"),
    (Call::SystemParameter, -9002, "this partition is not authorised"),
    (Call::SystemParameter, -9999, "the parameter's value is not accepted"),
    (Call::Other, 0, "done"),
    (Call::Other, -1, "hardware error"),
    (Call::Other, -2, "busy; call again"),
    (Call::Other, -3, "the firmware does not accept the parameters"),
];

/// What a status means, for a message to a person.
pub fn meaning(call: Call, status: i32) -> String {
    if let Some(milliseconds) = extended_delay_ms(status) {
        return format!("busy; call again in {milliseconds} ms");
    }
    let find = |wanted: Call| MEANINGS.iter().find(|(call, code, _)| *call == wanted && *code == status);
    match find(call).or_else(|| find(Call::Other)) {
        Some((_, _, words)) => (*words).to_owned(),
        None => format!("status {status}, which LoPAR does not define for this call"),
    }
}

/// Whether the status only asks to call again, and after which pause in milliseconds.
pub fn busy_ms(status: i32) -> Option<u32> {
    const BUSY: i32 = -2;
    if status == BUSY { Some(0) } else { extended_delay_ms(status) }
}

/// 9900 to 9905 ask for a pause of 10 to the power of the last digit, in milliseconds.
pub fn extended_delay_ms(status: i32) -> Option<u32> {
    let exponent = u32::try_from(status.checked_sub(9900)?).ok()?;
    (exponent <= 5).then(|| 10_u32.pow(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_means_something_else_in_each_call() {
        assert!(meaning(Call::SetIndicator, -9001).contains("still in use"));
        assert!(meaning(Call::GetSensorState, -9001).contains("powered"));
        assert!(meaning(Call::ActivateFirmware, -9001).contains("no new firmware"));
        assert!(meaning(Call::SuspendMe, -9005).contains("thread"));
        assert_eq!(meaning(Call::SuspendMe, -2), "busy; call again");
        assert_eq!(meaning(Call::SuspendMe, -77), "status -77, which LoPAR does not define for this call");
    }

    #[test]
    fn extended_delays_are_powers_of_ten() {
        assert_eq!(extended_delay_ms(9900), Some(1));
        assert_eq!(extended_delay_ms(9905), Some(100_000));
        assert_eq!(extended_delay_ms(9906), None);
        assert_eq!([busy_ms(-2), busy_ms(9901), busy_ms(0), busy_ms(-9001)], [Some(0), Some(10), None, None]);
        assert_eq!(extended_delay_ms(i32::MIN), None);
        assert_eq!(meaning(Call::Other, 9902), "busy; call again in 100 ms");
    }

    #[test]
    fn no_line_of_the_table_hides_another() {
        for (position, (call, status, _)) in MEANINGS.iter().enumerate() {
            let first = MEANINGS.iter().position(|(other, code, _)| other == call && code == status);
            assert_eq!(first, Some(position), "{call:?} {status}");
        }
    }
}
