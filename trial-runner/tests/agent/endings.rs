//! Bringing commands to their end, with everything they have started.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use temper_runner::agent::protocol::{Order, Outcome};

use crate::harness::{Agent, LONG, Story, Trial, alive, until};

/// Runs a trial and gives the order once it has reported.
fn order_after_report(trial: &Trial, order: Order) -> (Story, Duration) {
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    agent.next_report();
    let begun = Instant::now();
    agent.order(&[order]);
    let story = agent.story();
    let took = begun.elapsed();
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0], "something is left running");
    agent.order(&[Order::Ack]);
    (story, took)
}

fn stop() -> Order {
    Order::Stop { reason: "not promising".into() }
}

#[test]
fn a_stop_lets_the_command_end_in_its_own_way() {
    let trial = Trial::of(
        r#"trap 'echo "{\"accuracy\": 2}"; exit 7' TERM; echo '{"accuracy": 1}'; while :; do sleep 0.01; done"#,
    );
    let (story, took) = order_after_report(&trial, stop());
    assert!(took < LONG / 6, "{took:?}");
    assert_eq!((story.ended.outcome, story.ended.exit_code), (Outcome::Stopped, Some(7)));
    assert_eq!(story.reports.len(), 1, "what it reported on its way out");
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_after_the_grace() {
    let trial = Trial::of(r#"trap "" TERM; echo '{"accuracy": 1}'; while :; do sleep 1; done"#)
        .with(|assignment| assignment.grace_seconds = 0.3);
    let (story, took) = order_after_report(&trial, stop());
    assert_eq!(story.ended.outcome, Outcome::Stopped);
    assert!(took > Duration::from_millis(300) && took < LONG / 6, "{took:?}");
}

#[test]
fn a_pause_ends_it_as_paused() {
    let trial = Trial::of("echo '{\"accuracy\": 1}'; sleep 60");
    let (story, took) = order_after_report(&trial, Order::Pause);
    assert_eq!(story.ended.outcome, Outcome::Paused);
    assert!(took < LONG / 6, "{took:?}");
}

#[test]
fn a_stop_that_comes_right_behind_its_assignment_is_obeyed() {
    let trial = Trial::of("sleep 60");
    let mut agent = Agent::start();
    agent.order(&[Order::Assign(Box::new(trial.assignment.clone())), stop()]);
    assert_eq!(agent.story().ended.outcome, Outcome::Stopped);
    agent.order(&[Order::Ack]);
}

#[test]
fn a_trial_that_reaches_run_to_is_ended_and_has_succeeded() {
    let script =
        r#"i=0; while :; do i=$((i+1)); echo "{\"epoch\": $i, \"accuracy\": 0.5}"; sleep 0.02; done"#;
    let trial = Trial::of(script).with(|assignment| {
        assignment.resource = Some("epoch".into());
        assignment.run_to = Some(4);
    });
    let story = trial.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert_eq!(story.accuracy().last(), Some(&(4, 0.5)));
    assert_eq!(story.reports.len(), 4);
}

#[test]
fn at_run_to_the_other_objectives_are_waited_for() {
    let trial = Trial::of("echo '{\"accuracy\": 1}'; sleep 0.3; echo '{\"latency\": 7}'; sleep 60").with(
        |assignment| {
            assignment.objectives.push("latency".into());
            assignment.run_to = Some(1);
        },
    );
    let story = trial.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    let last = story.ended.last.unwrap();
    assert_eq!((last.resource, last.metrics["accuracy"], last.metrics["latency"]), (1, 1.0, 7.0));
}

#[test]
fn a_grandchild_that_holds_the_outputs_does_not_hold_up_the_end() {
    let trial = Trial::of("(trap '' TERM; sleep 60) & echo '{\"accuracy\": 1}'; exit 0");
    let begun = Instant::now();
    let story = trial.run();
    assert_eq!((story.accuracy(), story.ended.outcome), (vec![(1, 1.0)], Outcome::Succeeded));
    assert!(begun.elapsed() < LONG / 6, "{:?}", begun.elapsed());
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0]);
}

