//! The examples for a cluster, as they are.

use std::{env, fs};

use temper_crds::TuningJob;
use temper_tests::{
    cluster::{World, condition},
    root,
};

/// Applies an example and waits for its end; the job then.
fn run(world: &World, name: &str) -> TuningJob {
    world.kubectl(&["apply", "-f", &format!("examples/cluster/{name}.yaml")]);
    let status = world.status(name, "over", |status| status.completion_time.is_some());
    assert!(condition(&status, "Complete").0, "{status:#?}");
    world.job(name).unwrap()
}

#[test]
fn a_first_job_and_a_pod_of_two_containers() {
    let Some(world) = World::new("examples") else { return };
    let _operator = world.operator();
    let first = run(&world, "first").status.unwrap();
    assert_eq!(first.progress, "12/12");
    let sidecar = run(&world, "sidecar").status.unwrap();
    assert_eq!(sidecar.trials.completed, 4);
    let is_gone = |pods: &Vec<_>| pods.is_empty();
    world.until("rid of pods whose training has ended", || world.pods("sidecar"), is_gone);
}

#[test]
fn warm_workers_run_one_trial_after_another() {
    let Some(world) = World::new("examples-reuse") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("reuse");
    let status = run(&world, "reuse").status.unwrap();
    assert_eq!(status.trials.completed, 30);
    ledger.each_once(30, 2);
    assert_eq!(ledger.pods().len(), 2, "two pods ran all of it");
    world.until("rid of workers", || world.pods("reuse"), Vec::is_empty);
}

#[test]
fn a_script_that_knows_nothing_of_temper_runs_in_its_own_image() {
    let Some(world) = World::new("examples-python") else { return };
    if !world.is_ours("the image of Python") {
        return;
    }
    world.cluster().fault(&["load-image", "target/cluster/bin/python.tar"]);
    world.kubectl(&["create", "configmap", "fit", "--from-file=examples/cluster/fit.py"]);
    let _operator = world.operator();
    let status = run(&world, "python").status.unwrap();
    assert_eq!(status.trials.failed, 0);
    assert!(status.best.unwrap().metrics["loss"] < 1.0);
}

#[test]
fn the_built_in_models_tune_fashion_mnist_in_their_own_image() {
    let Some(world) = World::new("examples-torch") else { return };
    if !world.is_ours("the image of the built-in models") {
        return;
    }
    let archive = "target/images/temper-torch.tar";
    if !root().join(archive).exists() {
        let missing = format!("{archive} is not there (run `scripts/images.sh torch`)");
        assert!(env::var_os("TEMPER_REQUIRE_CLUSTER").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    world.cluster().fault(&["load-image", archive]);
    let mut manifest = fs::read_to_string(root().join("examples/cluster/fashion-mnist.yaml")).unwrap();
    for (long, short) in [
        ("--data=fashion-mnist]", "--data=fashion-mnist, --subset=2000]"),
        ("maxTrials: 20", "maxTrials: 4"),
        ("value: 9", "value: 3"),
        ("cpu: 500m", "cpu: 50m"),
    ] {
        assert!(manifest.contains(long), "{manifest}");
        manifest = manifest.replace(long, short);
    }
    let _operator = world.operator();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("job.yaml");
    fs::write(&file, manifest).unwrap();
    world.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let status = world.completes("fashion-mnist");
    assert_eq!((status.trials.created, status.trials.failed), (4, 0));
    let accuracy = status.best.unwrap().metrics["accuracy"];
    assert!(accuracy > 0.4, "{accuracy}");
}

#[test]
fn promoted_trials_go_on_in_other_pods_from_an_object_store() {
    let Some(world) = World::new("examples-s3") else { return };
    if !world.is_ours("the S3 server of tests/cluster") {
        return;
    }
    let store = world.cluster().fault(&["s3"]);
    let literals: Vec<String> = store.lines().map(|line| format!("--from-literal={line}")).collect();
    let mut arguments = vec!["create", "secret", "generic", "checkpoint-store"];
    arguments.extend(literals.iter().map(String::as_str));
    world.kubectl(&arguments);
    let _operator = world.operator();
    let status = run(&world, "checkpoints").status.unwrap();
    assert_eq!((status.trials.created, status.trials.failed), (9, 0));
    let best = status.best.unwrap();
    assert!(best.checkpoint.unwrap().starts_with("s3://temper/examples/"));
    let trials = world.trials("checkpoints");
    let promoted = trials.iter().find(|trial| trial.spec.rungs == [1, 3]).expect("one came to the last rung");
    assert_eq!((promoted.spec.attempt, promoted.spec.run_to), (3, Some(9)));
    let log = world.log(&promoted.spec.pod.as_ref().unwrap().name);
    assert!(log.contains("begins after epoch 3"), "{log}");
}
