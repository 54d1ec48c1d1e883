//! Jobs that learn from finished ones.

use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

/// Best where `x` is 0.7.
const SCRIPT: &str = r#"awk "BEGIN {d = $PARAM_x - 0.7; print \"{\\\"loss\\\": \" d * d \"}\"}""#;

/// `x` of each trial, by index: of those that are objects and those in the history.
fn tried(world: &World, job: &str) -> Vec<f64> {
    let objects = world.trials(job);
    let histories = world.histories(job);
    let own = histories.iter().filter(|history| history.spec.warm_start.is_none());
    let mut all: Vec<(u32, f64)> = objects
        .iter()
        .map(|trial| (trial.spec.index, &trial.spec.parameters))
        .chain(own.flat_map(|history| &history.spec.trials).map(|trial| (trial.index, &trial.parameters)))
        .filter_map(|(index, parameters)| Some((index, parameters.get("x")?.as_f64()?)))
        .collect();
    all.sort_by_key(|(index, _)| *index);
    all.dedup();
    all.into_iter().map(|(_, x)| x).collect()
}

#[test]
fn a_job_begins_where_a_finished_one_was_good_though_that_is_gone() {
    let Some(world) = World::new("learning") else { return };
    let mut operator = world.operator();
    let later = Job::new("later", SCRIPT).sized(6, 2).with(&json!({
        "search": {"algorithm": "GaussianProcess"},
        "pointsToEvaluate": [],
        "trial": {"podPolicy": "Reuse"},
        "warmStartFrom": [{"name": "earlier"}],
    }));
    // It is there first, and waits.
    world.apply(&later);
    let waits = world.status("later", "waiting", |status| {
        condition(status, "Progressing").2.contains("waits for job earlier, which is not in namespace")
    });
    assert!(condition(&waits, "Accepted").0);
    assert_eq!(waits.state, "Pending");

    let earlier = Job::new("earlier", SCRIPT).sized(16, 2).with(&json!({
        "search": {"algorithm": "Sobol"},
        "retention": {"trials": 2},
        "trial": {"podPolicy": "Reuse"},
    }));
    world.apply(&earlier);
    world.completes("earlier");
    assert!(!world.histories("earlier").is_empty(), "some of it is in the history");
    let begun = world.status("later", "begun", |status| condition(status, "WarmStarted").0);
    let said = condition(&begun, "WarmStarted").2;
    assert!(said.starts_with("learned from 16 of 16 trials of earlier"), "{said}");

    // What it learned is its own from here on.
    operator.kill();
    world.kubectl(&["delete", "tuningjob", "earlier", "--wait=true"]);
    let _operator = world.operator();
    let done = world.completes("later");
    assert_eq!((done.trials.created, done.trials.completed), (6, 6), "those it learned from are not its own");
    assert_eq!(condition(&done, "WarmStarted").2, said);
    let tried = tried(&world, "later");
    let near = tried.iter().filter(|x| (**x - 0.7).abs() < 0.15).count();
    assert!(tried.len() == 6 && near >= 4, "{tried:?}");
    let best: f64 = done.best.as_ref().map_or(f64::NAN, |best| best.objective.parse().unwrap());
    assert!(best < 0.02, "{best}");
}

#[test]
fn a_job_that_can_learn_nothing_is_refused_with_what_is_wrong() {
    let Some(world) = World::new("unfit") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("earlier", SCRIPT).sized(1, 1));
    world.completes("earlier");
    world.apply(&Job::new("later", SCRIPT).with(&json!({
        "objectives": [{"metric": "losss", "goal": "minimize"}],
        "warmStartFrom": [{"name": "earlier"}],
    })));
    let refused = world.status("later", "refused", |status| {
        status.conditions.iter().any(|condition| condition.type_ == "Accepted" && condition.status == "False")
    });
    let said = condition(&refused, "Accepted").2;
    assert!(
        said.contains("earlier has no objective \"losss\"") && said.contains("did you mean \"loss\"?"),
        "{said}"
    );
    assert!(world.trials("later").is_empty());
}
