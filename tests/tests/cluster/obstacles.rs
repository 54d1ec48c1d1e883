//! Pods that cannot run for now: the job says why, and goes on when the cause goes.

use std::{process::Command, thread, time::Duration};

use serde_json::json;
use temper_tests::{
    cluster::{Job, Operator, World, condition},
    root, succeed,
};

const QUICK: &str = r#"sleep 1; echo "{\"loss\": $PARAM_x}""#;

#[test]
fn an_image_that_cannot_be_pulled_is_named_and_its_trials_run_when_it_can_be() {
    let Some(world) = World::new("image") else { return };
    let _operator = world.operator();
    let image = format!("registry.invalid/{}:1", world.namespace());
    world.apply(&Job::new("unpulled", QUICK).sized(2, 2).with_container(&json!({"image": image})));
    let status = world.status("unpulled", "stuck", |status| {
        condition(status, "Progressing").1.contains("Image") && !condition(status, "Progressing").0
    });
    let (_, reason, message) = condition(&status, "Progressing");
    assert!(["ErrImagePull", "ImagePullBackOff"].contains(&reason), "{reason}");
    assert!(message.contains(&image), "{message}");
    if !world.cluster().is_breakable() {
        return; // Images are put into clusters of this repository alone.
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let archive = archive.to_str().unwrap();
    let known = root().join("target/cluster/bin/busybox.tar");
    succeed(
        Command::new("skopeo")
            .args(["copy", "--quiet", &format!("oci-archive:{}", known.display())])
            .arg(format!("oci-archive:{archive}:{image}")),
    );
    world.cluster().fault(&["load-image", archive]);
    let status = world.completes("unpulled");
    assert_eq!((status.trials.completed, status.trials.failed), (2, 0));
    assert!(world.trials("unpulled").iter().all(|trial| trial.spec.attempt == 1));
}

#[test]
fn pods_that_fit_nowhere_wait_until_a_node_fits_them() {
    let Some(world) = World::new("nowhere") else { return };
    let _operator = world.operator();
    let label = format!("temper.test/{}", world.namespace());
    world.apply(&Job::new("unplaced", QUICK).with_pod(&json!({"nodeSelector": {&label: "yes"}})));
    let status =
        world.status("unplaced", "stuck", |status| condition(status, "Progressing").1 == "Unschedulable");
    let (progressing, _, message) = condition(&status, "Progressing");
    assert!(!progressing && message.contains("node"), "{message}");
    world.cluster().must(&["label", "nodes", "--all", &format!("{label}=yes")]);
    let status = world.completes("unplaced");
    world.cluster().must(&["label", "nodes", "--all", &format!("{label}-")]);
    assert_eq!(status.trials.completed, 4);
}

#[test]
fn a_volume_that_is_not_there_is_named_and_its_trials_run_when_it_is() {
    let Some(world) = World::new("volume") else { return };
    let _operator = world.operator();
    let volume = json!({"name": "settings", "configMap": {"name": "not-yet-there"}});
    let mount = json!({"volumeMounts": [{"name": "settings", "mountPath": "/settings"}]});
    let job = Job::new("volumeless", QUICK).sized(2, 2).with_container(&mount);
    world.apply(&job.with_pod(&json!({"volumes": [volume]})));
    let status =
        world.status("volumeless", "stuck", |status| condition(status, "Progressing").1 == "FailedMount");
    let message = condition(&status, "Progressing").2;
    assert!(message.contains("settings") && message.contains("\"not-yet-there\" not found"), "{message}");
    world.make(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "not-yet-there"}, "data": {"a": "b"},
    }));
    let status = world.completes("volumeless");
    assert_eq!((status.trials.completed, status.trials.failed), (2, 0));
    assert!(world.trials("volumeless").iter().all(|trial| trial.spec.attempt == 1));
}

