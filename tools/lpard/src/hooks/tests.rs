//! Which files are hooks, in which order; those that veto, hang or talk too much; what they are told; drmgr's, as drmgr runs them.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A recorded machine with hooks; each one's answer is its name's line in `commands/`.
struct Machine {
    directory: tempfile::TempDir,
    sysroot: Sysroot,
    settings: HookSettings,
    log: Log,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("commands")).unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        Self { directory, sysroot, settings: HookSettings::default(), log: Log::to_stderr() }
    }

    fn hook(&self, path: &str, mode: u32, status: i32, says: &str) {
        let file = self.directory.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        fs::write(self.directory.path().join(format!("commands/{name}.status")), status.to_string()).unwrap();
        fs::write(self.directory.path().join(format!("commands/{name}.stderr")), says).unwrap();
    }

    fn run(&self, point: Point, done: &[&str]) -> Vec<(String, HookResult)> {
        let done: Vec<String> = done.iter().map(|name| (*name).to_owned()).collect();
        let runner = Runner { sysroot: &self.sysroot, settings: &self.settings, log: &self.log };
        let report = runner.run(&Occasion::new(point), &done, LONG, &|| false, &mut |_| ());
        report.ran.into_iter().map(|ran| (ran.outcome.name, ran.outcome.result)).collect()
    }
}

fn ok(name: &str) -> (String, HookResult) {
    (name.to_owned(), HookResult::Exited(0))
}

#[test]
fn hooks_run_in_order_and_only_those_that_are_hooks() {
    let machine = Machine::new();
    for (name, mode) in [("10-b", 0o755), ("9-a", 0o700), ("8-not-executable", 0o644), ("7-everybodys", 0o777)] {
        machine.hook(&format!("etc/lparkit/hooks.d/post/{name}"), mode, 0, "");
    }
    for name in [".hidden", "x~", "x.dpkg-old"] {
        machine.hook(&format!("etc/lparkit/hooks.d/post/{name}"), 0o755, 0, "");
    }
    fs::create_dir(machine.directory.path().join("etc/lparkit/hooks.d/post/1-directory")).unwrap();
    assert_eq!(machine.run(Point::Post, &[]), [ok("9-a"), ok("10-b")]);
    assert_eq!(machine.run(Point::Post, &["9-a"]), [ok("10-b")], "what an earlier run did is not done twice");
    assert_eq!(machine.run(Point::Abort, &[]), []);
}

#[test]
fn drmgrs_hooks_take_part_where_drmgr_runs_them_and_can_be_switched_off() {
    let mut machine = Machine::new();
    machine.hook("etc/lparkit/hooks.d/check/ours", 0o755, 0, "");
    machine.hook("etc/lparkit/hooks.d/undo/undo", 0o755, 0, "");
    machine.hook("etc/drmgr.d/pmig/theirs", 0o755, 0, "");
    machine.hook("etc/drmgr.d/cpu/drmgr-s-own", 0o755, 0, "");
    let cases: [(Point, &[_]); 7] = [
        (Point::Check, &[ok("ours"), ok("drmgr/theirs")]),
        (Point::Undo, &[ok("drmgr/theirs"), ok("undo")]),
        (Point::BeforeSuspend, &[ok("drmgr/theirs")]),
        (Point::AfterSuspend, &[ok("drmgr/theirs")]),
        (Point::Prepare, &[]),
        (Point::DlparPre, &[]),
        (Point::DlparPost, &[]),
    ];
    for (point, expected) in &cases {
        assert_eq!(machine.run(*point, &[]), *expected, "{point:?}");
    }
    machine.settings.drmgr = false;
    assert_eq!(machine.run(Point::Check, &[]), [ok("ours")]);
    assert_eq!(machine.run(Point::BeforeSuspend, &[]), []);
}

#[test]
fn a_veto_is_the_last_word_and_a_failure_elsewhere_is_not() {
    let machine = Machine::new();
    for point in ["check", "post"] {
        machine.hook(&format!("etc/lparkit/hooks.d/{point}/1-fails"), 0o755, 3, "the cluster is busy\n");
        machine.hook(&format!("etc/lparkit/hooks.d/{point}/2-next"), 0o755, 0, "");
    }
    let failed = ("1-fails".to_owned(), HookResult::Exited(3));
    assert_eq!(machine.run(Point::Check, &[]), std::slice::from_ref(&failed));
    assert_eq!(machine.run(Point::Post, &[]), [failed, ok("2-next")]);
}

