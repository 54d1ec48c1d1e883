//! What a person sees while a job runs: a picture on a terminal, lines elsewhere, objects for a program.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::world::{Job, Run, World, signal};

/// Four trials, of which one fails.
fn world() -> World {
    World::new(&Job {
        script: r#"
report 1 $PARAM_x
sleep 0.4
if [ $TEMPER_TRIAL = 1 ]; then echo "no such data set" >&2; exit 3; fi
report 2 $PARAM_x
"#,
        ..Job::default()
    })
}

/// As seen on a terminal of 30 lines: all that the program prints there.
fn on_a_terminal(world: &World) -> Run {
    let temper = env!("CARGO_BIN_EXE_temper");
    let line = format!("stty rows 30 cols 120; exec '{temper}' run job.yaml");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(world.path(""));
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").stdin(Stdio::null());
    Run::of(&command.output().unwrap())
}

#[test]
fn on_a_terminal_there_is_a_picture_that_goes_when_the_run_is_over() {
    let shown = on_a_terminal(&world()).exits(0).out;
    let (picture, end) = shown.rsplit_once("━").unwrap();
    for part in
        ["\u{1b}[", "/4", "2 running", "best   a=", "trial 0    no report yet", "trial 1 failed: exit code 3"]
    {
        assert!(picture.contains(part), "{part:?} is missing: {shown:?}");
    }
    assert!(!picture.contains("about 0s left"), "{shown:?}");
    let (rest, summary) = end.split_once("job is complete").unwrap();
    assert!(rest.contains("\u{1b}[2K") || rest.contains("\u{1b}[J"), "the picture is cleared: {end:?}");
    assert!(summary.contains("3 completed, 1 failed") && !summary.contains('\u{1b}'), "{end:?}");
}

#[test]
fn elsewhere_there_are_lines() {
    let world = world();
    let run = world.run(&[]).exits(0);
    for line in ["tuning job: 4 trials, 2 at once, kept in .temper/job", "/4] trial "] {
        assert!(run.err.contains(line), "{line:?} is missing: {}", run.err);
    }
    // The last has a line of its own, or is among those that ended just before.
    assert!(run.err.contains("[4/4] trial ") || run.err.contains("4 of 4 trials done in "), "{}", run.err);
    for part in ["\u{1b}", "━", "0s left"] {
        assert!(!run.err.contains(part), "{part:?} is in {:?}", run.err);
    }
}

#[test]
fn a_program_is_told_of_each_trial_in_an_object_and_whoever_wants_nothing_gets_nothing() {
    let run = world().run(&["--quiet", "--progress", "json"]).exits(0);
    let events: Vec<Value> = run.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ended: Vec<(u64, &str)> = events
        .iter()
        .filter(|event| event["event"] == "trial")
        .map(|event| (event["index"].as_u64().unwrap(), event["state"].as_str().unwrap()))
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, [(0, "Completed"), (1, "Failed"), (2, "Completed"), (3, "Completed")]);
    assert_eq!(events.last().unwrap()["finished"], 4);
    let run = world().run(&["--quiet", "--progress", "none"]).exits(0);
    assert_eq!(run.err, "");
}

#[test]
fn a_job_whose_run_was_ended_is_called_interrupted() {
    let world = World::new(&Job { script: "echo begin >>$LOG; sleep 60", ..Job::default() });
    let run = world.begin();
    world.await_log(1);
    signal(run.id(), Signal::INT);
    Run::of(&run.wait_with_output().unwrap()).exits(130);
    let top = |world: &World| Run::of(&world.temper(&["top"]).output().unwrap()).exits(0);
    top(&world).says(&["job  interrupted"]);
    world.replace("  objectives:", "  suspend: true\n  objectives:");
    world.run(&[]).exits(0);
    top(&world).says(&["job  suspended"]);
}
