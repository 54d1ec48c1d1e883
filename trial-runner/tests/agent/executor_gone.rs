//! An executor that is killed, an agent that is killed: nothing is left running, nothing finished is lost.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
};

use temper_runner::agent::protocol::{ENDED_FILE, Ended, Order, Outcome};

use crate::harness::{Agent, BINARY, LONG, Trial, alive, until};

const STUBBORN: &str = "trap '' TERM; (trap '' TERM; sleep 60) & setsid sleep 60 & echo '{\"accuracy\": 1}'; while :; do sleep 1; done";

#[test]
fn when_the_executor_is_killed_nothing_is_left_running() {
    let trial = Trial::of(STUBBORN);
    let order = serde_json::to_string(&Order::Assign(Box::new(trial.assignment.clone()))).unwrap();
    // A process of its own holds the orders' end, so that it can be killed as an executor can.
    let mut executor = Command::new("sh")
        .args(["-c", "echo \"$ORDER\"; exec sleep 1000"])
        .env("ORDER", order)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let process = Command::new(BINARY)
        .arg("agent")
        .stdin(executor.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut agent = Agent::of(process);
    agent.next_report();
    assert!(alive(&trial.assignment.dir).len() >= 3);
    executor.kill().unwrap();
    executor.wait().unwrap();
    agent.wait();
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0]);
    assert!(!trial.assignment.dir.join(ENDED_FILE).exists(), "it did not come to an end");
}

#[test]
fn an_end_that_is_not_acknowledged_is_kept_with_all_its_reports() {
    let trial = Trial::of("for i in 1 2 3; do echo \"{\\\"accuracy\\\": 0.$i}\"; done");
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    let told = agent.story();
    agent.go();
    agent.wait();
    let kept = Ended::left_behind(&trial.assignment.dir).unwrap().expect("an ended.json");
    assert_eq!(kept.outcome, Outcome::Succeeded);
    assert_eq!(kept.reports, told.reports);
    assert_eq!(kept.last, told.ended.last);
}

#[test]
fn an_executor_that_goes_while_the_command_ends_loses_nothing() {
    // The goal is reached and the command takes its time to go: it is killed, and its result kept.
    let trial = Trial::of("trap '' TERM; echo '{\"accuracy\": 0.5}'; while :; do sleep 1; done")
        .with(|assignment| assignment.run_to = Some(1));
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    agent.next_report();
    agent.go();
    agent.wait();
    let kept = Ended::left_behind(&trial.assignment.dir).unwrap().expect("an ended.json");
    assert_eq!((kept.outcome, kept.reports.len()), (Outcome::Succeeded, 1));
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0]);
}

#[test]
fn an_acknowledged_end_and_an_agent_without_work_leave_nothing_behind() {
    let trial = Trial::of("echo '{\"accuracy\": 1}'");
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    agent.story();
    agent.order(&[Order::Ack]);
    agent.go();
    agent.wait();
    assert!(agent.process.wait().unwrap().success());
    assert_eq!(Ended::left_behind(&trial.assignment.dir).unwrap(), None);
}

#[test]
fn when_the_agent_is_terminated_it_ends_its_command_first() {
    let trial = Trial::of(STUBBORN);
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    agent.next_report();
    let status = Command::new("kill").arg(agent.pid().to_string()).status().unwrap();
    assert!(status.success());
    agent.wait();
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0]);
}

#[test]
fn when_the_agent_is_killed_the_command_dies_and_the_rest_can_be_found() {
    let trial = Trial::of(STUBBORN);
    // By what an executor puts into its agents' environment it finds what they leave.
    let mark = format!("store-of-{}", trial.path("").display());
    let process = Command::new(BINARY)
        .arg("agent")
        .env("TEMPER_STORE", &mark)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut agent = Agent::of(process.unwrap());
    agent.assign(&trial.assignment);
    agent.next_report();
    agent.process.kill().unwrap();
    assert_eq!(agent.process.wait().unwrap().signal(), Some(9));
    until("the command itself is gone", || {
        !alive(&trial.assignment.dir).iter().any(|command| command.contains("while :"))
    });
    let left = alive(Path::new(&mark));
    assert!(!left.is_empty(), "what the command had started lives on");
    assert_eq!(left, alive(&trial.assignment.dir));
    let pids = left.iter().filter_map(|process| Some(process.split_once(':')?.0));
    assert!(Command::new("kill").arg("-KILL").args(pids).status().unwrap().success());
    until("nothing is left", || alive(Path::new(&mark)).is_empty());
}

#[test]
fn an_executor_that_cannot_be_understood_is_none() {
    let mut process = Command::new(BINARY)
        .arg("agent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut orders = process.stdin.take().unwrap();
    std::io::Write::write_all(&mut orders, b"{\"order\": \"dance\"}\n").unwrap();
    let output = process.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no order: unknown variant `dance`"), "{error}");
}

#[test]
fn a_full_pipe_to_an_executor_that_does_not_listen_stops_neither_the_command_nor_the_end() {
    let script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo \"{\\\"accuracy\\\": 0.5, \\\"loss\\\": $i}\"; done; echo done >&2";
    let trial = Trial::of(script);
    let mut process =
        Command::new(BINARY).arg("agent").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let order = serde_json::to_string(&Order::Assign(Box::new(trial.assignment.clone()))).unwrap() + "\n";
    std::io::Write::write_all(process.stdin.as_mut().unwrap(), order.as_bytes()).unwrap();
    until("the command is done", || trial.log("stderr.log") == b"done\n");
    let mut agent = Agent::of(process);
    let story = agent.story();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert!(story.reports.len() < 60_000, "some were refused");
    let last = story.ended.last.unwrap();
    assert_eq!((last.resource, last.metrics["loss"]), (60_000, 60_000.0));
    assert_eq!(
        story.ended.reports.last().map(|report| report.resource),
        Some(60_000),
        "and are told at the end"
    );
    agent.order(&[Order::Ack]);
    assert!(fs::metadata(&trial.assignment.dir).is_ok() && LONG.as_secs() > 0);
}
