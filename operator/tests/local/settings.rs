//! What a manifest may ask of a run, each on a small job: schedulers, stopping rules, retries, formats of metrics, places
//! for checkpoints. The end of each says what is best, where its checkpoint is, and what to do next.

use std::thread;

use crate::world::{Job, Run, World};

/// A setting, and what must come of it.
struct Case {
    name: &'static str,
    job: Job,
    /// The objective.
    metric: &'static str,
    /// Whether the best trial had time to save something before it ended.
    is_saved: bool,
    /// What the end says, beside what every end says.
    says: &'static [&'static str],
    /// What is in the journal: how often at least, and what.
    journal: &'static [(usize, &'static [(&'static str, &'static str)])],
}

impl Case {
    fn new(name: &'static str, job: Job) -> Self {
        Self { name, job, metric: "a", is_saved: true, says: &["4 completed"], journal: &[] }
    }
}

/// Goes on from its checkpoint, as far as it is sent; how good it is depends on `x` alone.
const STEPS: &str = r#"
epoch=$(cat "$TEMPER_CHECKPOINT_DIR/state" 2>/dev/null || echo 0)
while [ $epoch -lt ${TEMPER_RESOURCE_MAX:-9} ]; do
    epoch=$((epoch + 1))
    save $epoch
    report $epoch $PARAM_x
    sleep ${PAUSE:-0}
done
"#;

/// A step of it takes long enough for the command to be stopped before the next.
const SLOW: &str = r#"          env: [{name: PAUSE, value: "0.1"}]"#;

const NINE: Job = Job { budget: "{maxTrials: 9, parallelism: 3}", script: STEPS, ..Job::DEFAULT };
const SLOW_STEPS: Job = Job { script: STEPS, container: SLOW, ..Job::DEFAULT };

const EVENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../trial-runner/tests/fixtures/tensorboard/plain/events.out.tfevents.1.host"
);

fn schedulers() -> Vec<Case> {
    let promotion = "  scheduler: {type: ASHA, resource: epoch, max: 9, options: {mode: promotion}}";
    let stopping = "  scheduler: {type: ASHA, resource: epoch, max: 9, options: {mode: stopping}}";
    let hyperband = "  scheduler: {type: Hyperband, resource: epoch, max: 9}";
    vec![
        Case {
            says: &["9 of 9 created"],
            journal: &[
                (3, &[("/do", "promote"), ("/runTo", "3")]),
                (1, &[("/do", "promote"), ("/runTo", "9")]),
                (1, &[("/saw", "reported"), ("/resource", "9")]),
            ],
            ..Case::new("ASHA, promotion", Job { more: promotion, ..NINE })
        },
        Case {
            says: &["6 of 6 created", "stopped early"],
            journal: &[(2, &[("/do", "stop"), ("/reason", "scheduler")])],
            ..Case::new(
                "ASHA, stopping",
                Job { budget: "{maxTrials: 6, parallelism: 1}", more: stopping, ..SLOW_STEPS },
            )
        },
        Case {
            says: &["9 of 9 created"],
            journal: &[(1, &[("/do", "promote")]), (1, &[("/saw", "reported"), ("/resource", "9")])],
            ..Case::new("Hyperband", Job { more: hyperband, ..NINE })
        },
    ]
}

fn rules() -> Vec<Case> {
    vec![
        Case {
            says: &["4 stopped early"],
            journal: &[(4, &[("/do", "stop"), ("/reason", "earlyStopping")])],
            is_saved: false,
            ..Case::new("earlyStopping", Job { more: "  earlyStopping: {rounds: 2}", ..SLOW_STEPS })
        },
        Case {
            journal: &[(4, &[("/do", "stop"), ("/reason", "stopWhen")])],
            is_saved: false,
            ..Case::new("stopWhen", Job { trial: "    stopWhen: [{resource: 2}]", ..SLOW_STEPS })
        },
        Case {
            journal: &[(4, &[("/do", "start"), ("/attempt", "3")]), (8, &[("/ending/reason", "ExitCode")])],
            ..Case::new(
                "retries",
                Job {
                    trial: "    retries: 2",
                    script: "[ $TEMPER_ATTEMPT -gt 2 ] || exit 3; save; report 1 $PARAM_x",
                    ..Job::DEFAULT
                },
            )
        },
        Case {
            says: &["4 completed", "/kept%20here/"],
            journal: &[(4, &[("/saw", "checkpointed")]), (4, &[("/saw", "reported"), ("/resource", "9")])],
            ..Case::new(
                "checkpoints in a place",
                Job {
                    trial: "    checkpoints: {uri: \"file://HERE/kept%20here\"}",
                    script: STEPS,
                    ..Job::DEFAULT
                },
            )
        },
    ]
}

fn formats() -> Vec<Case> {
    let case = |name, trial, script| Case {
        says: &["4 completed", "a=0.95"],
        journal: &[(4, &[("/saw", "reported"), ("/metrics/a", "0.95")])],
        ..Case::new(name, Job { trial, script, ..Job::DEFAULT })
    };
    vec![
        case("KeyValue", "    metrics: {format: KeyValue}", "save; echo 'epoch 3 of 3: a=0.95 loss: 0.2'"),
        case(
            "Regex",
            r#"    metrics: {format: Regex, file: $(TEMPER_DIR)/out.txt, patterns: ["score (?<a>[0-9.]+)"]}"#,
            r#"save; echo "the score 0.95 is good" >"$TEMPER_DIR/out.txt""#,
        ),
        case("Auptimizer", "    metrics: {format: Auptimizer}", "save; echo '#Auptimizer:0.95'"),
        Case {
            metric: "accuracy",
            says: &["4 completed", "accuracy=0.95"],
            journal: &[(4, &[("/saw", "reported"), ("/resource", "5")])],
            ..case(
                "TensorBoard",
                "    metrics: {format: TensorBoard, file: $(TEMPER_DIR)/events}",
                r#"save; mkdir "$TEMPER_DIR/events"; cp "$EVENTS" "$TEMPER_DIR/events/""#,
            )
        },
    ]
}

fn check(case: &Case) {
    let Case { name, job, metric, is_saved, says, journal } = case;
    let world = World::new(job);
    world.replace("{metric: a,", &format!("{{metric: {metric},"));
    if job.trial.contains("HERE") {
        world.replace("HERE", world.store().parent().unwrap().to_str().unwrap());
    }
    let run = Run::of(&world.temper(&["run", "job.yaml"]).env("EVENTS", EVENTS).output().unwrap());
    assert_eq!(run.code, Some(0), "{name}: {run:?}");
    let every =
        ["job is complete after", "best: trial ", "\n  x  0.", "\n  temper best --store .temper/job\n"];
    let saved = is_saved.then_some("\n  checkpoint: file:///");
    for said in every.iter().chain(*says).copied().chain(saved) {
        assert!(run.out.contains(said), "{name}: {said:?} is missing: {run:?}");
    }
    for (least, pattern) in *journal {
        let count = world.count(pattern);
        assert!(count >= *least, "{name}: {pattern:?} is there {count} times\n{:#?}", world.journal());
    }
    world.assert_no_process_left();
}

#[test]
fn every_setting_does_what_it_says() {
    let cases: Vec<Case> = [schedulers(), rules(), formats()].into_iter().flatten().collect();
    // They mostly wait.
    thread::scope(|scope| {
        for case in &cases {
            scope.spawn(move || check(case));
        }
    });
}