/// A daemon as it should be: forked twice, in a session of its own, its outputs closed.
const DAEMON: &str = "setsid sh -c 'trap \"\" TERM HUP; (while :; do sleep 60; done) >/dev/null 2>&1 &' &";

#[test]
fn a_daemon_is_ended_with_the_command_that_started_it() {
    let trial = Trial::of(&format!("{DAEMON} sleep 0.2; echo '{{\"accuracy\": 1}}'"));
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    until("the daemon runs", || alive(&trial.assignment.dir).len() >= 3);
    let story = agent.story();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0]);
    agent.order(&[Order::Ack]);
}

#[test]
fn a_daemon_is_ended_by_a_stop() {
    let trial = Trial::of(&format!("{DAEMON} sleep 0.2; echo '{{\"accuracy\": 1}}'; sleep 60"));
    let (story, _) = order_after_report(&trial, stop());
    assert_eq!(story.ended.outcome, Outcome::Stopped);
}

#[test]
fn a_command_that_forks_as_it_is_killed_leaves_nothing() {
    let script = "f() { while :; do (sleep 60) & sleep 0.001; done; }; trap '' TERM; (f) & (f) & echo '{\"accuracy\": 1}'; f";
    let trial = Trial::of(script).with(|assignment| assignment.grace_seconds = 0.2);
    let (story, _) = order_after_report(&trial, stop());
    assert_eq!(story.ended.outcome, Outcome::Stopped);
}

#[test]
fn processes_that_a_command_abandons_do_not_pile_up_as_zombies() {
    let trial = Trial::of("for i in $(seq 50); do (true &) ; done; echo '{\"accuracy\": 1}'; sleep 60");
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    agent.next_report();
    let agent_pid = agent.pid().to_string();
    let zombies = || {
        fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter(|entry| {
                let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
                fields.next() == Some("Z") && fields.next() == Some(&agent_pid)
            })
            .count()
    };
    until("the zombies are gone", || zombies() == 0);
    agent.order(&[stop()]);
    assert_eq!(agent.story().ended.outcome, Outcome::Stopped);
    agent.order(&[Order::Ack]);
}

#[test]
fn a_command_that_closes_its_outputs_is_waited_for_without_spinning() {
    let trial = Trial::of("echo '{\"accuracy\": 1}'; exec >&- 2>&-; exec sleep 1");
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    let report = agent.next_report();
    assert_eq!(report.resource, 1);
    thread::sleep(Duration::from_millis(700));
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
    let ticks: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse().unwrap())
        .collect();
    assert!(ticks.iter().sum::<u64>() < 30, "processor time in hundredths of a second: {ticks:?}");
    assert_eq!(agent.story().ended.outcome, Outcome::Succeeded);
    agent.order(&[Order::Ack]);
}

#[test]
fn a_command_that_minds_how_far_to_go_ends_in_its_own_way() {
    let script = r#"
        i=0; while [ $i -lt $TEMPER_RESOURCE_MAX ]; do i=$((i+1)); echo "{\"accuracy\": 0.5}"; done
        sleep 0.1; echo done > $TEMPER_DIR/summary
    "#;
    let trial = Trial::of(script).with(|assignment| assignment.run_to = Some(2));
    let story = trial.run();
    assert_eq!((story.ended.outcome, story.ended.exit_code), (Outcome::Succeeded, Some(0)));
    assert_eq!(trial.log("summary"), b"done\n");
}

#[test]
fn after_a_divergence_nothing_more_is_reported() {
    let trial = Trial::of(r#"printf '{"accuracy": 0.5}\n{"accuracy": NaN}\n{"accuracy": 0.6}\n'; sleep 60"#);
    let story = trial.run();
    assert_eq!(story.accuracy(), [(1, 0.5)]);
    assert_eq!(story.ended.last.map(|last| last.resource), Some(1));
}
