//! Commands that misbehave, and the machine's limits.

use std::{collections::BTreeMap, fs};

use crate::world::{Job, Run, World};

/// Runs a trial of each kind, and one that is well after them all; how each ended: its state and the reason.
fn outcomes(
    kinds: &'static str,
    script: &'static str,
    trial: &'static str,
) -> (World, BTreeMap<String, String>) {
    let world = World::new(&Job {
        parameters: kinds,
        algorithm: "Grid",
        budget: "{parallelism: 2, maxFailedTrials: 100}",
        trial,
        script,
        ..Job::default()
    });
    let run = world.run(&[]);
    assert!(run.code == Some(0), "{run:?}");
    world.assert_no_process_left();
    let mut outcomes = BTreeMap::new();
    let journal = world.journal();
    let kind_of = |trial: &serde_json::Value| {
        let create =
            journal.iter().find(|event| event["do"] == "create" && event["trial"] == *trial).unwrap();
        create["parameters"]["kind"].as_str().unwrap().to_owned()
    };
    for ended in journal.iter().filter(|event| event["saw"] == "ended") {
        let ending = &ended["ending"];
        let how = ending["reason"].as_str().or(ending["how"].as_str()).unwrap();
        outcomes.insert(kind_of(&ended["trial"]), how.to_owned());
    }
    (world, outcomes)
}

#[test]
fn a_command_that_fails_is_counted_and_harms_no_other_trial() {
    let (world, outcomes) = outcomes(
        "[{name: kind, type: categorical, values: [silent, text, nan, infinite, code, crash, child, binary, good]}]",
        r#"
case $PARAM_kind in
    silent) ;;
    text) echo "I am done"; echo '{"b": 1}' ;;
    nan) report 1 NaN; sleep 60 ;;
    infinite) report 1 Infinity; sleep 60 ;;
    code) report 1 0.5; echo "no such data set" >&2; exit 3 ;;
    crash) report 1 0.5; kill -SEGV $$ ;;
    child) setsid sleep 600 & report 1 0.5 ;;
    binary) head -c 1000000 /dev/urandom; echo; report 1 0.5 ;;
    good) report 1 0.9 ;;
esac
"#,
        "",
    );
    let expected = [
        ("silent", "NoMetric"),
        ("text", "NoMetric"),
        ("nan", "Diverged"),
        ("infinite", "Diverged"),
        ("code", "ExitCode"),
        ("crash", "Signal"),
        ("child", "succeeded"),
        ("binary", "succeeded"),
        ("good", "succeeded"),
    ];
    assert_eq!(outcomes, expected.map(|(kind, how)| (kind.to_owned(), how.to_owned())).into());
    let run = world.run(&[]).exits(0);
    for named in run.out.lines().filter_map(|line| line.trim().strip_prefix("see ")) {
        assert!(fs::metadata(world.path(named)).unwrap().len() > 0, "{named} says something");
    }
    run.says(&[
        "best: trial",
        "a=0.9",
        "NoMetric: trials",
        "ExitCode: trial",
        "no such data set",
        "stderr.log",
    ]);
}

#[test]
fn a_command_that_will_not_stop_is_stopped() {
    let (_, outcomes) = outcomes(
        "[{name: kind, type: categorical, values: [deaf, polite, good]}]",
        r"
case $PARAM_kind in
    deaf) trap '' TERM; report 1 0.99; while :; do sleep 0.1; done ;;
    polite) report 1 0.98; sleep 60 ;;
    good) report 1 0.1 ;;
esac
",
        "    stopWhen: [{metric: a, atLeast: 0.95}]",
    );
    let stopped = |kind: &str| outcomes[kind].clone();
    assert_eq!(
        (stopped("deaf"), stopped("polite"), stopped("good")),
        ("stopped".into(), "stopped".into(), "succeeded".into())
    );
}

