//! What becomes of commands that end by themselves.

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use serde_json::json;
use temper_runner::agent::protocol::{ENDED_FILE, EnvVar, FailureReason, Message, Order, Outcome};

use crate::harness::{Agent, LONG, Trial};

#[test]
fn a_command_that_reports_and_ends_succeeds() {
    let trial = Trial::of(
        r#"for i in 1 2 3; do echo "{\"epoch\": $i, \"accuracy\": 0.$i}"; echo log; done; echo no >&2"#,
    )
    .with(|assignment| assignment.resource = Some("epoch".into()));
    let story = trial.run();
    assert_eq!(story.accuracy(), [(1, 0.1), (2, 0.2), (3, 0.3)]);
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert_eq!((story.ended.trial, story.ended.attempt, story.ended.exit_code), (3, 1, Some(0)));
    assert_eq!(story.ended.last.as_ref(), story.reports.last());
    assert_eq!(story.ended.reports, [], "all were sent");
    let log = String::from_utf8(trial.log("stdout.log")).unwrap();
    assert!(log.lines().count() == 6 && log.lines().last() == Some("log"), "{log}");
    assert_eq!(trial.log("stderr.log"), b"no\n");
    assert!(!trial.assignment.dir.join(ENDED_FILE).exists(), "it was acknowledged");
}

#[test]
fn one_agent_runs_one_trial_after_another() {
    let trial = Trial::of("echo '{\"accuracy\": 1}'");
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    for _ in 0..20 {
        let Some(Message::Started { trial: 3, attempt: 1, pid }) = agent.next() else {
            panic!("not started")
        };
        assert!(pid > 1);
        assert_eq!(agent.story().accuracy(), [(1, 1.0)]);
        // A stop that comes too late is for the trial that has ended, not for the next.
        agent.order(&[
            Order::Stop { reason: "late".into() },
            Order::Ack,
            Order::Assign(Box::new(trial.assignment.clone())),
        ]);
    }
    assert_eq!(agent.story().ended.outcome, Outcome::Succeeded);
    agent.order(&[Order::Ack]);
}

#[test]
fn parameters_come_by_environment_by_expansion_and_as_a_file() {
    let script = r#"
        echo "env $PARAM_lr" "args $1" "own $OWN" "in $PWD"
        echo "file $(cat $TEMPER_PARAMETERS)"
        echo "about $TEMPER_TRIAL $TEMPER_ATTEMPT $TEMPER_RESOURCE_MAX $TEMPER_JOB $(ls $TEMPER_CHECKPOINT_DIR | wc -l)"
        echo '{"accuracy": $(PARAM_lr)}'
    "#;
    let elsewhere = tempfile::tempdir().unwrap();
    let trial = Trial::of(script).with(|assignment| {
        assignment.command.extend(["sh", "--lr=$(PARAM_lr) $$(PARAM_lr) $(NONE)"].map(String::from));
        assignment.parameters = json!({"lr": 0.25, "opt": "sgd"}).as_object().unwrap().clone();
        assignment.env = vec![EnvVar { name: "OWN".into(), value: "$(PARAM_opt)!".into() }];
        assignment.working_dir = Some(elsewhere.path().canonicalize().unwrap());
        assignment.run_to = Some(9);
    });
    let story = trial.run();
    assert_eq!(story.accuracy(), [(1, 0.25)]);
    let log = String::from_utf8(trial.log("stdout.log")).unwrap();
    let elsewhere = elsewhere.path().canonicalize().unwrap();
    for line in [
        format!("env 0.25 args --lr=0.25 $(PARAM_lr) $(NONE) own sgd! in {}", elsewhere.display()),
        r#"file {"lr":0.25,"opt":"sgd"}"#.into(),
        "about 3 1 9 test 0".into(),
    ] {
        assert!(log.lines().any(|logged| logged == line), "{line}\n{log}");
    }
}

#[test]
fn a_divergence_ends_the_trial_at_once() {
    let begun = Instant::now();
    let trial = Trial::of(
        r#"echo '{"epoch": 2, "accuracy": 0.5}'; echo '{"epoch": 3, "accuracy": NaN}'; trap "" TERM; while :; do sleep 1; done"#,
    )
    .with(|assignment| assignment.resource = Some("epoch".into()));
    let story = trial.run();
    assert!(begun.elapsed() < LONG / 3);
    assert_eq!(story.accuracy(), [(2, 0.5)]);
    assert_eq!(story.ended.last.as_ref().map(|last| last.resource), Some(2));
    assert_eq!(story.failure(), (FailureReason::Diverged, "accuracy is NaN at epoch 3".into()));
}

