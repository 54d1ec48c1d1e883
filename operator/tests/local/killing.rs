//! kill -9, of the executor and of agents, at any moment.

use std::{collections::BTreeMap, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use crate::world::{Job, World, signal};

/// Holds a lock while it runs, so that two attempts of one trial at once are noticed, and leaves a process behind that
/// has moved to a session of its own.
const TRAINING: Job = Job {
    parameters: "[{name: x, type: float, min: 0, max: 1}]",
    algorithm: "Random",
    budget: "{maxTrials: 30, parallelism: 3}",
    more: "",
    trial: "",
    container: "",
    script: r#"
exec 9>>"$LOG.$TEMPER_TRIAL"
flock -n 9 || echo "overlap $TEMPER_TRIAL $TEMPER_ATTEMPT" >>"$LOG"
echo "begin $TEMPER_TRIAL $TEMPER_ATTEMPT" >>"$LOG"
setsid sleep 600 9>&- &
for epoch in 1 2 3; do
    sleep 0.02
    report $epoch $PARAM_x
done
echo "end $TEMPER_TRIAL $TEMPER_ATTEMPT" >>"$LOG"
"#,
};

/// Kills after waits that differ from run to run of the program by themselves, and from one another by this.
fn waits() -> impl Iterator<Item = Duration> {
    (1u64..).map(|n| Duration::from_millis(20 + n * n * 7919 % 180))
}

#[test]
fn killed_again_and_again_a_job_is_finished_as_if_nothing_had_been() {
    let world = World::new(&TRAINING);
    let mut kills = 0;
    for wait in waits().take(40) {
        let mut run = world.begin();
        std::thread::sleep(wait);
        if kills % 4 == 3 {
            // Not even the agents live to clean up.
            world.agents().into_iter().for_each(|agent| signal(agent.cast_unsigned(), Signal::KILL));
        }
        run.kill().unwrap();
        if run.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 5, "the job was over after {kills} kills");
    world.run(&[]).exits(0).says(&["30 of 30 created, 30 completed"]);
    world.assert_no_process_left();

    let log = world.log();
    let overlaps: Vec<_> = log.iter().filter(|line| line.starts_with("overlap")).collect();
    assert!(overlaps.is_empty(), "ran twice at once: {overlaps:?}");
    let journal = world.journal();
    let of = |member: &str, value: &str| {
        journal.iter().filter(|event| event[member] == value).collect::<Vec<&Value>>()
    };
    let created: Vec<u64> = of("do", "create").iter().filter_map(|event| event["trial"].as_u64()).collect();
    assert_eq!(created, (0..30).collect::<Vec<_>>(), "each index once");
    let succeeded = of("saw", "ended").into_iter().filter(|event| event["ending"]["how"] == "succeeded");
    let mut finished = BTreeMap::new();
    for event in succeeded {
        *finished.entry(event["trial"].as_u64().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(finished, (0..30).map(|trial| (trial, 1)).collect(), "each trial finished once");
    // What was recorded to have ended well is in no later attempt's way.
    for (trial, attempt) in of("do", "start").iter().map(|event| (&event["trial"], event["attempt"].as_u64()))
    {
        let again = log.iter().filter(|line| **line == format!("begin {trial} {}", attempt.unwrap())).count();
        assert!(again <= 1, "attempt {attempt:?} of trial {trial} was begun {again} times");
    }
}

#[test]
fn an_end_that_was_not_recorded_is_taken_up_and_not_run_again() {
    // The executor is stopped, so that it records nothing, until the trial has ended; then both are killed.
    let world = World::new(&Job {
        budget: "{maxTrials: 1}",
        script: "echo begin >>$LOG; sleep 0.3; report 1 0.7; report 2 0.8; echo end >>$LOG",
        ..Job::default()
    });
    let mut run = world.begin();
    world.await_log(1);
    signal(run.id(), Signal::STOP);
    world.await_log(2);
    std::thread::sleep(Duration::from_millis(200));
    run.kill().unwrap();
    run.wait().unwrap();
    let ended = world.store().join("trials/0000/1/ended.json");
    World::wait_for(|| ended.exists(), "the agent to leave the end behind");
    world.run(&[]).exits(0).says(&["best: trial 0  a=0.8"]);
    assert_eq!(world.log(), ["begin", "end"], "it ran once");
    assert!(!ended.exists());
    assert_eq!(world.count(&[("/saw", "reported")]), 2);
}

#[test]
fn the_trial_of_a_killed_agent_is_tried_again_and_the_others_go_on() {
    let world = World::new(&Job {
        budget: "{maxTrials: 6, parallelism: 2}",
        script: "echo begin >>$LOG; setsid sleep 600 & sleep 0.3; report 1 $PARAM_x",
        ..Job::default()
    });
    let run = world.begin();
    world.await_log(1);
    let agents = world.agents();
    signal(agents[0].cast_unsigned(), Signal::KILL);
    let run = crate::world::Run::of(&run.wait_with_output().unwrap()).exits(0);
    run.says(&["6 completed", "its agent died (killed by SIGKILL)"]);
    world.assert_no_process_left();
    assert_eq!(world.count(&[("/ending/how", "disrupted")]), 1);
    assert_eq!(world.count(&[("/do", "start")]), 7);
}
