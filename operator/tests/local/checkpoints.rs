//! Where checkpoints are, and that they are found again: whatever the folder is called, wherever it was moved to, and
//! whoever else keeps some in the same place.

use std::{collections::BTreeSet, fs, path::PathBuf};

use rustix::process::Signal;
use serde_json::Value;
use temper_operator::local::store::FILE;
use temper_runner::agent::{file_path, file_uri};

use crate::world::{Job, Run, World, signal, touch};

/// One epoch, saved; the second only once there is a file `go`.
const WAITING: &str = r#"
epoch=$(cat "$TEMPER_CHECKPOINT_DIR/epoch" 2>/dev/null || echo 0)
echo "$TEMPER_TRIAL from $epoch" >>"$LOG"
if [ $epoch -lt 1 ]; then
    echo 1 >"$TEMPER_CHECKPOINT_DIR/epoch"
    report 1 $PARAM_x
fi
while [ ! -e go ]; do sleep 0.02; done
echo 2 >"$TEMPER_CHECKPOINT_DIR/epoch"
report 2 $PARAM_x
"#;

const TWO: Job = Job { budget: "{maxTrials: 2, parallelism: 2}", script: WAITING, ..Job::DEFAULT };

/// Runs until both trials have reported once, and interrupts the run.
fn interrupt(world: &World) {
    let run = world.begin();
    World::wait_for(
        || {
            world.store().join(FILE).is_file()
                && world.log().len() >= 2
                && world.count(&[("/saw", "reported")]) >= 2
        },
        "both trials to report",
    );
    signal(run.id(), Signal::INT);
    Run::of(&run.wait_with_output().unwrap()).exits(130);
}

/// What `temper` prints as JSON.
fn json(world: &World, arguments: &[&str]) -> Value {
    let output = world.temper(&[arguments, &["-o", "json"]].concat()).output().unwrap();
    Run::of(&output).exits(0).json()
}

/// The checkpoints of a store's trials.
fn checkpoints(world: &World, store: &str) -> Vec<PathBuf> {
    let trials = json(world, &["trials", "--store", store]);
    let uri = |trial: &Value| trial["checkpoint"].as_str().map(|uri| file_path(uri).unwrap());
    trials.as_array().unwrap().iter().filter_map(uri).collect()
}

#[test]
fn jobs_that_share_a_place_leave_each_other_s_checkpoints_alone() {
    let place = tempfile::tempdir().unwrap();
    let uri = file_uri(&place.path().join("shared"));
    let job = Job { script: "echo $RUN >$TEMPER_CHECKPOINT_DIR/state; report 1 $PARAM_x", ..Job::default() };
    let worlds = [World::new(&job), World::new(&job)];
    for world in &worlds {
        world.replace("  trial:\n", &format!("  trial:\n    checkpoints: {{uri: \"{uri}\"}}\n"));
    }
    let run = |world: &World, number: &str, options: &[&str]| {
        let arguments = [&["run", "job.yaml"], options].concat();
        Run::of(&world.temper(&arguments).env("RUN", number).output().unwrap()).exits(0);
    };
    run(&worlds[0], "1", &[]);
    run(&worlds[0], "2", &["--fresh"]);
    run(&worlds[0], "3", &["--fresh"]);
    run(&worlds[1], "4", &[]);
    let mut all = BTreeSet::new();
    for (world, store, number) in [
        (&worlds[0], ".temper/job.1", "1"),
        (&worlds[0], ".temper/job.2", "2"),
        (&worlds[0], ".temper/job", "3"),
        (&worlds[1], ".temper/job", "4"),
    ] {
        let own = checkpoints(world, store);
        assert_eq!(own.len(), 4);
        for checkpoint in own {
            assert!(checkpoint.starts_with(place.path()), "{checkpoint:?}");
            assert_eq!(
                fs::read_to_string(checkpoint.join("state")).unwrap().trim(),
                number,
                "{checkpoint:?}"
            );
            all.insert(checkpoint);
        }
    }
    assert_eq!(all.len(), 16);
}

#[test]
fn whatever_the_folder_is_called_checkpoints_are_in_the_store_and_are_gone_on_from() {
    for name in ["with space", "50%25", "\u{e9}#?"] {
        let world = World::called(name, &TWO);
        interrupt(&world);
        touch(&world.path("go"));
        world.run(&[]).exits(0).says(&["2 completed"]);
        let log = world.log();
        assert_eq!(log.iter().filter(|line| line.ends_with("from 1")).count(), 2, "{name}: {log:?}");
        assert_eq!(world.beside(), [name], "nothing is written beside it");
        let checkpoints = checkpoints(&world, ".temper/job");
        assert!(checkpoints.len() == 2 && checkpoints.iter().all(|folder| folder.starts_with(world.store())));
    }
}