#[test]
fn a_command_that_is_not_there_is_an_error_that_names_it() {
    let world = World::new(&Job { budget: "{maxTrials: 40, parallelism: 2}", ..Job::default() });
    let manifest = fs::read_to_string(world.path("job.yaml")).unwrap();
    let line = manifest.lines().find(|line| line.contains("command:")).unwrap().to_owned();
    world.replace(&line, "          command: [pyhton3, train.py]");
    let run = world.run(&[]).exits(1).says(&["has failed", "pyhton3", "CannotStart"]);
    assert!(!run.out.contains("see .temper"), "it has written no log: {}", run.out);
    assert!(run.out.contains("5 failed") || run.out.contains("6 failed"), "it gives up soon: {}", run.out);
}

#[test]
fn a_gigabyte_of_output_fills_neither_disk_nor_memory() {
    let (world, outcomes) = outcomes(
        "[{name: kind, type: categorical, values: [loud, good]}]",
        r#"
if [ $PARAM_kind = loud ]; then yes "not a report" | head -c 1000000000; echo; fi
report 1 0.5
"#,
        "",
    );
    assert_eq!(outcomes["loud"], "succeeded");
    assert_eq!(outcomes["good"], "succeeded");
    let size: u64 = fs::read_dir(world.store().join("trials/0000/1"))
        .unwrap()
        .flatten()
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(size < 300_000_000, "{size} bytes are kept");
}

#[test]
fn a_flood_of_reports_is_thinned_and_ends_with_the_last() {
    let world = World::new(&Job {
        budget: "{maxTrials: 1}",
        script: r#"seq 300000 | sed 's/.*/{"epoch": &, "a": 0.5}/'"#,
        ..Job::default()
    });
    world.run(&[]).exits(0);
    let reports = world.count(&[("/saw", "reported")]);
    assert!((100..2_000).contains(&reports), "{reports} reports are kept");
    assert_eq!(world.count(&[("/saw", "reported"), ("/resource", "300000")]), 1);
}

#[test]
fn never_more_trials_at_once_than_parallelism() {
    let world = World::new(&Job {
        budget: "{maxTrials: 20, parallelism: 3}",
        script: "echo begin >>$LOG; sleep 0.05; report 1 $PARAM_x; echo end >>$LOG",
        ..Job::default()
    });
    world.run(&[]).exits(0);
    let mut at_once = 0;
    let mut most = 0;
    for line in world.log() {
        if line == "begin" {
            at_once += 1;
        } else {
            at_once -= 1;
        }
        most = most.max(at_once);
    }
    assert_eq!(most, 3);
}

#[test]
fn what_a_slot_gives_is_in_the_environment() {
    let world = World::new(&Job {
        budget: "{maxTrials: 2, parallelism: 64}",
        container: "          resources: {limits: {cpu: 1}}",
        script: "echo \"$OMP_NUM_THREADS $MKL_NUM_THREADS\" >>$LOG; report 1 $PARAM_x",
        ..Job::default()
    });
    let output = world.temper(&["run", "job.yaml"]).env("MKL_NUM_THREADS", "7").output().unwrap();
    Run::of(&output).exits(0).says(&["budget.parallelism is 64, each trial asks for 1 of"]);
    assert_eq!(world.log(), ["1 7", "1 7"]);
}

#[test]
fn gpus_that_are_not_there_are_an_error_that_says_how_to_go_without() {
    let world = World::new(&Job {
        container: "          resources: {limits: {nvidia.com/gpu: 1}}",
        script: "echo \"<$CUDA_VISIBLE_DEVICES>\" >>$LOG; report 1 $PARAM_x",
        ..Job::default()
    });
    // As CUDA reads it: no device may be used.
    let run = |options: &[&str]| {
        let arguments = [&["run", "job.yaml"], options].concat();
        Run::of(&world.temper(&arguments).env("CUDA_VISIBLE_DEVICES", "").output().unwrap())
    };
    run(&[]).exits(2).says(&["asks for 1 GPU", "has none", "--ignore-gpus"]);
    assert!(!world.store().exists(), "nothing was begun");
    run(&["--ignore-gpus"]).exits(0).says(&["4 completed"]);
}
