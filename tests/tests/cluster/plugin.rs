//! `kubectl temper`: the commands that look at a job and steer it.

use std::fs;

use serde_json::{Value, json};
use temper_tests::{
    cluster::{Job, TRAINER, World},
    root,
};

/// Says two lines of its own, reports twice, and ends without a line end.
const TALKS: &str = r#"
echo "begins with $PARAM_x"
echo "{\"loss\": $PARAM_x}"; sleep 1.1
echo "{\"loss\": $PARAM_x}"
printf "ends with $PARAM_x"
"#;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// What a trial of [`TALKS`] prints.
fn talk(x: f64) -> String {
    let report = format!("{{\"loss\": {x}}}");
    format!("begins with {x}\n{report}\n{report}\nends with {x}")
}

#[test]
fn a_job_on_a_cluster_is_looked_at_as_one_on_this_machine() {
    let Some(world) = World::new("plugin") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("talks", TALKS).sized(3, 3));
    let status = world.completes("talks");

    let trials = parsed(&world.looks(&["trials", "talks", "-o", "json"]));
    let trials = trials.as_array().unwrap();
    assert_eq!(trials.len(), 3);
    for (trial, object) in trials.iter().zip(world.trials("talks")) {
        assert_eq!(trial["state"], "Completed");
        assert_eq!(trial["parameters"], json!(object.spec.parameters));
        assert_eq!(trial["reports"].as_array().unwrap().len(), 2, "{trial}");
        let (started, ended) = (trial["started"].as_u64().unwrap(), trial["ended"].as_u64().unwrap());
        assert_eq!(trial["reports"][1]["at"].as_u64(), Some(ended));
        assert!(started < ended);
    }
    // The only job of the namespace needs no name.
    let best = parsed(&world.looks(&["best", "-o", "json"]));
    let known = status.best.unwrap();
    assert_eq!((&best["index"], &best["parameters"]), (&json!(known.index), &json!(known.parameters)));
    assert!(world.looks(&["top", "--once"]).lines().nth(1).unwrap().starts_with("talks   Complete   Random"));
    let top = world.looks(&["top", "talks", "--once"]);
    assert!(top.starts_with("talks  complete") && top.contains("3 of 3 trials"), "{top}");
    assert_eq!(world.looks(&["export", "talks"]).lines().count(), 4);
    assert!(world.looks(&["plot", "talks"]).starts_with("<svg"));

    let x = best["parameters"]["x"].as_f64().unwrap();
    assert_eq!(world.looks(&["logs", "talks", "best"]), talk(x));
    assert_eq!(
        world.looks(&["logs", "talks", &known.trial, "--tail", "1", "--follow"]),
        format!("ends with {x}")
    );
}

#[test]
fn a_job_is_watched_on_a_terminal_until_it_is_over() {
    let Some(world) = World::new("plugin-top") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("talks", TALKS).sized(4, 2));
    let shown = world.watches(&["top", "talks", "--interval", "0.2"]);
    // Each picture is drawn from the upper left corner on.
    let pictures: Vec<&str> = shown.split("\x1b[H").collect();
    let is_shown = |text: &str| pictures.iter().any(|picture| picture.contains(text));
    assert!(pictures.len() > 5 && is_shown("running") && is_shown("2 of 4 trials"), "{shown}");
    let last = pictures.last().unwrap();
    assert!(last.contains("complete") && last.contains("4 of 4 trials"), "{last}");
}

#[test]
fn of_a_worker_s_log_only_the_trial_s_own_lines_are_printed() {
    let Some(world) = World::new("plugin-reuse") else { return };
    let _operator = world.operator();
    let reuse = json!({"trial": {"podPolicy": "Reuse"}});
    world.apply(&Job::new("talks", TALKS).sized(3, 1).with(&reuse));
    // Waits for the trial and then for its pod, and ends with the trial though the pod goes on.
    world.until("created", || world.trials("talks").len(), |count| *count > 0);
    let first = world.looks(&["logs", "talks", "0", "--follow"]);
    let x = |index: usize| {
        let parameters = json!(world.trials("talks")[index].spec.parameters);
        parameters["x"].as_f64().unwrap()
    };
    // A line without an end comes into the log with the next one, which is the next trial's and may come too late.
    let talked = talk(x(0));
    let (lines, _) = talked.rsplit_once('\n').unwrap();
    assert!([lines, talked.as_str()].contains(&first.trim_end()), "{first}");
    world.until(
        "at work on the last trial",
        || world.trials("talks"),
        |trials| {
            trials
                .get(2)
                .is_some_and(|trial| trial.status.as_ref().is_some_and(|status| status.report.is_some()))
        },
    );
    assert_eq!(world.looks(&["logs", "talks", "1"]).trim_end(), talk(x(1)));
}

#[test]
fn a_job_is_suspended_and_goes_on() {
    let Some(world) = World::new("plugin-suspend") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("trains", TRAINER).sized(2, 2));
    world.status("trains", "at work", |status| status.trials.running == 2);
    assert_eq!(world.looks(&["suspend", "trains"]), "job trains suspended\n");
    world.status("trains", "suspended", |status| status.state == "Suspended" && status.trials.running == 0);
    assert_eq!(world.looks(&["suspend", "trains"]), "job trains is suspended already\n");
    assert!(world.looks(&["top", "trains", "--once"]).starts_with("trains  suspended"));
    assert_eq!(world.looks(&["resume", "trains"]), "job trains resumed\n");
    world.completes("trains");
    let refused = world.plugin(&["suspend", "trains"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("job trains is over (complete)"));
}

#[test]
fn a_manifest_is_tried_on_the_cluster_without_being_applied() {
    let Some(world) = World::new("plugin-validate") else { return };
    let manifest = "examples/cluster/first.yaml";
    let said = world.looks(&["validate", "--server", manifest]);
    assert!(said.contains(&format!("namespace {} takes it", world.namespace())), "{said}");
    assert!(world.job("first").is_none());
    // What only the cluster knows: such a job is there, and was made by another search.
    world.kubectl(&["apply", "-f", manifest]);
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("job.yaml");
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    fs::write(&changed, text.replace("algorithm: TPE", "algorithm: Sobol")).unwrap();
    let refused = world.plugin(&["validate", "--server", changed.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("search cannot be changed"), "{said}");
}

#[test]
fn what_is_not_there_is_said_with_what_was_probably_meant() {
    let Some(world) = World::new("plugin-errors") else { return };
    let said = |arguments: &[&str]| {
        let output = world.plugin(arguments);
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let namespace = world.namespace();
    assert!(said(&["best"]).contains(&format!("there is no job in namespace {namespace}")));
    world.apply(&Job::new("digits", TALKS));
    let near = said(&["best", "digit"]);
    assert!(
        near.contains("there is no job \"digit\"") && near.contains("did you mean \"digits\"?"),
        "{near}"
    );
    let mut temper = temper_tests::temper(&["best", "digits", "-n", "default", "--kubeconfig"]);
    let elsewhere = temper.arg(world.cluster().kubeconfig()).output().unwrap();
    let elsewhere = String::from_utf8_lossy(&elsewhere.stderr);
    assert!(elsewhere.contains(&format!("there is one in another: -n {namespace}")), "{elsewhere}");
    assert!(said(&["best", "digits"]).contains("job digits has no trials yet"));
    assert!(said(&["logs", "digits", "7"]).contains("job digits has no trial 7: it has none yet"));
    let waits = world.looks(&["top", "--once"]);
    assert!(waits.contains("digits: no operator has taken it up yet"), "{waits}");
}
