//! Stores that are in use, of another version, of another job, or on a full disk.

use std::{fs, process::Command};

use temper_operator::local::store::FILE;

use crate::world::{Job, Run, World, touch};

#[test]
fn the_second_run_of_a_store_is_refused_and_says_who_has_it() {
    let world = World::new(&Job {
        script: "report 1 0.5; echo begin >>$LOG; while [ ! -e go ]; do sleep 0.05; done",
        ..Job::default()
    });
    let first = world.begin();
    world.await_log(1);
    let pid = format!("(pid {})", first.id());
    world.run(&[]).exits(2).says(&["another temper", &pid, "--store"]);
    world.run(&["--fresh"]).exits(2).says(&["another temper", &pid]);
    touch(&world.path("go"));
    Run::of(&first.wait_with_output().unwrap()).exits(0).says(&["4 completed"]);
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_not_touched() {
    let world = World::new(&Job::default());
    world.run(&[]).exits(0);
    let file = world.store().join(FILE);
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    let before = fs::read(&file).unwrap();
    world.run(&[]).exits(2).says(&["written by a newer temper", "version 99"]);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_store_of_another_job_is_refused_with_what_differs() {
    let world = World::new(&Job::default());
    world.run(&[]).exits(0);
    world.replace("max: 1", "max: 2");
    world.replace("goal: maximize", "goal: minimize");
    world.run(&[]).exits(2).says(&[
        "holds another job",
        "spec.objectives[0].goal",
        "spec.parameters[0].max",
        "--store",
        "--fresh",
    ]);
    world.run(&["--store", "elsewhere"]).exits(0);
    world.run(&["--fresh"]).exits(0).says(&["what was in .temper/job is now in .temper/job.1"]);
    assert!(world.path(".temper/job.1/store.db").is_file());
}

#[test]
fn what_is_no_store_is_left_alone() {
    let world = World::new(&Job::default());
    fs::create_dir_all(world.store()).unwrap();
    fs::write(world.store().join(FILE), "a letter to a friend ".repeat(100)).unwrap();
    world.run(&[]).exits(2).says(&["is not a temper store"]);
}

/// A file system of 1 MiB, for as long as this lives.
struct SmallDisk<'a>(&'a std::path::Path);

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().unwrap();
    }
}

#[test]
fn a_full_disk_is_an_error_that_loses_nothing() {
    let world = World::new(&Job {
        budget: "{maxTrials: 2000, parallelism: 2}",
        // Nobody keeps the logs, but the journal grows.
        more: "  retention: {trials: 0}",
        script: "for epoch in $(seq 100); do report $epoch $PARAM_x; done",
        ..Job::default()
    });
    let disk = world.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount =
        |size: &str| Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&disk).status();
    if !mount("size=1m").is_ok_and(|status| status.success()) {
        let must = std::env::var_os("TEMPER_REQUIRE_CLUSTER").is_some_and(|value| !value.is_empty());
        assert!(!must, "a small disk cannot be mounted, and with TEMPER_REQUIRE_CLUSTER no test is skipped");
        eprintln!("SKIPPED: a full disk can only be tried by root, who may mount a small one");
        return;
    }
    let _disk = SmallDisk(&disk);
    let store = disk.join("store");
    let options = ["--store", store.to_str().unwrap()];
    world.run(&options).exits(1).says(&["no space is left", "make space"]);
    world.assert_no_process_left();
    let recorded = events(&store);
    assert!(recorded > 100, "{recorded}");
    assert!(mount("remount,size=64m").unwrap().success());
    world.replace("maxTrials: 2000", "maxTrials: 60");
    world.run(&options).exits(0).says(&["resuming job"]);
    assert!(events(&store) > recorded);
}

fn events(store: &std::path::Path) -> usize {
    let mut events = 0;
    let reader = temper_operator::local::store::Reader::open(store).unwrap();
    reader.replay(|_, _| events += 1).unwrap();
    events
}
