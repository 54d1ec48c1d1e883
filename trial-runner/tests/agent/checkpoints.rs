//! Checkpoints of real commands: committed, resumed from, refused.

use std::fs;

use temper_runner::agent::{
    file_path,
    protocol::{FailureReason, Order, Outcome},
};

use crate::harness::{Agent, TRAINER, Trial, alive};

fn trainer(script: &str) -> Trial {
    Trial::of(script).with_checkpoints().with(|assignment| assignment.resource = Some("epoch".into()))
}

fn state(uri: &str) -> String {
    let folder = file_path(uri).unwrap();
    assert!(folder.join("manifest.json").exists());
    fs::read_to_string(folder.join("state")).unwrap().trim().to_owned()
}

#[test]
fn what_is_there_at_the_end_is_committed() {
    let trial = trainer(TRAINER);
    let story = trial.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    let checkpoint = story.ended.checkpoint.unwrap();
    assert_eq!((checkpoint.resource, state(&checkpoint.uri).as_str()), (9, "9"));
    assert_eq!(story.checkpoints.last(), Some(&checkpoint));
    assert!(!trial.assignment.dir.join("checkpoint").exists(), "it was moved");
}

#[test]
fn a_trial_goes_on_from_where_it_was_paused() {
    let first = trainer(TRAINER).with(|assignment| assignment.run_to = Some(3));
    let story = first.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    let checkpoint = story.ended.checkpoint.unwrap();
    assert_eq!(checkpoint.resource, 3);
    let reached: u64 = state(&checkpoint.uri).parse().unwrap();
    assert!(reached >= 3, "the state of at least the last report");

    let mut second = trainer(TRAINER);
    second.assignment.checkpoints.clone_from(&first.assignment.checkpoints);
    second.assignment.attempt = 2;
    second.assignment.resume_from = Some(checkpoint.uri);
    second.assignment.reported_to = Some(3);
    let story = second.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    let resources: Vec<u64> = story.reports.iter().map(|report| report.resource).collect();
    assert_eq!(resources, (reached.max(3) + 1..=9).collect::<Vec<_>>(), "nothing is done twice");
    assert_eq!(state(&story.ended.checkpoint.unwrap().uri), "9");
}

#[test]
fn a_place_is_what_its_uri_says_whatever_is_in_its_path() {
    for name in ["with space", "50%", "100%25", "é#?"] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(name);
        let first = trainer(TRAINER).with_checkpoints_in(&place);
        let uri = first.run().ended.checkpoint.unwrap().uri;
        assert_eq!(file_path(&uri).unwrap(), place.join("3").join(uri.rsplit('/').next().unwrap()));
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), [name], "nothing lies beside it");
        let second = trainer("cat $TEMPER_CHECKPOINT_DIR/state; exit 0").with(|assignment| {
            assignment.resume_from = Some(uri);
            assignment.reported_to = Some(9);
        });
        assert_eq!(second.run().ended.outcome, Outcome::Succeeded);
        assert_eq!(second.log("stdout.log"), b"9\n", "{name}");
    }
}

#[test]
fn what_was_committed_before_escapes_were_read_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let first = trainer(TRAINER).with_checkpoints_in(&folder.path().join("with%20space"));
    let committed = file_path(&first.run().ended.checkpoint.unwrap().uri).unwrap();
    // As it was on record then: the path that the agent made of it was the URI's, as it stands.
    let uri = format!("file://{}", committed.display());
    let resumed = trainer("cat $TEMPER_CHECKPOINT_DIR/state; exit 0").with(|assignment| {
        assignment.resume_from = Some(uri);
        assignment.reported_to = Some(9);
    });
    assert_eq!(resumed.run().ended.outcome, Outcome::Succeeded);
    assert_eq!(resumed.log("stdout.log"), b"9\n");
}

#[test]
fn without_a_resource_reports_are_counted_on_from_the_checkpoint() {
    let script =
        "cat $TEMPER_CHECKPOINT_DIR/state; echo '{\"accuracy\": 1}'; echo x > $TEMPER_CHECKPOINT_DIR/state";
    let first = Trial::of(script).with_checkpoints();
    let checkpoint = first.run().ended.checkpoint.unwrap();
    let second = Trial::of(script).with(|assignment| assignment.resume_from = Some(checkpoint.uri));
    assert_eq!(second.run().accuracy(), [(2, 1.0)]);
    assert_eq!(second.log("stdout.log"), b"x\n{\"accuracy\": 1}\n");
}

#[test]
fn a_pause_lets_the_command_save_and_commits_it() {
    let script = r#"
        trap 'echo saved > $TEMPER_CHECKPOINT_DIR/state; exit 0' TERM
        echo '{"accuracy": 1}'; while :; do sleep 0.01; done
    "#;
    let trial = Trial::of(script).with_checkpoints();
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    agent.next_report();
    agent.order(&[Order::Pause]);
    let story = agent.story();
    assert_eq!(story.ended.outcome, Outcome::Paused);
    assert_eq!(state(&story.ended.checkpoint.unwrap().uri), "saved");
    agent.order(&[Order::Ack]);
}

