//! What can be called, from words to types. Pure.

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use wire::key::PublicKey;
use wire::message::dlpar::Resize;

use super::varlink::{Failure, INTERFACE, Message, SERVICE};
use crate::config::PORT;
use crate::trust::Trusted;

/// Ours, as varlink describes interfaces.
const DESCRIPTION: &str = include_str!("org.lparkit.lpard.varlink");

/// That of every varlink service, from <https://varlink.org/Service>.
const SERVICE_DESCRIPTION: &str = "\
# The Varlink Service Interface is provided by every varlink service. It
# describes the service and the interfaces it implements.
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)

error MethodNotFound (method: string)

error MethodNotImplemented (method: string)

error InvalidParameter (parameter: string)

error PermissionDenied ()

error ExpectedMore ()
";

/// How long hooks may take, when nobody says: a person waits.
const CHECK_MS: u64 = 120_000;

/// What can be called.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    /// What is known without asking the machine.
    Status,
    /// All that a console shows.
    Identity,
    /// Capability words.
    DCaps,
    /// What firmware reported.
    Events,
    /// A change of resources.
    Dlpar(Resize),
    /// Believe a console.
    TrustAdd(Trusted),
    /// Who is believed.
    TrustList,
    /// Do not believe it any more.
    TrustRemove(String),
    /// Which hooks there are.
    Hooks,
    /// Could it migrate?
    MigrateCheck {
        /// Time for hooks.
        deadline_ms: u64,
    },
}

/// A call with what the client expects.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Called {
    pub(crate) call: Call,
    /// Several answers are welcome.
    pub(crate) more: bool,
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// Something that the agent has to answer.
    Agent(Called),
    /// Something that is answered here.
    Here(Value),
}

impl Call {
    /// Whether it changes something: such calls are for administrators. A check runs hooks, and is one of them.
    pub(super) fn is_for_administrators(&self) -> bool {
        match self {
            Self::Dlpar(_) | Self::TrustAdd(_) | Self::TrustRemove(_) | Self::MigrateCheck { .. } => true,
            Self::Status | Self::Identity | Self::DCaps | Self::Events | Self::TrustList | Self::Hooks => false,
        }
    }
}

