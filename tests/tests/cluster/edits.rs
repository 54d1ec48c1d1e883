//! What people should not do, and do: objects that are the operator's, deleted and edited by hand.

use serde_json::json;
use temper_crds::Trial;
use temper_tests::cluster::{Job, World};

const SLOW: &str = r#"sleep 2; echo "{\"loss\": $PARAM_x}""#;

/// The name of a trial that runs and has a pod, and that of the pod.
fn running(world: &World, job: &str) -> (String, String) {
    let find = || {
        world.trials(job).into_iter().find_map(|trial: Trial| {
            let is_over = trial.status.and_then(|status| status.report).is_some_and(|it| it.state.is_over());
            let pod = trial.spec.pod?.name;
            let is_made = world.pods(job).iter().any(|it| it.metadata.name.as_ref() == Some(&pod));
            (!is_over && is_made).then_some((trial.metadata.name?, pod))
        })
    };
    world.until("running", find, Option::is_some).unwrap()
}

fn counts(world: &World, job: &str) {
    let status = world.completes(job);
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (4, 4, 0));
    assert_eq!(world.trials(job).iter().filter(|trial| trial.spec.failures > 0).count(), 0);
}

#[test]
fn a_pod_that_is_deleted_is_made_again_without_counting() {
    let Some(world) = World::new("pod-deleted") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("edited");
    world.apply(&Job::new("edited", SLOW));
    let (_, pod) = running(&world, "edited");
    world.kubectl(&["delete", "pod", &pod, "--grace-period=0", "--force"]);
    counts(&world, "edited");
    assert!(ledger.attempts().values().any(|attempts| attempts.contains(&2)), "{:?}", ledger.attempts());
    assert!(ledger.most_live() <= 2);
}

#[test]
fn a_pod_that_lost_its_labels_while_no_operator_was_there_is_replaced_without_counting() {
    let Some(world) = World::new("unlabelled") else { return };
    let mut operator = world.operator();
    let ledger = world.ledger("edited");
    world.apply(&Job::new("edited", &SLOW.replace("sleep 2", "sleep 8")));
    let (_, pod) = running(&world, "edited");
    operator.kill();
    world.kubectl(&["label", "pod", &pod, "temper.rs/job-uid-"]);
    let _operator = world.operator();
    let is_there = || world.kubectl(&["get", "pod", &pod, "--ignore-not-found", "-o", "name"]);
    world.until("rid of what nobody watches", is_there, String::is_empty);
    counts(&world, "edited");
    let again = ledger.attempts().values().filter(|attempts| attempts.contains(&2)).count();
    assert_eq!((again, ledger.pods().len()), (1, 5), "{:?}", ledger.attempts());
}

#[test]
fn a_trial_that_is_deleted_is_tried_again() {
    let Some(world) = World::new("trial-deleted") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("edited", SLOW));
    let (trial, _) = running(&world, "edited");
    world.kubectl(&["delete", "trial", &trial]);
    counts(&world, "edited");
}

#[test]
fn a_finished_trial_that_is_deleted_is_not_forgotten() {
    let Some(world) = World::new("result-deleted") else { return };
    let mut operator = world.operator();
    world.apply(&Job::new("edited", SLOW));
    world.status("edited", "half done", |status| status.trials.completed >= 2);
    let trials = world.trials("edited");
    let best = world.job("edited").unwrap().status.unwrap().best.unwrap();
    world.kubectl(&["delete", "trial", &best.trial]);
    world.until("in the history", || world.histories("edited").len(), |chunks| *chunks == 1);
    operator.kill();
    let _operator = world.operator();
    counts(&world, "edited");
    assert!(trials.iter().any(|trial| trial.metadata.name.as_ref() == Some(&best.trial)));
    let (kept, after) =
        (world.histories("edited"), world.job("edited").unwrap().status.unwrap().best.unwrap());
    assert_eq!(kept[0].spec.trials[0].index, best.index);
    assert!(after.objective.parse::<f64>().unwrap() <= best.objective.parse::<f64>().unwrap());
}

#[test]
fn a_trial_that_is_edited_does_not_keep_its_job_from_its_end() {
    let Some(world) = World::new("edited") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("edited", SLOW));
    let (trial, pod) = running(&world, "edited");
    let patch = |kind: &str, name: &str, more: &[&str], patch: serde_json::Value| {
        let patch = patch.to_string();
        world.kubectl(&[&["patch", kind, name, "--type=merge", "-p", &patch], more].concat());
    };
    patch("trial", &trial, &[], json!({"metadata": {"labels": null}, "spec": {"runTo": 7}}));
    patch("pod", &pod, &[], json!({"metadata": {"labels": {"temper.rs/index": null}}}));
    patch("tj", "edited", &["--subresource=status"], json!({"status": null}));
    world.status("edited", "half done", |status| status.trials.completed >= 2);
    let finished = world.trials("edited").into_iter().find(|trial| trial.status.is_some()).unwrap();
    let name = finished.metadata.name.unwrap();
    patch("trial", &name, &["--subresource=status"], json!({"status": null}));
    let status = world.completes("edited");
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (4, 4, 0));
}

#[test]
fn a_job_s_search_is_not_changed_once_it_has_begun_and_what_to_do_instead_is_said() {
    let Some(world) = World::new("frozen") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("edited", SLOW));
    running(&world, "edited");
    for (field, value) in [
        ("seed", json!(2)),
        ("search", json!({"algorithm": "Sobol"})),
        ("parameters", json!([{"name": "x", "type": "float", "min": 0, "max": 9}])),
        ("trial", json!({"retries": 7})),
    ] {
        let patch = json!({"spec": {field: value}}).to_string();
        let said = world.refused(&["patch", "tj", "edited", "--type=merge", "-p", &patch]);
        assert!(said.contains(&format!("{field} cannot be changed: trials were made by it")), "{said}");
        assert!(said.contains("warmStartFrom"), "{said}");
    }
    world.kubectl(&["label", "tj", "edited", "team=vision"]);
    world.kubectl(&["annotate", "tj", "edited", "note=mine"]);
    counts(&world, "edited");
}

#[test]
fn rights_that_were_taken_away_are_granted_anew() {
    let Some(world) = World::new("rights-deleted") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("before", SLOW));
    world.completes("before");
    // As when the namespace was deleted and made again.
    world.kubectl(&["delete", "serviceaccount,rolebinding", "temper-trial"]);
    world.apply(&Job::new("after", SLOW));
    counts(&world, "after");
}
