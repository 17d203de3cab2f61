//! Hooks around a change: scripts that run, on a partition whose kernel takes every request.

use serde_json::json;

use super::*;
use crate::hooks::Occasion;
use crate::hooks::stage::Stage;

const DLPAR: &str = "sys/kernel/dlpar";
const UNTOUCHED: &str = "memory,cpu\n";
const ADDED: &str = "cpu add index 0x10000002";
const JOURNAL: &str = "var/lib/lparkit/dlpar.journal";

fn cells(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// `ibm,drc-info` of four connectors.
fn connectors(kind: &str, prefix: &str, first: u32) -> Vec<u8> {
    let names = format!("{kind}\0{prefix}\0");
    [&cells(&[1])[..], names.as_bytes(), &cells(&[first, 0, 4, 1, u32::MAX])].concat()
}

/// A partition with two of four cores.
fn partition() -> Stage {
    let stage = Stage::new();
    let cpus = "proc/device-tree/cpus";
    stage.file(DLPAR, UNTOUCHED).file("var/lock/dr_config_lock", "");
    stage.file(&format!("{cpus}/ibm,drc-info"), connectors("CPU", "CPU ", 0x1000_0000));
    for core in 0..2 {
        let node = format!("{cpus}/PowerPC,POWER9@{core}");
        stage.file(&format!("{node}/ibm,my-drc-index"), cells(&[0x1000_0000 + core]));
        stage.file(&format!("{node}/ibm,ppc-interrupt-server#s"), cells(&[core]));
        stage.file(&format!("sys/devices/system/cpu/cpu{core}/physical_id"), format!("{core}\n"));
        stage.file(&format!("sys/devices/system/cpu/cpu{core}/online"), "1\n");
    }
    stage
}

fn add_a_cpu() -> Change {
    let index = hex::DrcIndex(0x1000_0002);
    Change::Cpu { action: Direction::Add, target: CpuTarget::Index(index) }
}

fn ask(stage: &Stage, change: Change) -> ResizeOutcome {
    let asked = Resize { change, deadline_ms: 60_000, allow_partial: false, dry_run: false };
    resize(&stage.runner(), &asked, &mut |_| ())
}

#[test]
fn a_veto_keeps_the_change_from_the_kernel_and_says_which_hook_and_why() {
    let stage = partition();
    stage.hook(Point::DlparPre, "10-backup", "echo 'the backup is running' >&2; exit 3");
    stage.hook_that_listens(Point::DlparPre, "20-next");
    stage.hook_that_listens(Point::DlparPost, "after");
    let answer = ask(&stage, add_a_cpu());
    assert_eq!((answer.verdict, answer.asked, answer.done, answer.items.len()), (Verdict::Unchanged, 1, 0, 0));
    let shortfall = answer.shortfall.unwrap();
    assert_eq!(shortfall.cause, Cause::Hook);
    assert_eq!(shortfall.text, "hook 10-backup ended with status 3: the backup is running");
    assert_eq!((stage.read(DLPAR).as_str(), stage.read(JOURNAL).as_str()), (UNTOUCHED, ""));
    assert_eq!((stage.told("20-next"), stage.told("after")), (None, None));
}

#[test]
fn hooks_that_agree_run_before_and_after_the_change_and_are_told_of_it() {
    let stage = partition();
    stage.hook_that_listens(Point::DlparPre, "before");
    stage.hook(Point::DlparPre, "kernel-before", &format!("cp {DLPAR} before.kernel"));
    stage.hook_that_listens(Point::DlparPost, "after");
    stage.hook(Point::DlparPost, "kernel-after", &format!("cp {DLPAR} after.kernel"));
    let answer = ask(&stage, add_a_cpu());
    assert_eq!((answer.verdict, answer.done), (Verdict::Complete, 1), "{answer:?}");
    assert_eq!((stage.read("before.kernel").as_str(), stage.read("after.kernel").as_str()), (UNTOUCHED, ADDED));

    let request = "add the processor 0x10000002";
    let before = ["LPARKIT_ACTION=add", "LPARKIT_HOOKS=1", "LPARKIT_POINT=dlpar-pre"].map(str::to_owned);
    let about = [format!("LPARKIT_REQUEST={request}"), "LPARKIT_RESOURCE=cpu".to_owned()];
    let json = json!({ "hooks": 1, "point": "dlpar-pre", "action": "add", "request": request, "resource": "cpu" });
    assert_eq!(stage.told("before").unwrap(), ([&before[..], &about].concat(), json));

    let after = ["ACTION=add", "HOOKS=1", "OUTCOME=complete", "POINT=dlpar-post"].map(|fact| format!("LPARKIT_{fact}"));
    let json = json!({
        "hooks": 1, "point": "dlpar-post", "action": "add", "request": request, "resource": "cpu", "outcome": "complete",
    });
    assert_eq!(stage.told("after").unwrap(), ([&after[..], &about].concat(), json));
}

#[test]
fn what_runs_after_a_change_that_failed_hears_that_and_changes_no_answer() {
    let stage = partition();
    // From here on the kernel refuses.
    stage.hook(Point::DlparPre, "breaks", &format!("rm {DLPAR}; mkdir {DLPAR}"));
    stage.hook(Point::DlparPost, "1-fails", "echo 'of no interest' >&2; exit 1");
    stage.hook_that_listens(Point::DlparPost, "2-after");
    let answer = ask(&stage, add_a_cpu());
    assert_eq!((answer.verdict, answer.shortfall.unwrap().cause), (Verdict::Unchanged, Cause::Kernel));
    let (environment, json) = stage.told("2-after").unwrap();
    assert!(environment.contains(&"LPARKIT_OUTCOME=unchanged".to_owned()), "{environment:?}");
    assert_eq!(json["outcome"], json!("unchanged"));
}

/// A partition with a card in the second of four physical slots; firmware agrees to every light beside it.
fn partition_with_a_card() -> Stage {
    let stage = Stage::new();
    let bridge = "proc/device-tree/pci@800000020000000";
    stage.file(DLPAR, "memory,cpu,dt\n").file("var/lock/dr_config_lock", "");
    stage.file(&format!("{bridge}/ibm,drc-info"), connectors("28", "C", 0x4000_0000));
    stage.file(&format!("{bridge}/ethernet@1/ibm,my-drc-index"), cells(&[0x4000_0001]));
    for light in 0..4 {
        stage.file(&format!("rtas/set-indicator+9002+0x40000001+{light}"), "0\n");
    }
    stage
}

#[test]
fn a_light_blinks_whatever_hooks_say_and_none_is_asked() {
    let stage = partition_with_a_card();
    stage.hook(Point::DlparPre, "veto", "touch before; exit 1");
    stage.hook(Point::DlparPost, "after", "touch after");
    let target = SlotTarget::Index(hex::DrcIndex(0x4000_0001));
    let answer = ask(&stage, Change::Slot { action: SlotAction::Identify, target });
    assert_eq!(answer.verdict, Verdict::Complete, "{answer:?}");
    assert_eq!(stage.read("rtas/asked"), "set-indicator+9002+0x40000001+2\n");
    assert!(!stage.path("before").exists() && !stage.path("after").exists());
}

#[test]
fn hooks_are_told_of_changes_and_of_nothing_else() {
    let count = || CpuTarget::Count(two());
    let blocks = || MemoryTarget::Count(two());
    let slot = |action| Change::Slot { action, target: SlotTarget::Name("x".into()) };
    let phb = |action| Change::Phb { action, target: SlotTarget::Name("x".into()) };
    let set = |of, quantity| Change::Entitlement { of, quantity, adjust: Adjust::Add(1) };
    let cases = [
        (Change::Cpu { action: Direction::Add, target: count() }, Some(("cpu", "add"))),
        (Change::Cpu { action: Direction::Remove, target: count() }, Some(("cpu", "remove"))),
        (Change::Memory { action: Direction::Add, target: blocks() }, Some(("memory", "add"))),
        (Change::Memory { action: Direction::Remove, target: blocks() }, Some(("memory", "remove"))),
        (set(Pool::Processor, Quantity::Capacity), Some(("entitlement", "set"))),
        (set(Pool::Memory, Quantity::Weight), Some(("entitlement", "set"))),
        (slot(SlotAction::Add), Some(("slot", "add"))),
        (slot(SlotAction::Remove), Some(("slot", "remove"))),
        (slot(SlotAction::Replace), None),
        (slot(SlotAction::Query), None),
        (slot(SlotAction::Identify), None),
        (phb(SlotAction::Add), Some(("phb", "add"))),
        (phb(SlotAction::Remove), Some(("phb", "remove"))),
        (phb(SlotAction::Identify), None),
    ];
    let request = Request::Partner { of: DrcIndex(1) };
    for (change, told) in cases {
        let expected = told.map(|(resource, action)| {
            let about = Occasion::new(Point::DlparPre).with(Fact::Resource, resource).with(Fact::Action, action);
            about.with(Fact::Request, &request)
        });
        assert_eq!(Ask::of(&change).occasion(Point::DlparPre, &request), expected, "{change:?}");
        assert!(told.is_some() || is_no_change(&change), "{change:?}");
    }
}

/// What has no hooks is refused, only looks, or is a light.
fn is_no_change(change: &Change) -> bool {
    let task = translate::task(change);
    matches!(task, Err(_) | Ok(Task::Query(..) | Task::Change(Request::Light { .. })))
}

#[test]
fn what_is_refused_or_only_planned_runs_no_hook() {
    let stage = partition();
    stage.hook_that_listens(Point::DlparPre, "before");
    stage.hook_that_listens(Point::DlparPost, "after");
    let index = hex::DrcIndex(0x1000_0009);
    let unknown = Change::Cpu { action: Direction::Add, target: CpuTarget::Index(index) };
    assert_eq!(ask(&stage, unknown).shortfall.unwrap().cause, Cause::Absent);
    let plan = Resize { change: add_a_cpu(), deadline_ms: 60_000, allow_partial: false, dry_run: true };
    assert_eq!(resize(&stage.runner(), &plan, &mut |_| ()).verdict, Verdict::Planned);
    assert_eq!((stage.told("before"), stage.told("after")), (None, None));
}