#[test]
fn a_project_may_be_moved() {
    for version in [1, 2] {
        let mut world = World::called("before", &TWO);
        interrupt(&world);
        if version == 1 {
            as_version_1_recorded_it(&world);
        }
        world.rename("after, with space");
        touch(&world.path("go"));
        world.run(&[]).exits(0).says(&["resuming job", "2 completed"]);
        let log = world.log();
        assert_eq!(
            log.iter().filter(|line| line.ends_with("from 1")).count(),
            2,
            "version {version}: {log:?}"
        );
        let best = json(&world, &["best"]);
        let checkpoint = file_path(best["checkpoint"].as_str().unwrap()).unwrap();
        assert!(checkpoint.starts_with(world.store()), "{checkpoint:?}");
        assert_eq!(fs::read_to_string(checkpoint.join("epoch")).unwrap(), "2\n");
    }
}

/// With the URIs of the store's checkpoints in full.
fn as_version_1_recorded_it(world: &World) {
    let uri = file_uri(&world.store().canonicalize().unwrap());
    rewrite(world, "\"uri\":\"checkpoints/", &format!("\"uri\":\"{uri}/checkpoints/"));
    let db = rusqlite::Connection::open(world.store().join(FILE)).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
}

/// Changes what the journal says of both trials' checkpoints.
fn rewrite(world: &World, from: &str, to: &str) {
    let db = rusqlite::Connection::open(world.store().join(FILE)).unwrap();
    let changed = db
        .execute(
            "UPDATE event SET body = replace(body, ?1, ?2) WHERE body ->> '$.saw' = 'checkpointed' AND instr(body, ?1)",
            [from, to],
        )
        .unwrap();
    assert!(changed >= 2);
}

#[test]
fn a_store_whose_checkpoints_are_among_those_of_others_goes_on_from_them() {
    let place = tempfile::tempdir().unwrap();
    let world = World::new(&TWO);
    let uri = file_uri(place.path());
    world.replace("  trial:\n", &format!("  trial:\n    checkpoints: {{uri: \"{uri}\"}}\n"));
    interrupt(&world);
    // As it was before each store had a folder of its own.
    let own = fs::read_dir(place.path()).unwrap().next().unwrap().unwrap();
    for trial in fs::read_dir(own.path()).unwrap().flatten() {
        fs::rename(trial.path(), place.path().join(trial.file_name())).unwrap();
    }
    rewrite(&world, &format!("{}/", own.file_name().display()), "");
    touch(&world.path("go"));
    world.run(&[]).exits(0).says(&["2 completed"]);
    let log = world.log();
    assert_eq!(log.iter().filter(|line| line.ends_with("from 1")).count(), 2, "{log:?}");
    assert!(checkpoints(&world, ".temper/job").iter().all(|checkpoint| checkpoint.starts_with(own.path())));
}

#[test]
fn a_store_that_was_set_aside_names_its_own_checkpoints() {
    let world = World::new(&Job {
        script: "echo $RUN >$TEMPER_CHECKPOINT_DIR/state; report 1 $PARAM_x",
        ..Job::default()
    });
    for (number, options) in [("1", &["run", "job.yaml"][..]), ("2", &["run", "job.yaml", "--fresh"])] {
        Run::of(&world.temper(options).env("RUN", number).output().unwrap()).exits(0);
    }
    for (store, number) in [(".temper/job.1", "1"), (".temper/job", "2")] {
        for checkpoint in checkpoints(&world, store) {
            assert!(checkpoint.starts_with(world.path(store)), "{checkpoint:?}");
            assert_eq!(fs::read_to_string(checkpoint.join("state")).unwrap().trim(), number);
        }
    }
}

#[test]
fn a_trial_whose_checkpoint_is_gone_starts_from_scratch_and_says_so() {
    let world = World::new(&TWO);
    interrupt(&world);
    fs::remove_dir_all(world.store().join("checkpoints/0")).unwrap();
    touch(&world.path("go"));
    world.run(&[]).exits(0).says(&["warning: trial 0: its checkpoint", "starts from scratch", "2 completed"]);
    let mut log = world.log();
    log.sort();
    assert_eq!(log, ["0 from 0", "0 from 0", "1 from 0", "1 from 1"]);
}

#[test]
fn retention_leaves_every_trial_of_the_front_its_checkpoint() {
    let world = World::new(&Job {
        parameters: "[{name: x, type: int, min: 0, max: 29}]",
        algorithm: "Grid",
        budget: "{parallelism: 2}",
        more: "  retention: {trials: 1}",
        // Every second is worse than the one before it in both.
        script: r#"
echo $PARAM_x >$TEMPER_CHECKPOINT_DIR/x
worse=$((PARAM_x % 2 * 2))
echo "{\"a\": $((PARAM_x - worse)), \"b\": $((PARAM_x + worse))}"
"#,
        ..Job::default()
    });
    world.replace(
        "[{metric: a, goal: maximize}]",
        "[{metric: a, goal: maximize}, {metric: b, goal: minimize}]",
    );
    world.run(&[]).exits(0).says(&["30 completed"]);
    let front = json(&world, &["best"]);
    let front = front.as_array().unwrap();
    assert_eq!(front.len(), 15);
    for trial in front {
        let checkpoint = file_path(trial["checkpoint"].as_str().unwrap()).unwrap();
        let x = fs::read_to_string(checkpoint.join("x")).unwrap();
        assert_eq!(x.trim(), trial["parameters"]["x"].to_string());
    }
    let kept = fs::read_dir(world.store().join("checkpoints")).unwrap().count();
    assert!(kept < 28, "the others go: {kept}");
}
