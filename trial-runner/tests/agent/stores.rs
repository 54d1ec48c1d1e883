//! Checkpoints in a real S3 server.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use temper_runner::agent::protocol::{FailureReason, Order, Outcome};

use crate::{
    harness::{Agent, BINARY, Story, TRAINER, Trial, until},
    s3::{BUCKET, S3},
};

fn agent(variables: &[(&str, String)]) -> Agent {
    let mut command = Command::new(BINARY);
    command.arg("agent").stdin(Stdio::piped()).stdout(Stdio::piped());
    Agent::of(command.envs(variables.iter().cloned()).spawn().unwrap())
}

fn trial(script: &str) -> Trial {
    Trial::of(script).with(|assignment| {
        assignment.resource = Some("epoch".into());
        assignment.checkpoints = Some(format!("s3://{BUCKET}/jobs/one"));
    })
}

fn run(s3: &S3, trial: &Trial) -> Story {
    let mut agent = agent(&s3.variables());
    agent.assign(&trial.assignment);
    let story = agent.story();
    agent.order(&[Order::Ack]);
    story
}

#[test]
fn a_trial_goes_on_on_another_machine_from_what_it_has_put_there() {
    let Some(s3) = S3::start() else { return };
    let first = trial(TRAINER).with(|assignment| assignment.run_to = Some(3));
    let story = run(&s3, &first);
    let checkpoint = story.ended.checkpoint.unwrap();
    assert!(checkpoint.uri.starts_with("s3://models/jobs/one/3/3-1-"), "{}", checkpoint.uri);
    let key = checkpoint.uri.strip_prefix("s3://models/").unwrap();
    assert_eq!(s3.names(key), ["manifest.json", "state"]);
    let reached: u64 = fs::read_to_string(s3.object(key).join("state")).unwrap().trim().parse().unwrap();

    let second = trial(TRAINER).with(|assignment| {
        assignment.attempt = 2;
        assignment.resume_from = Some(checkpoint.uri.clone());
        assignment.reported_to = Some(3);
    });
    let story = run(&s3, &second);
    assert_eq!(story.ended.outcome, Outcome::Succeeded, "{:?}", story.warnings);
    let resources: Vec<u64> = story.reports.iter().map(|report| report.resource).collect();
    assert_eq!(resources, (reached.max(3) + 1..=9).collect::<Vec<_>>(), "nothing is done twice");
    let kept = s3.names("jobs/one/3");
    assert!(kept.len() <= 2 && kept.contains(&"9-2-1".into()), "only the newest: {kept:?}");
}

#[test]
fn what_is_not_whole_is_refused() {
    let Some(s3) = S3::start() else { return };
    let story =
        run(&s3, &trial("echo '{\"epoch\": 1, \"accuracy\": 1}'; echo x > $TEMPER_CHECKPOINT_DIR/state"));
    let uri = story.ended.checkpoint.unwrap().uri;
    let folder = s3.object(uri.strip_prefix("s3://models/").unwrap());
    let resume = |uri: &str| {
        let uri = uri.to_owned();
        let (reason, message) =
            run(&s3, &trial(TRAINER).with(|assignment| assignment.resume_from = Some(uri))).failure();
        assert_eq!(reason, FailureReason::BadCheckpoint);
        message
    };
    fs::write(folder.join("state"), "y\n").unwrap();
    assert!(resume(&uri).contains("state has the SHA-256"));
    fs::remove_file(folder.join("manifest.json")).unwrap();
    assert!(resume(&uri).contains("it was never committed"));
    assert!(resume("s3://nowhere/jobs/one/3/1-1-1").contains("NoSuchBucket"));
}

