//! What came of a scenario: lines for people and for `tests/run`, JSON, and JUnit's XML.

use std::fmt::Write as _;

use super::{Outcome, Result, Results, median_and_worst};

/// One step, as `tests/run` counts it.
pub fn line(result: &Result) -> String {
    let took = format!("{}.{} s", result.took_ms / 1000, result.took_ms % 1000 / 100);
    match &result.outcome {
        Outcome::Passed(seen) => format!("ok - {} ({took})\n     {seen}", result.name),
        Outcome::Failed(seen) => format!("not ok - {} ({took})\n     {seen}", result.name),
        Outcome::Skipped(why) => format!("skip - {}: {why}", result.name),
    }
}

/// The last lines.
pub fn closing(results: &Results) -> String {
    let count = |test: fn(&Outcome) -> bool| results.steps.iter().filter(|step| test(&step.outcome)).count();
    let mut text = String::new();
    for (what, all) in [
        ("blackouts of", &results.blackouts_ms),
        ("from the wake-up until the agent reports, in", &results.agents_back_ms),
    ] {
        if let Some((median, worst)) = median_and_worst(all) {
            let count = all.len();
            let _ = writeln!(text, "{what} {count} migrations: median {median} ms, worst {worst} ms");
        }
    }
    if let Some(slowest) = results.ready_ms.iter().max() {
        let _ = writeln!(text, "boot to ready: {slowest} ms at most");
    }
    let _ = writeln!(
        text,
        "{}: {} passed, {} failed, {} skipped",
        results.scenario,
        count(|outcome| matches!(outcome, Outcome::Passed(_))),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    );
    text
}

/// JUnit's XML, as continuous integration reads it.
pub fn junit(results: &Results) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuite name=\"{}\" tests=\"{}\">", escaped(&results.scenario), results.steps.len());
    for step in &results.steps {
        let _ = write!(
            text,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{}.{:03}\"",
            escaped(&results.scenario),
            escaped(&step.name),
            step.took_ms / 1000,
            step.took_ms % 1000
        );
        let _ = match &step.outcome {
            Outcome::Passed(seen) => writeln!(text, "><system-out>{}</system-out></testcase>", escaped(seen)),
            Outcome::Failed(seen) => writeln!(text, "><failure>{}</failure></testcase>", escaped(seen)),
            Outcome::Skipped(why) => writeln!(text, "><skipped message=\"{}\"/></testcase>", escaped(why)),
        };
    }
    text.push_str("</testsuite>\n");
    text
}

/// Text in XML 1.0, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let step = |name: &str, outcome| Result { name: name.into(), outcome, took_ms: 1234 };
        Results {
            scenario: "x".into(),
            steps: vec![
                step("it migrates", Outcome::Passed("a -> b".into())),
                step("2 < 3", Outcome::Failed("said \"no\" & \u{1b}[0m".into())),
                step("old", Outcome::Skipped("QEMU 7.2".into())),
            ],
            ready_ms: vec![7000],
            blackouts_ms: vec![900, 700, 800],
            agents_back_ms: vec![1500],
        }
    }

    #[test]
    fn lines_are_those_that_tests_run_counts() {
        let lines: Vec<String> = results().steps.iter().map(line).collect();
        assert_eq!(lines[0], "ok - it migrates (1.2 s)\n     a -> b");
        assert!(lines[1].starts_with("not ok - 2 < 3"));
        assert_eq!(lines[2], "skip - old: QEMU 7.2");
        let closing = closing(&results());
        assert!(closing.contains("blackouts of 3 migrations: median 800 ms, worst 900 ms"), "{closing}");
        assert!(closing.contains("the agent reports, in 1 migrations: median 1500 ms"), "{closing}");
        assert!(closing.ends_with("x: 1 passed, 1 failed, 1 skipped\n"), "{closing}");
    }

    #[test]
    fn nothing_that_a_guest_says_breaks_the_xml() {
        let xml = junit(&results());
        assert!(
            xml.contains("name=\"2 &lt; 3\" time=\"1.234\"><failure>said &quot;no&quot; &amp; \u{fffd}[0m</failure>"),
            "{xml}"
        );
    }
}
