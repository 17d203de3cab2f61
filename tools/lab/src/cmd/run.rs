//! `lparlab run`: a lab for one scenario, its steps, the report; nothing is left but what was asked for.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use lab::network::NamespaceId;
use lab::run::{Results, report};
use lab::scenario::Scenario;
use lab::supervisor::Plan;
use lab::{directory, namespace};

pub(crate) fn run(
    scenario: &Path,
    junit: Option<&Path>,
    json: Option<&Path>,
    logs: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let mut scenario = Scenario::read(scenario)?;
    anyhow::ensure!(!scenario.steps.is_empty(), "the scenario has no steps: lparlab up starts a lab without any");
    // Two runs of one scenario must not meet.
    scenario.name = format!("{}-{}", scenario.name.chars().take(12).collect::<String>(), std::process::id());
    let home = directory::make_base()?.join(&scenario.name);
    let plan = Plan::make(scenario)?;
    directory::claim(&home)?;
    plan.write(&home)?;
    let file = home.join("results.json");
    let arguments = [
        "supervise".into(),
        home.clone().into(),
        "--outer".into(),
        NamespaceId::current()?.as_str().into(),
        "--run".into(),
        file.clone().into(),
    ];
    let status = namespace::supervisor(&arguments)?.status().context("start the lab: unshare (package util-linux)")?;
    let text = std::fs::read_to_string(&file);
    // Of a failure the logs are always kept.
    let unasked =
        std::env::temp_dir().join(format!("lparlab-{}-logs", home.file_name().unwrap_or_default().to_string_lossy()));
    if let Some(logs) = logs.or((!status.success()).then_some(unasked.as_path())) {
        keep(&home, logs)?;
        println!("logs are in {}", logs.display());
    }
    std::fs::remove_dir_all(&home).with_context(|| format!("remove {}", home.display()))?;
    finish(&text.with_context(|| format!("the lab ended without a report ({status})"))?, junit, json)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finish(text: &str, junit: Option<&Path>, json: Option<&Path>) -> anyhow::Result<()> {
    let results: Results = serde_json::from_str(text)?;
    print!("{}", report::closing(&results));
    if let Some(path) = junit {
        std::fs::write(path, report::junit(&results)).with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(path) = json {
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Copies logs and kept outputs, not disks and sockets.
fn keep(home: &Path, logs: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(logs).with_context(|| format!("make directory {}", logs.display()))?;
    for entry in std::fs::read_dir(home).with_context(|| format!("list {}", home.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let is_disk = Path::new(&name).extension().is_some_and(|extension| extension == "disk");
        if entry.file_type()?.is_file() && !is_disk && name != "lock" && name != "plan.json" {
            std::fs::copy(entry.path(), logs.join(&name))
                .with_context(|| format!("keep {}", entry.path().display()))?;
        }
    }
    Ok(())
}
