//! Every format, from every place.

use std::path::Path;

use temper_runner::agent::protocol::{MetricsSource, Outcome};

use crate::harness::{Agent, Trial};

fn trial(format: &str, file: Option<&str>, script: &str) -> Trial {
    Trial::of(script).with(|assignment| {
        assignment.metrics = MetricsSource {
            format: format.into(),
            file: file.map(String::from),
            patterns: vec!["got (?P<accuracy>[0-9.]+) after (?P<epoch>[0-9]+)".into()],
        };
        assignment.resource = Some("epoch".into());
    })
}

#[test]
fn formats_of_lines_are_read_from_stdout() {
    for (format, script) in [
        ("JSONLines", r#"echo '{"epoch": 1, "accuracy": 0.5}'; echo '{"epoch": 2, "accuracy": 0.75}'"#),
        ("KeyValue", "echo epoch=1; echo accuracy=0.5; echo 'epoch: 2/9, accuracy: 7.5e-1'"),
        ("Regex", "echo 'so: got 0.5 after 1'; echo 'got 0.75 after 2!'"),
        ("Auptimizer", "echo '#Auptimizer:0.5'; echo '#Auptimizer:0.75'"),
    ] {
        let story = trial(format, None, script).run();
        assert_eq!(story.accuracy(), [(1, 0.5), (2, 0.75)], "{format}");
        assert_eq!(story.ended.outcome, Outcome::Succeeded);
    }
}

#[test]
fn stderr_can_be_the_source() {
    let story =
        trial("KeyValue", Some("/dev/stderr"), "echo 'INFO:root:accuracy=0.5' >&2; echo accuracy=1").run();
    assert_eq!(story.accuracy(), [(1, 0.5)]);
}

#[test]
fn a_file_is_read_as_it_grows_and_what_others_wrote_before_is_not() {
    let trial = trial(
        "KeyValue",
        Some("$(TEMPER_DIR)/metrics/$(TEMPER_TRIAL).txt"),
        "mkdir $TEMPER_DIR/metrics; f=$TEMPER_DIR/metrics/3.txt; echo 'epoch=1 accuracy=0.5' > $f; sleep 60",
    );
    let mut agent = Agent::start();
    agent.assign(&trial.assignment);
    assert_eq!(agent.next_report().metrics.values().collect::<Vec<_>>(), [&0.5], "while the command runs");
    agent.go();
    agent.wait();

    let trial = self::trial("KeyValue", Some("metrics.txt"), "echo accuracy=0.75 >> metrics.txt");
    std::fs::write(trial.path("metrics.txt"), "accuracy=0.1\n").unwrap();
    let folder = trial.path("");
    let trial = trial.with(|assignment| assignment.working_dir = Some(folder));
    assert_eq!(trial.run().accuracy(), [(1, 0.75)]);
}

#[test]
fn tensorboard_files_of_the_real_writers_are_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tensorboard");
    let copy = format!("mkdir $TEMPER_DIR/logs; cp -r {}/* $TEMPER_DIR/logs", fixtures.display());
    let story = trial("TensorBoard", Some("$(TEMPER_DIR)/logs/plain"), &copy).run();
    assert_eq!(story.accuracy(), [(1, 0.91), (2, 0.92), (3, 0.93), (4, 0.94), (5, 0.95)]);
    let story = trial("TensorBoard", Some("$(TEMPER_DIR)/logs/keras"), &copy)
        .with(|assignment| assignment.objectives = vec!["validation/epoch_accuracy".into()])
        .run();
    let values: Vec<_> = story
        .reports
        .iter()
        .map(|report| (report.resource, report.metrics["validation/epoch_accuracy"]))
        .collect();
    assert_eq!(values, [(1, 0.9), (2, 0.91), (3, 0.92), (4, 0.93), (5, 0.94)], "Keras counts from 0");
}

#[test]
fn trials_side_by_side_in_one_folder_do_not_read_each_other_s_event_files() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tensorboard/keras");
    let shared = tempfile::tempdir().unwrap();
    let side = |index: u32, part: &str| {
        let script = format!(
            "exec 3> events.out.tfevents.$TEMPER_TRIAL; cat {}/{part}/* >&3; touch here.$TEMPER_TRIAL
             while [ ! -e here.1 ] || [ ! -e here.2 ]; do sleep 0.02; done; sleep 0.5",
            fixtures.display()
        );
        trial("TensorBoard", None, &script).with(|assignment| {
            assignment.trial = index;
            assignment.objectives = vec!["epoch_accuracy".into()];
            assignment.working_dir = Some(shared.path().to_owned());
        })
    };
    let [left, right] = [side(1, "train"), side(2, "validation")];
    let (left, right) = std::thread::scope(|scope| {
        let other = scope.spawn(|| right.run());
        (left.run(), other.join().unwrap())
    });
    let values = |story: &crate::harness::Story| -> Vec<f64> {
        story.reports.iter().map(|report| report.metrics["epoch_accuracy"]).collect()
    };
    assert_eq!(values(&left), [0.95, 0.96, 0.97, 0.98, 0.99]);
    assert_eq!(values(&right), [0.9, 0.91, 0.92, 0.93, 0.94]);
}
