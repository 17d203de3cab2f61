//! `lparlab up`: makes the lab's directory, starts its supervisor in namespaces of its own and waits until the partitions answer.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use lab::network::NamespaceId;
use lab::partition::State;
use lab::scenario::Scenario;
use lab::supervisor::Plan;
use lab::{directory, namespace};

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub(crate) fn run(scenario: Option<&Path>, name: &str, wait: bool) -> anyhow::Result<ExitCode> {
    let mut scenario = match scenario {
        Some(path) => Scenario::read(path)?,
        None => Scenario::two_systems(),
    };
    if name != "default" {
        name.clone_into(&mut scenario.name);
    }
    let home = directory::make_base()?.join(&scenario.name);
    let plan = Plan::make(scenario)?;
    directory::claim(&home)?;
    plan.write(&home)?;
    let log = File::create(home.join("lab.log")).context("make the lab's log")?;
    let arguments =
        ["supervise".into(), home.clone().into(), "--outer".into(), NamespaceId::current()?.as_str().into()];
    let mut supervisor = namespace::supervisor(&arguments)?
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Control+C at this terminal is not for the lab, which goes on.
        .process_group(0)
        .spawn()
        .context("start the lab: unshare (package util-linux)")?;
    let started = wait_for(&mut supervisor, &home, wait);
    if started.is_err() {
        // Its namespaces end with it.
        let _ = supervisor.kill();
        let _ = supervisor.wait();
    }
    started?;
    print!("{}", super::status::ask(&home)?.table());
    Ok(ExitCode::SUCCESS)
}

/// Until all partitions answer, or until the lab does; an end before that is an error with the lab's own words.
fn wait_for(supervisor: &mut Child, home: &Path, all: bool) -> anyhow::Result<()> {
    loop {
        if let Ok(status) = super::status::ask(home) {
            let is_ready = status.lpars.iter().all(|lpar| lpar.view.state == State::Running);
            if is_ready || !all {
                return Ok(());
            }
        }
        if let Some(status) = supervisor.try_wait()? {
            let said = std::fs::read_to_string(home.join("lab.log")).unwrap_or_default();
            anyhow::bail!("the lab ended ({status}):\n{}\nlparlab doctor says what this machine lacks", said.trim());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