#[test]
fn a_veto_says_which_hook_and_why() {
    let machine = Machine::new();
    machine.hook("etc/lparkit/hooks.d/check/10-cluster", 0o755, 3, "  the cluster is busy\n");
    let runner = Runner { sysroot: &machine.sysroot, settings: &machine.settings, log: &machine.log };
    let mut heard = Vec::new();
    let report = runner.run(&Occasion::new(Point::Check), &[], LONG, &|| false, &mut |ran| heard.push(ran.clone()));
    let failure = report.failure().unwrap();
    assert_eq!(failure.sentence(), "hook 10-cluster ended with status 3: the cluster is busy");
    assert_eq!(heard, report.ran);
    let stopped = runner.run(&Occasion::new(Point::Check), &[], LONG, &|| true, &mut |_| ());
    assert_eq!(stopped, Report::default());
}

#[test]
fn facts_are_told_twice_under_the_same_names() {
    let occasion = Occasion::new(Point::Post).with(Fact::To, "9009-42A*7812345").with(Fact::SuspendedMs, 1067);
    let environment = occasion.environment(found::Convention::Ours);
    let shown: Vec<String> =
        environment.iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect();
    assert_eq!(
        shown,
        [
            "LPARKIT_HOOKS=1",
            "LPARKIT_POINT=post",
            "LPARKIT_SUSPENDED_MS=1067",
            "LPARKIT_TO=9009-42A*7812345",
            &format!("PATH={}", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ]
    );
    assert_eq!(
        String::from_utf8(occasion.input(found::Convention::Ours)).unwrap(),
        "{\"hooks\":1,\"point\":\"post\",\"suspended_ms\":\"1067\",\"to\":\"9009-42A*7812345\"}\n"
    );
}

#[test]
fn drmgrs_hooks_get_exactly_drmgrs_environment() {
    let occasion = Occasion::new(Point::Check).with(Fact::To, "x");
    let environment = occasion.environment(found::Convention::Drmgr("check"));
    let shown: Vec<String> =
        environment.iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect();
    assert_eq!(shown, ["ACTION=migrate", "DRC_COUNT=0", "DRC_TYPE=pmig", "PHASE=check"]);
    assert_eq!(occasion.input(found::Convention::Drmgr("check")), b"");
}

#[test]
fn a_real_program_that_hangs_or_talks_too_much_is_cut_short() {
    let directory = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = path.strip_prefix("/").unwrap().to_owned();
        Found { name: name.to_owned(), path, convention: found::Convention::Ours }
    };
    let sysroot = Sysroot::at("/").unwrap();
    let (settings, log) = (HookSettings::default(), Log::to_stderr());
    let runner = Runner { sysroot: &sysroot, settings: &settings, log: &log };
    let occasion = Occasion::new(Point::Post).with(Fact::Reason, "x");
    let hangs = runner.run_one(&script("hangs", "sleep 1000 & wait"), &occasion, Duration::from_millis(300), 4096);
    assert_eq!(hangs.outcome.result, HookResult::TimedOut {});
    let floods = runner.run_one(&script("floods", "yes | head -c 300000"), &occasion, LONG, 4096);
    assert_eq!(floods.outcome.result, HookResult::Exited(0));
    assert!(floods.said.len() == 4096 + hook_output::CUT.len() && floods.said.ends_with(hook_output::CUT));
    let reads =
        runner.run_one(&script("reads", "cat; echo \"$LPARKIT_REASON\" >&2; kill -9 $$"), &occasion, LONG, 4096);
    assert_eq!(reads.outcome.result, HookResult::Killed(9));
    assert_eq!(reads.said, "x\n{\"hooks\":1,\"point\":\"post\",\"reason\":\"x\"}\n");
}

/// What is promised is written once, and nothing of it is missing.
#[test]
fn the_contract_has_every_point_and_every_fact_and_each_point_has_its_directory() {
    let (contract, tmpfiles) = (include_str!("../../HOOKS.md"), include_str!("../../systemd/lpard.tmpfiles"));
    for point in Point::ALL {
        let is_drmgrs = matches!(point, Point::BeforeSuspend | Point::AfterSuspend);
        assert_eq!(contract.contains(&format!("| `{}` | ", point.name())), !is_drmgrs, "{}", point.name());
        assert_eq!(tmpfiles.contains(&format!("/hooks.d/{} ", point.name())), !is_drmgrs, "{}", point.name());
    }
    let told = Fact::ALL.iter().fold(Occasion::new(Point::Post), |occasion, fact| occasion.with(*fact, "x"));
    for name in told.environment(found::Convention::Ours).keys() {
        assert!(contract.contains(&format!("`{name}")), "{name}");
    }
}
