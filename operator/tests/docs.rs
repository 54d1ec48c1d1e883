//! What the documentation says of the program holds.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

/// Words beside the others in the code that tell of nothing to be mended, or that no one is told.
const NO_TROUBLE: [&str; 11] = [
    "AlreadyExists",
    "Complete",
    "ContainerCreating",
    "Learned",
    "NotSuspended",
    "OutOf",
    "PodInitializing",
    "Suspended",
    "TrialsRunning",
    "Valid",
    "Waiting",
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(path).expect("a file of the repository")
}

fn words<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect()
}

/// Reasons of conditions, events and failures that the operator gives: single words in lines about reasons.
fn of_the_operator() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster");
    let about = Regex::new(r"reason|EventType::Warning|refuse\(").expect("a pattern");
    let mut reasons = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(path).expect("utf-8");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (line, before) in lines.iter().zip([&""].into_iter().chain(&lines)) {
            if about.is_match(line) || about.is_match(before) {
                let found = words(r#""((?:[A-Z][a-z]+)+|OOMKilled)""#, line);
                reasons.extend(found.into_iter().map(str::to_owned));
            }
        }
    }
    reasons
}

#[test]
fn every_reason_that_something_does_not_go_on_for_is_in_the_table_of_symptoms() {
    let mut reasons = of_the_operator();
    assert!(reasons.len() > 20, "the code is written otherwise by now: {reasons:?}");
    for no_trouble in NO_TROUBLE {
        assert!(reasons.remove(no_trouble), "{no_trouble} is not said any more");
    }
    let (plan, agent) = (read("operator/src/plan/decide.rs"), read("trial-runner/src/agent/protocol.rs"));
    reasons.extend(words(r"outcome\(false, FinishReason::(\w+)", &plan).into_iter().map(str::to_owned));
    let of_the_agent = agent.split("pub enum FailureReason {").nth(1).and_then(|rest| rest.split('}').next());
    let of_the_agent = words(r"(?m)^ +([A-Z]\w+),$", of_the_agent.expect("the agent's reasons"));
    assert!(of_the_agent.contains(&"BadCheckpoint"), "{of_the_agent:?}");
    reasons.extend(of_the_agent.into_iter().map(str::to_owned));

    let page = read("docs/operations.md");
    let (_, table) = page.split_once("## Troubleshooting by symptom").expect("the table");
    // As code, alone or at the head of what follows it.
    let symptoms: BTreeSet<&str> = words(r"`([A-Z]\w+)`", table).into_iter().collect();
    let missing: Vec<&String> = reasons.iter().filter(|reason| !symptoms.contains(reason.as_str())).collect();
    assert!(missing.is_empty(), "docs/operations.md has no row for {missing:?}");
}
