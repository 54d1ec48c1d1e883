//! Jobs that learn from earlier ones.

use std::fs;

use serde_json::Value;

use crate::world::{Job, World};

/// A world with a finished job `last-week` of twelve trials, whose best `x` is 0.7, and a job that may learn from it.
fn world(more: &'static str) -> World {
    let world = World::new(&Job {
        algorithm: "Sobol",
        budget: "{maxTrials: 12, parallelism: 4}",
        script: "report 1 $(awk \"BEGIN {d = $PARAM_x - 0.7; print 1 - d * d}\")",
        ..Job::default()
    });
    world.replace("{name: job}", "{name: last-week}");
    world.run(&[]).exits(0);
    world.replace("{name: last-week}", "{name: job}");
    world.replace("algorithm: Sobol", "algorithm: GaussianProcess");
    world.replace("maxTrials: 12", "maxTrials: 4");
    world.replace("  objectives:", &format!("{more}\n  objectives:"));
    world
}

const WARM: &str = "  pointsToEvaluate: []\n  warmStartFrom: [{name: last-week}]";

fn tried(world: &World) -> Vec<f64> {
    let run = world.temper(&["trials", "--store", ".temper/job", "-o", "json"]).output().unwrap();
    let trials: Vec<Value> = serde_json::from_slice(&run.stdout).unwrap();
    trials.iter().map(|trial| trial["parameters"]["x"].as_f64().unwrap()).collect()
}

#[test]
fn a_job_begins_where_an_earlier_one_was_good() {
    let world = world(WARM);
    world.run(&[]).exits(0).says(&["learned from 12 of 12 trials of last-week", "4 completed"]);
    let tried = tried(&world);
    let near = tried.iter().filter(|x| (*x - 0.7).abs() < 0.15).count();
    // By Sobol's sequence one of four would be.
    assert!(near >= 3, "{tried:?}");
    let cold = self::world("  pointsToEvaluate: []");
    cold.run(&[]).exits(0);
    assert_ne!(tried, self::tried(&cold));
}

#[test]
fn what_was_learned_stays_when_the_earlier_job_is_gone() {
    let warm = world(WARM);
    warm.run(&[]).exits(0);
    let interrupted = world(WARM);
    interrupted.replace("maxTrials: 4", "maxTrials: 2");
    interrupted.run(&[]).exits(0);
    fs::remove_dir_all(interrupted.path(".temper/last-week")).unwrap();
    interrupted.replace("maxTrials: 2", "maxTrials: 4");
    interrupted.run(&[]).exits(0).says(&["resuming job"]);
    assert_eq!(interrupted.count(&[("/saw", "learned")]), 1);
    // Two run at once: each proposal depends on which of them had ended, so only the first two are the same for sure.
    assert_eq!(tried(&interrupted)[..2], tried(&warm)[..2]);
    interrupted.run(&["--fresh"]).exits(2).says(&["there is no job last-week in .temper"]);
}

#[test]
fn a_job_that_is_not_there_or_not_over_is_said_and_nothing_is_begun() {
    let world = world(WARM);
    world.replace("last-week", "lastweek");
    world.run(&[]).exits(2).says(&[
        "spec.warmStartFrom: there is no job lastweek in .temper",
        "did you mean \"last-week\"?",
        "run them to their end first",
    ]);
    assert!(!world.store().exists());
    // One that is suspended is not over.
    world.replace("{name: job}", "{name: lastweek}");
    world.replace("[{name: lastweek}]", "[]");
    world.replace("  objectives:", "  suspend: true\n  objectives:");
    world.run(&[]).exits(0);
    world.replace("  suspend: true\n", "");
    world.replace("{name: lastweek}", "{name: job}");
    world.replace("warmStartFrom: []", "warmStartFrom: [{name: lastweek}]");
    world.run(&[]).exits(2).says(&["lastweek is not finished"]);
    assert!(!world.store().exists());
}

#[test]
fn explain_ask_tell_and_simulate_learn_too() {
    let world = world(WARM);
    let output = |arguments: &[&str]| {
        let output = world.temper(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let learned = "learned from 12 of 12 trials of last-week";
    assert!(output(&["explain", "job.yaml"]).contains(learned));
    assert!(output(&["ask-tell", "job.yaml"]).contains(learned));
    let explained: Value = serde_json::from_str(&output(&["explain", "-o", "json", "job.yaml"])).unwrap();
    let first = explained["proposals"][0]["x"].as_f64().unwrap();
    assert!((first - 0.7).abs() < 0.15, "{first}");
    fs::write(world.path("curves.csv"), "x,a,epoch\n0.5,0.9,1\n").unwrap();
    assert!(output(&["simulate", "job.yaml", "--curves", "curves.csv"]).contains(learned));
    // On a machine that does not have it, it may still be right for a cluster.
    fs::remove_dir_all(world.path(".temper")).unwrap();
    assert!(output(&["explain", "job.yaml"]).contains("there is no job last-week in .temper"));
    assert_eq!(world.temper(&["ask-tell", "job.yaml"]).output().unwrap().status.code(), Some(2));
}
