//! `lparlab labs`.

use std::process::ExitCode;

use lab::directory;

pub(crate) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let labs = directory::all()?;
    if json {
        let list: Vec<_> = labs.iter().map(|(name, runs)| serde_json::json!({ "name": name, "runs": runs })).collect();
        println!("{}", serde_json::Value::from(list));
    } else if labs.is_empty() {
        println!("no lab; lparlab up starts one");
    }
    if !json {
        for (name, runs) in labs {
            println!("{name}  {}", if runs { "runs" } else { "dead: lparlab down --all removes what it left" });
        }
    }
    Ok(ExitCode::SUCCESS)
}