#[test]
fn a_command_that_prints_nan_and_ends_has_diverged_and_not_succeeded() {
    let (reason, message) = Trial::of("echo '{\"accuracy\": Infinity}'").failure();
    assert_eq!((reason, message.as_str()), (FailureReason::Diverged, "accuracy is inf at report 1"));
}

#[test]
fn exit_zero_without_a_metric_is_a_failure_that_names_what_was_seen() {
    let (reason, message) = Trial::of("echo '{\"acuracy\": 1}'").failure();
    assert_eq!(reason, FailureReason::NoMetric);
    assert!(
        message.contains("never reported accuracy") && message.contains("did you mean \"acuracy\"?"),
        "{message}"
    );
    let (reason, message) = Trial::of("").failure();
    assert_eq!(reason, FailureReason::NoMetric);
    assert!(message.contains("on stdout (format JSONLines), and found no metric at all"), "{message}");
}

#[test]
fn a_resumed_trial_that_has_nothing_left_to_do_succeeds() {
    let trial = Trial::of("exit 0").with(|assignment| assignment.reported_to = Some(3));
    assert_eq!(trial.run().ended.outcome, Outcome::Succeeded);
}

#[test]
fn a_bad_exit_is_told_with_its_code_and_the_end_of_stderr() {
    let story = Trial::of("echo '{\"accuracy\": 1}'; echo 'ValueError: no such layer' >&2; exit 3").run();
    assert_eq!((story.ended.exit_code, story.reports.len()), (Some(3), 1));
    let (reason, message) = story.failure();
    assert_eq!(reason, FailureReason::ExitCode);
    assert_eq!(message, "exit code 3; its stderr ends with\n  ValueError: no such layer");
}

#[test]
fn a_signal_is_named_and_sigkill_is_said_to_be_memory() {
    let (reason, message) = Trial::of("kill -SEGV $$$$").failure();
    assert_eq!((reason, message.as_str()), (FailureReason::Signal, "killed by SIGSEGV (signal 11)"));
    let (reason, message) = Trial::of("kill -KILL $$$$").failure();
    assert!(reason == FailureReason::Killed && message.contains("memory ran out"), "{message}");
}

#[test]
fn a_command_that_cannot_start_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, mode, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let command = |program: &str| Trial::of("").with(|assignment| assignment.command = vec![program.into()]);
    for (trial, why) in [
        (
            command("no-such-program-at-all"),
            "command not found: \"no-such-program-at-all\" is in no folder of PATH",
        ),
        (command("slepe"), "did you mean \"sleep\"?"),
        (command("/no/such/program"), "command not found: there is no file /no/such/program"),
        (command(&file("plain", 0o644, "#!/bin/sh\n")), "is not executable (chmod +x"),
        (command(&file("lost", 0o755, "#!/no/such/shell\n")), "names an interpreter in its first line"),
        (command("/"), "/ is a folder, not a program"),
        (Trial::of("").with(|assignment| assignment.command.clear()), "the command is empty"),
        (
            Trial::of("").with(|assignment| assignment.working_dir = Some("/no/such/folder".into())),
            "the working folder /no/such/folder is not there",
        ),
        (
            Trial::of("").with(|assignment| assignment.metrics.format = "KeyValues".into()),
            "metrics.format: there is no \"KeyValues\" (did you mean \"KeyValue\"?)",
        ),
        (
            Trial::of("").with(|assignment| assignment.checkpoints = Some("ftp://bucket".into())),
            "trial.checkpoints: \"ftp://bucket\": this agent knows no ftp://; it keeps checkpoints in file://",
        ),
        (
            Trial::of("").with(|assignment| assignment.dir = "/dev/null/x".into()),
            "the attempt's folder /dev/null/x: Not a directory",
        ),
    ] {
        let (reason, message) = trial.failure();
        assert_eq!(reason, FailureReason::CannotStart);
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn after_a_failure_to_start_the_agent_goes_on() {
    let mut agent = Agent::start();
    agent.assign(&Trial::of("").with(|assignment| assignment.command.clear()).assignment);
    assert!(matches!(agent.story().ended.outcome, Outcome::Failed { .. }));
    agent.order(&[Order::Ack]);
    agent.assign(&Trial::of("echo '{\"accuracy\": 1}'").assignment);
    assert_eq!(agent.story().ended.outcome, Outcome::Succeeded);
}