#[test]
fn long_files_go_in_parts_without_being_held_in_memory() {
    let Some(s3) = S3::start() else { return };
    // 160 MiB, not all of it zero.
    let script = r#"
        cd $TEMPER_CHECKPOINT_DIR; truncate -s 160M model.tmp; echo end >> model.tmp; mv model.tmp model
        echo '{"epoch": 1, "accuracy": 1}'
        while [ ! -e ../go ]; do sleep 0.05; done
    "#;
    let first = trial(script);
    let mut agent = agent(&s3.variables());
    agent.assign(&first.assignment);
    let manifest = s3.object("jobs/one/3/1-1-1/manifest.json");
    until("it is committed", || manifest.exists());
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 100_000, "the agent has taken {peak} kB");
    fs::write(first.assignment.dir.join("go"), "").unwrap();
    let uri = agent.story().ended.checkpoint.unwrap().uri;
    agent.order(&[Order::Ack]);

    let script = "cd $TEMPER_CHECKPOINT_DIR; stat -c %s model; tail -c 4 model; echo '{\"epoch\": 2, \"accuracy\": 1}'";
    let second = trial(script).with(|assignment| assignment.resume_from = Some(uri));
    let story = run(&s3, &second);
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    let size = (160 << 20) + 4;
    assert!(second.log("stdout.log").starts_with(format!("{size}\nend\n").as_bytes()));
}

#[test]
fn an_agent_killed_while_it_puts_leaves_nothing_that_would_be_read() {
    let Some(mut s3) = S3::start() else { return };
    let script = r#"
        cd $TEMPER_CHECKPOINT_DIR
        echo '{"epoch": 1, "accuracy": 0.5}'; echo 1 > state
        while [ ! -e ../go ]; do sleep 0.02; done
        echo '{"epoch": 2, "accuracy": 0.6}'; truncate -s 64M model.tmp; mv model.tmp model; echo 2 > state
        sleep 60
    "#;
    let first = trial(script);
    let mut agent = agent(&s3.variables());
    agent.assign(&first.assignment);
    until("the first is committed", || s3.object("jobs/one/3/1-1-1/manifest.json").exists());
    fs::write(first.assignment.dir.join("go"), "").unwrap();
    // Parts lie in a folder of the server's own until they are put together.
    until("the second is under way", || {
        s3.object(".sgwtmp/multipart").is_dir() || s3.object("jobs/one/3/2-1-2").is_dir()
    });
    agent.process.kill().unwrap();
    agent.wait();
    assert!(!s3.object("jobs/one/3/2-1-2/manifest.json").exists());
    s3.interrupt();
    s3.resume();

    let script =
        "cd $TEMPER_CHECKPOINT_DIR; cat state; echo '{\"epoch\": 3, \"accuracy\": 1}'; echo 3 > state";
    let second = trial(script).with(|assignment| {
        assignment.attempt = 2;
        assignment.resume_from = Some(format!("s3://{BUCKET}/jobs/one/3/1-1-1"));
    });
    let story = run(&s3, &second);
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert!(second.log("stdout.log").starts_with(b"1\n"));
    assert_eq!(s3.names("jobs/one/3"), ["1-1-1", "3-2-1"], "what was torn is gone");
}

#[test]
fn a_server_that_comes_back_has_cost_nothing() {
    let Some(mut s3) = S3::start() else { return };
    let trial =
        trial("echo '{\"epoch\": 1, \"accuracy\": 1}'; echo x > $TEMPER_CHECKPOINT_DIR/state; sleep 0.3");
    s3.interrupt();
    let mut agent = agent(&s3.variables());
    agent.assign(&trial.assignment);
    agent.next_report();
    // Longer than any number of quick tries takes.
    thread::sleep(Duration::from_secs(4));
    s3.resume();
    let story = agent.story();
    agent.order(&[Order::Ack]);
    assert_eq!(story.ended.outcome, Outcome::Succeeded);
    assert!(story.ended.checkpoint.is_some(), "{:?}", story.warnings);
}

#[test]
fn a_key_that_is_not_let_in_costs_the_checkpoint_and_says_so() {
    let Some(s3) = S3::start() else { return };
    let mut variables = s3.variables();
    variables[2].1 = "wrong".into();
    let trial = trial("echo '{\"epoch\": 1, \"accuracy\": 1}'; echo x > $TEMPER_CHECKPOINT_DIR/state");
    let mut agent = agent(&variables);
    let begun = Instant::now();
    agent.assign(&trial.assignment);
    let story = agent.story();
    agent.order(&[Order::Ack]);
    assert_eq!((story.ended.outcome, story.ended.checkpoint), (Outcome::Succeeded, None));
    assert!(
        story.warnings.iter().any(|warning| warning.contains("SignatureDoesNotMatch")),
        "{:?}",
        story.warnings
    );
    assert!(begun.elapsed() < Duration::from_secs(10), "that is not tried again");
}
