//! `lparlab down`: ends a lab, and looks whether it is gone.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lab::control::{self, Request};
use lab::directory;

/// The supervisor ends its guests and itself at once; a loaded machine takes its time.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(name: &str, all: bool) -> anyhow::Result<ExitCode> {
    if !all {
        let home = directory::of(name);
        anyhow::ensure!(home.is_dir(), "there is no lab {name}; lparlab labs lists them");
        end(name, &home)?;
        return Ok(ExitCode::SUCCESS);
    }
    let labs = directory::all()?;
    for (name, _) in &labs {
        end(name, &directory::of(name))?;
    }
    let left = directory::all()?;
    anyhow::ensure!(left.is_empty(), "still there: {left:?}");
    println!("{} labs ended; no directory and no process of a lab is left", labs.len());
    Ok(ExitCode::SUCCESS)
}

fn end(name: &str, home: &Path) -> anyhow::Result<()> {
    let was_running = directory::is_locked(home)?;
    if was_running {
        // A lab that cannot answer any more still has its lock; the error says so below.
        let asked = control::ask(home, &Request::Down, |_| ());
        let end = Instant::now() + DEADLINE;
        while directory::is_locked(home)? {
            if Instant::now() > end {
                asked.with_context(|| format!("lab {name} does not end; end its 'unshare … supervise' process"))?;
                anyhow::bail!("lab {name} does not end");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // The supervisor holds the lock to its end, and the kernel ends all of its process namespace with it.
    if home.exists() {
        std::fs::remove_dir_all(home).with_context(|| format!("remove {}", home.display()))?;
    }
    println!("{name}: {}", if was_running { "ended" } else { "was dead; what it left is removed" });
    Ok(())
}
