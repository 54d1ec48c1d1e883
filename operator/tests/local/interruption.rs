//! Ctrl-C, and going on.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use temper_operator::local::store::{Holder, Reader};

use crate::world::{Job, Run, World, signal, touch};

#[test]
fn ctrl_c_pauses_what_runs_and_the_next_run_goes_on_from_there() {
    let world = World::new(&Job {
        budget: "{maxTrials: 4, parallelism: 2}",
        script: r#"
save() { echo "$epoch" >"$TEMPER_CHECKPOINT_DIR/epoch.new"; mv "$TEMPER_CHECKPOINT_DIR/epoch.new" "$TEMPER_CHECKPOINT_DIR/epoch"; }
trap 'save; exit 0' TERM
epoch=$(cat "$TEMPER_CHECKPOINT_DIR/epoch" 2>/dev/null || echo 0)
echo "from $epoch" >>"$LOG"
while [ $epoch -lt 20 ]; do
    epoch=$((epoch + 1))
    report $epoch $PARAM_x
    sleep 0.05
done
"#,
        ..Job::default()
    });
    let run = world.begin();
    World::wait_for(
        || {
            Reader::open(&world.store()).is_ok()
                && world.count(&[("/saw", "reported"), ("/resource", "3")]) >= 2
        },
        "both trials to report",
    );
    signal(run.id(), Signal::INT);
    let run = Run::of(&run.wait_with_output().unwrap()).exits(130);
    run.says(&["pausing the trials", "was interrupted", "2 to be continued", "the same command goes on"]);
    world.assert_no_process_left();
    assert_eq!(world.count(&[("/ending/how", "paused")]), 2);

    world.run(&[]).exits(0).says(&["resuming job: 0 of 4 done", "4 of 4 created, 4 completed"]);
    let log = world.log();
    let resumed = log.iter().filter(|line| *line != "from 0").count();
    assert_eq!(resumed, 2, "{log:?}");
    assert_eq!(log.len(), 6, "a pause counts as no failure, and nothing else was run again: {log:?}");
    let repeated: Vec<_> = (1..=20).map(|epoch| world.count(&[("/resource", &epoch.to_string())])).collect();
    assert!(repeated.iter().all(|&count| (4..=6).contains(&count)), "{repeated:?}");
}

#[test]
fn a_second_ctrl_c_ends_the_run_at_once() {
    let world = World::new(&Job {
        script: "trap '' TERM; echo begin >>$LOG; while :; do sleep 0.1; done",
        ..Job::default()
    });
    world.replace("terminationGracePeriodSeconds: 1", "terminationGracePeriodSeconds: 600");
    let run = world.begin();
    world.await_log(2);
    signal(run.id(), Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    signal(run.id(), Signal::INT);
    Run::of(&run.wait_with_output().unwrap()).exits(130);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    world.assert_no_process_left();
}

#[test]
fn a_job_that_is_over_shows_its_result_and_goes_on_when_its_budget_is_raised() {
    let world = World::new(&Job::default());
    world.run(&[]).exits(0);
    let again = world.run(&["-o", "json"]).exits(0).says(&["over already"]).json();
    assert_eq!(again["counts"]["completed"], 4);
    assert_eq!(world.count(&[("/do", "start")]), 4);
    world.replace("maxTrials: 4", "maxTrials: 7");
    world.run(&[]).exits(0).says(&["resuming job: 4 of 7 done", "7 of 7 created, 7 completed"]);
}

#[test]
fn a_suspended_job_runs_nothing_until_it_is_not() {
    let world = World::new(&Job { more: "  suspend: true", ..Job::default() });
    world.run(&[]).exits(0).says(&["is suspended"]);
    assert_eq!(world.count(&[("/do", "create")]), 0);
    world.replace("suspend: true", "suspend: false");
    world.run(&[]).exits(0).says(&["4 completed"]);
}

#[test]
fn a_store_is_read_while_its_job_runs() {
    let world = World::new(&Job {
        script: "report 1 0.5; echo begin >>$LOG; while [ ! -e go ]; do sleep 0.05; done",
        ..Job::default()
    });
    let run = world.begin();
    world.await_log(2);
    World::wait_for(|| world.count(&[("/saw", "reported")]) == 2, "two reports");
    let reader = Reader::open(&world.store()).unwrap();
    assert_eq!(reader.running().unwrap(), Holder::Process(run.id()));
    touch(&world.path("go"));
    Run::of(&run.wait_with_output().unwrap()).exits(0);
    assert_eq!(reader.running().unwrap(), Holder::Nobody);
}