#[test]
fn checkpoints_are_committed_while_the_command_runs_and_the_newest_two_kept() {
    let script = r#"
        cd $TEMPER_CHECKPOINT_DIR
        for i in 1 2 3; do
            echo "{\"epoch\": $i, \"accuracy\": 0.5}"; echo $i > state.tmp; mv state.tmp state
            while [ ! -d ../../checkpoints/3/$i-1-$i ] || [ ! -e ../../checkpoints/3/$i-1-$i/manifest.json ]; do sleep 0.02; done
        done
    "#;
    let trial = trainer(script);
    let story = trial.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    let taken: Vec<u64> = story.checkpoints.iter().map(|checkpoint| checkpoint.resource).collect();
    assert_eq!(taken, [1, 2, 3]);
    let mut kept: Vec<_> = fs::read_dir(trial.path("checkpoints/3"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["2-1-2", "3-1-3"]);
    assert_eq!(state(&story.checkpoints[1].uri), "2", "the one before is as it was");
}

#[test]
fn a_trial_killed_in_the_middle_of_a_write_resumes_from_the_last_committed() {
    let script = r#"
        cd $TEMPER_CHECKPOINT_DIR
        echo '{"epoch": 1, "accuracy": 0.5}'; echo 1 > state
        while [ ! -e ../../checkpoints/3/1-1-1/manifest.json ]; do sleep 0.02; done
        echo '{"epoch": 2, "accuracy": 0.6}'; printf torn > state
        echo '{"epoch": 3, "accuracy": 0.7}'; while :; do printf more >> state; sleep 0.01; done
    "#;
    let trial = trainer(script);
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    while agent.next_report().resource < 3 {}
    agent.go();
    agent.wait();
    assert_eq!(alive(&trial.assignment.dir), [] as [String; 0]);
    let committed = trial.path("checkpoints/3/1-1-1");
    let resumed = trainer("cat $TEMPER_CHECKPOINT_DIR/state; exit 0").with(|assignment| {
        assignment.resume_from = Some(format!("file://{}", committed.display()));
        assignment.reported_to = Some(3);
    });
    assert_eq!(resumed.run().ended.outcome, Outcome::Succeeded);
    assert_eq!(resumed.log("stdout.log"), b"1\n");
}

#[test]
fn at_run_to_the_checkpoint_is_waited_for_but_not_beyond_the_grace() {
    let script = "echo '{\"accuracy\": 1}'; sleep 0.5; echo 1 > $TEMPER_CHECKPOINT_DIR/state; sleep 60";
    let trial = Trial::of(script).with_checkpoints().with(|assignment| assignment.run_to = Some(1));
    let story = trial.run();
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert_eq!(state(&story.ended.checkpoint.unwrap().uri), "1");

    let trial = Trial::of("echo '{\"accuracy\": 1}'; sleep 60").with_checkpoints().with(|assignment| {
        assignment.run_to = Some(1);
        assignment.grace_seconds = 0.3;
    });
    let story = trial.run();
    assert_eq!((story.ended.outcome, story.ended.checkpoint), (Outcome::Succeeded, None));
}

#[test]
fn a_checkpoint_that_is_not_whole_is_refused() {
    let first = trainer(TRAINER);
    let uri = first.run().ended.checkpoint.unwrap().uri;
    let folder = file_path(&uri).unwrap();
    fs::write(folder.join("state"), "8\n").unwrap();
    let resume = |uri: &str| {
        let trial = trainer(TRAINER).with(|assignment| assignment.resume_from = Some(uri.into()));
        let (reason, message) = trial.failure();
        assert_eq!(reason, FailureReason::BadCheckpoint);
        message
    };
    assert!(resume(&uri).contains("state has the SHA-256"));
    fs::remove_file(folder.join("manifest.json")).unwrap();
    assert!(resume(&uri).contains("it was never committed"));
    assert!(resume("ftp://host/3/9-1-1").contains("this agent knows no ftp://"));
}

#[test]
fn a_place_that_cannot_be_written_costs_the_checkpoint_and_not_the_trial() {
    let trial =
        trainer(TRAINER).with(|assignment| assignment.checkpoints = Some("file:///proc/no/such".into()));
    let story = trial.run();
    assert_eq!((story.ended.outcome, story.ended.checkpoint), (Outcome::Succeeded, None));
    assert!(
        story.warnings.iter().any(|warning| warning.contains("a checkpoint is not committed")),
        "{:?}",
        story.warnings
    );
    assert!(
        trial.assignment.dir.join("checkpoint/state").exists(),
        "what is not committed is not thrown away"
    );
}