#[derive(Deserialize)]
struct InterfaceName {
    interface: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResizeParameters {
    resize: Resize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewConsole {
    name: String,
    key: PublicKey,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsoleName {
    console: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    deadline_ms: Option<u64>,
}

/// Finds out what a message asks for.
pub(super) fn asked(message: Message) -> Result<Asked, Failure> {
    if message.upgrade {
        return Err(Failure::invalid("upgrade"));
    }
    let Message { method, parameters, more, .. } = message;
    let (interface, name) = method.rsplit_once('.').unwrap_or(("", &method));
    match interface {
        SERVICE => service(name, parameters).map(Asked::Here),
        INTERFACE => Ok(Asked::Agent(Called { call: ours(name, parameters)?, more })),
        other => Err(Failure::of_service("InterfaceNotFound", json!({ "interface": other }))),
    }
}

fn service(name: &str, parameters: Map<String, Value>) -> Result<Value, Failure> {
    match name {
        "GetInfo" => Ok(json!({
            "vendor": "lparkit",
            "product": "lpard",
            "version": env!("CARGO_PKG_VERSION"),
            "url": "",
            "interfaces": [SERVICE, INTERFACE],
        })),
        "GetInterfaceDescription" => match read::<InterfaceName>(parameters)?.interface.as_str() {
            SERVICE => Ok(json!({ "description": SERVICE_DESCRIPTION })),
            INTERFACE => Ok(json!({ "description": DESCRIPTION })),
            other => Err(Failure::of_service("InterfaceNotFound", json!({ "interface": other }))),
        },
        _ => Err(not_found(SERVICE, name)),
    }
}

fn ours(name: &str, parameters: Map<String, Value>) -> Result<Call, Failure> {
    let none = |call, parameters| read::<Nothing>(parameters).map(|Nothing {}| call);
    match name {
        "Status" => none(Call::Status, parameters),
        "Identity" => none(Call::Identity, parameters),
        "DCaps" => none(Call::DCaps, parameters),
        "Events" => none(Call::Events, parameters),
        "TrustList" => none(Call::TrustList, parameters),
        "Hooks" => none(Call::Hooks, parameters),
        "Dlpar" => Ok(Call::Dlpar(read::<ResizeParameters>(parameters)?.resize)),
        "TrustAdd" => read(parameters).and_then(trusted).map(Call::TrustAdd),
        "TrustRemove" => Ok(Call::TrustRemove(read::<ConsoleName>(parameters)?.console)),
        "MigrateCheck" => {
            Ok(Call::MigrateCheck { deadline_ms: read::<Check>(parameters)?.deadline_ms.unwrap_or(CHECK_MS) })
        }
        _ => Err(not_found(INTERFACE, name)),
    }
}

fn not_found(interface: &str, name: &str) -> Failure {
    Failure::of_service("MethodNotFound", json!({ "method": format!("{interface}.{name}") }))
}

/// serde's message names the member that is wrong; varlink has no better place for it.
fn read<T: DeserializeOwned>(parameters: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(parameters)).map_err(|error| Failure::invalid(&error.to_string()))
}

fn trusted(NewConsole { name, key, addresses, port }: NewConsole) -> Result<Trusted, Failure> {
    let port = port.unwrap_or(PORT);
    if port == 0 {
        return Err(Failure::invalid("port"));
    }
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::invalid("name"));
    }
    Ok(Trusted { name, key, addresses, port, because: "an administrator added it".into() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn ask(text: &str) -> Result<Asked, Failure> {
        asked(serde_json::from_str(text).unwrap())
    }

    fn call(text: &str) -> Call {
        match ask(text) {
            Ok(Asked::Agent(Called { call, .. })) => call,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_method_of_the_description_can_be_called_and_no_other() {
        let key = PublicKey::from_bytes([1; 32]);
        let resize = r#"{"change":{"cpu":{"action":"add","target":{"count":1}}},"deadline_ms":1,"allow_partial":false,"dry_run":true}"#;
        for line in DESCRIPTION.lines().filter_map(|line| line.strip_prefix("method ")) {
            let name = line.split('(').next().unwrap();
            let parameters = match name {
                "Dlpar" => format!("{{\"resize\":{resize}}}"),
                "TrustAdd" => format!("{{\"name\":\"x\",\"key\":\"{key}\"}}"),
                "TrustRemove" => "{\"console\":\"x\"}".to_owned(),
                _ => "{}".to_owned(),
            };
            call(&format!("{{\"method\":\"{INTERFACE}.{name}\",\"parameters\":{parameters}}}"));
        }
        assert_eq!(DESCRIPTION.matches("\nmethod ").count(), 10);
        for method in ["org.lparkit.lpard.Reboot", "org.varlink.service.Nonsense"] {
            let failure = ask(&format!("{{\"method\":\"{method}\"}}")).unwrap_err();
            assert_eq!(failure, Failure::of_service("MethodNotFound", json!({ "method": method })));
        }
        for method in ["", "Status", "org.lparkit.other.Status"] {
            assert!(ask(&format!("{{\"method\":\"{method}\"}}")).is_err(), "{method}");
        }
    }

    #[test]
    fn what_changes_something_is_for_administrators() {
        let check = r#"{"method":"org.lparkit.lpard.MigrateCheck"}"#;
        assert!(call(check).is_for_administrators());
        for name in ["Status", "Identity", "DCaps", "Events", "TrustList", "Hooks"] {
            assert!(!call(&format!("{{\"method\":\"{INTERFACE}.{name}\"}}")).is_for_administrators(), "{name}");
        }
    }

    #[test]
    fn wrong_parameters_are_refused_and_named() {
        let cases = [
            (r#"{"method":"org.lparkit.lpard.Status","parameters":{"x":1}}"#, "x"),
            (r#"{"method":"org.lparkit.lpard.TrustAdd","parameters":{"name":"x"}}"#, "key"),
            (r#"{"method":"org.lparkit.lpard.TrustAdd","parameters":{"name":"x","key":"ed25519:AAAA"}}"#, "AAAA"),
            (r#"{"method":"org.lparkit.lpard.Dlpar","parameters":{"resize":{"change":{"cpu":{}}}}}"#, "action"),
            (r#"{"method":"org.lparkit.lpard.Status","upgrade":true}"#, "upgrade"),
        ];
        for (text, named) in cases {
            let failure = format!("{:?}", ask(text).unwrap_err());
            assert!(failure.contains("InvalidParameter") && failure.contains(named), "{text}: {failure}");
        }
    }

    #[test]
    fn the_service_describes_itself() {
        let info = ask(r#"{"method":"org.varlink.service.GetInfo"}"#).unwrap();
        assert!(matches!(info, Asked::Here(value) if value["interfaces"] == json!([SERVICE, INTERFACE])));
        let text = r#"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"org.lparkit.lpard"}}"#;
        assert!(matches!(ask(text), Ok(Asked::Here(value)) if value["description"] == DESCRIPTION));
        assert!(ask(&text.replace("lpard", "other")).is_err());
    }
}