/// A job of three at once, where a quota allows one pod, says so and is done. Leaves the operator running.
pub(crate) fn is_done_by_one_pod_at_a_time(world: &World, job: &Job, trials: u32) -> Operator {
    world.make(&json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}},
    }));
    let operator = world.operator();
    let ledger = world.ledger("cramped");
    world.apply(job);
    let status = world.status("cramped", "told of the quota", |status| {
        condition(status, "Progressing").1 == "QuotaExceeded"
    });
    let (_, _, message) = condition(&status, "Progressing");
    assert!(message.contains("exceeded quota: one"), "{message}");
    let status = world.completes("cramped");
    assert_eq!((status.trials.completed, status.trials.failed), (trials, 0));
    ledger.each_once(trials, 3);
    operator
}

#[test]
fn a_quota_slows_a_job_and_does_not_fail_it() {
    let Some(world) = World::new("quota") else { return };
    is_done_by_one_pod_at_a_time(&world, &Job::new("cramped", QUICK).sized(3, 3), 3);
}

/// A job whose pods are refused says so with these words, tries again ever less often, and runs when `allow` was done.
fn waits_until_it_is_allowed(world: &World, words: &str, allow: impl Fn()) {
    let refused = || world.cluster().refused_pods(world.namespace());
    let before = refused();
    let _operator = world.operator();
    let ledger = world.ledger("denied");
    world.apply(&Job::new("denied", QUICK));
    let status = world.status("denied", "told why", |status| condition(status, "Progressing").1 == "Refused");
    let (progressing, _, message) = condition(&status, "Progressing");
    assert!(!progressing && message.contains(words), "{message}");
    thread::sleep(Duration::from_secs(8));
    if let (Some(before), Some(now)) = (before, refused()) {
        // Two trials: at once, and after about 1, 3 and 7 s.
        assert!((4..=10).contains(&(now - before)), "{} requests for pods were refused", now - before);
    }
    allow();
    let status = world.completes("denied");
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
    ledger.each_once(4, 2);
}

#[test]
fn an_admission_policy_that_denies_the_pods_is_quoted_and_nothing_is_lost_by_it() {
    let Some(world) = World::new("policy") else { return };
    let name = format!("temper-test-{}", world.namespace());
    let api = "admissionregistration.k8s.io/v1";
    world.make(&json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
            ]},
            "validations": [{"expression": "has(object.metadata.labels.team)", "message": "pods need the label team"}],
        },
    }));
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace()}});
    world.make(&json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {
            "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": here},
        },
    }));
    // A policy takes a moment until it holds.
    let probe = ["run", "probe", "--image=none", "--dry-run=server"];
    let said = || {
        let probe = [&["--namespace", world.namespace()], &probe[..]].concat();
        String::from_utf8_lossy(&world.cluster().kubectl(&probe).output().unwrap().stderr).into_owned()
    };
    world.until("in force", said, |said| said.contains("label team"));
    let end = || {
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            world.cluster().must(&["delete", kind, &name]);
        }
    };
    waits_until_it_is_allowed(&world, "pods need the label team", end);
}

#[test]
fn a_webhook_that_does_not_answer_is_named_and_nothing_is_lost_by_it() {
    let Some(world) = World::new("webhook") else { return };
    let name = format!("temper-test-{}", world.namespace());
    world.make(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "pods.temper.test", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:9/nobody"},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace()}},
        }],
    }));
    let end = || drop(world.cluster().must(&["delete", "validatingwebhookconfiguration", &name]));
    waits_until_it_is_allowed(&world, "pods.temper.test", end);
}

#[test]
fn a_security_standard_that_the_template_does_not_meet_is_quoted_and_nothing_is_lost_by_it() {
    let Some(world) = World::new("standard") else { return };
    let enforce = |level: &str| {
        let label = format!("pod-security.kubernetes.io/enforce={level}");
        world.cluster().must(&["label", "namespace", world.namespace(), "--overwrite", &label]);
    };
    enforce("restricted");
    waits_until_it_is_allowed(&world, "violates PodSecurity", || enforce("privileged"));
}
