//! What a user asks of the pods reaches them.

use serde_json::{Value, json};
use temper_tests::cluster::{Job, TRAINER, World, condition};

#[test]
fn everything_in_the_template_reaches_the_pod() {
    let Some(world) = World::new("template") else { return };
    let _operator = world.operator();
    let class = format!("temper-test-{}", world.namespace());
    world.make(&json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": class}, "value": 7,
    }));
    world.kubectl(&["create", "configmap", "words", "--from-literal=word=hello"]);
    world.kubectl(&[
        "create",
        "secret",
        "docker-registry",
        "pull",
        "--docker-username=u",
        "--docker-password=p",
    ]);
    let shared = json!([{"name": "shared", "mountPath": "/shared"}]);
    let asked = json!({
        "schedulingGates": [{"name": "temper.test/later"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "temper.test/held", "operator": "Exists", "effect": "NoExecute"}],
        "priorityClassName": class,
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [{"name": "shared", "emptyDir": {}}, {"name": "words", "configMap": {"name": "words", "defaultMode": 420}}],
        "initContainers": [{
            "name": "helper", "image": world.image(), "restartPolicy": "Always", "volumeMounts": shared,
            "command": ["sh", "-c", "echo ready >/shared/state; trap 'exit 0' TERM; while :; do sleep 0.2; done"],
        }],
    });
    let script = r#"cat /words/word; echo; until [ -s /shared/state ]; do sleep 0.1; done; echo "{\"loss\": $PARAM_x}""#;
    let mounts =
        json!([{"name": "shared", "mountPath": "/shared"}, {"name": "words", "mountPath": "/words"}]);
    let marked = json!({
        "labels": {"kueue.x-k8s.io/queue-name": "research"}, "annotations": {"temper.test/note": "kept"},
    });
    let job = Job::new("own", script)
        .sized(1, 1)
        .with(&json!({"trial": {"template": {"metadata": marked}}}))
        .with_pod(&asked)
        .with_container(&json!({"volumeMounts": mounts, "resources": {"limits": {"memory": "64Mi"}}}));
    world.apply(&job);

    // A gate, by which Kueue and others hold a pod until there is room, holds this one; the job says so.
    let held = world.status("own", "held", |status| condition(status, "Progressing").1 == "SchedulingGated");
    assert!(!condition(&held, "Progressing").0);
    let pods: Value = serde_json::from_str(&world.kubectl(&["get", "pods", "-o", "json"])).unwrap();
    let pod = &pods["items"][0];
    let name = pod["metadata"]["name"].as_str().unwrap();
    assert_eq!(pod["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], "research");
    assert_eq!(pod["metadata"]["annotations"]["temper.test/note"], "kept");
    for (field, value) in asked.as_object().unwrap() {
        let has = &pod["spec"][field];
        assert!(contains(has, value), "{field}: {value} is not in {has}");
    }
    assert_eq!(pod["spec"]["priority"], 7);
    let container = &pod["spec"]["containers"][0];
    assert!(contains(container, &json!({"resources": {"limits": {"memory": "64Mi"}}})), "{container}");
    assert!(contains(&container["volumeMounts"], &mounts), "{container}");

    let open = json!([{"op": "remove", "path": "/spec/schedulingGates"}]).to_string();
    world.kubectl(&["patch", "pod", name, "--type=json", "-p", &open]);
    let status = world.completes("own");
    assert_eq!((status.trials.completed, status.trials.failed), (1, 0));
    assert!(world.log(name).contains("hello"), "the volume is there");
    world.cluster().must(&["delete", "priorityclass", &class]);
}

/// Whether a value has all that another has; the API server adds defaults.
fn contains(has: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted.iter().all(|(name, wanted)| contains(&has[name], wanted)),
        Value::Array(wanted) => wanted
            .iter()
            .all(|wanted| has.as_array().is_some_and(|has| has.iter().any(|has| contains(has, wanted)))),
        wanted => has == wanted,
    }
}

#[test]
fn a_paused_trial_frees_its_gpu_and_goes_on_from_its_checkpoint() {
    let Some(world) = World::new("gpu") else { return };
    if !world.claim("weights") {
        return;
    }
    let _operator = world.operator();
    world.offer("nvidia.com/gpu", 1);
    let slow = TRAINER.replace("sleep 0.3", "sleep 1.2");
    let on_gpu = |name: &str, script: &str| {
        Job::new(name, script)
            .sized(1, 1)
            .with_container(&json!({"resources": {"limits": {"nvidia.com/gpu": 1}}}))
    };
    let kept = json!({"trial": {"checkpoints": {"uri": "pvc://weights/runs"}}});
    world.apply(&on_gpu("first", &slow).with(&kept));
    let report = || world.trials("first").pop().and_then(|trial| trial.status?.report);
    world.until("saved", report, |report| report.as_ref().is_some_and(|it| it.checkpoint.is_some()));
    world.apply(&on_gpu("second", r#"echo "{\"loss\": $PARAM_x}""#));
    let waits =
        world.status("second", "waiting", |status| condition(status, "Progressing").1 == "Unschedulable");
    let message = condition(&waits, "Progressing").2;
    assert!(message.contains("Insufficient nvidia.com/gpu"), "{message}");

    world.change("first", &json!({"suspend": true}));
    world.completes("second");
    let paused = report().unwrap();
    assert!(paused.resource < Some(9) && world.job("first").unwrap().status.unwrap().state == "Suspended");
    world.change("first", &json!({"suspend": false}));
    let status = world.completes("first");
    assert_eq!((status.trials.completed, status.trials.failed), (1, 0));
    let trial = world.trials("first").pop().unwrap();
    let log = world.log(&trial.spec.pod.unwrap().name);
    let begun = log.lines().find_map(|line| line.strip_prefix("begins after epoch ")).unwrap();
    assert!(begun.parse::<u64>().unwrap() > 0, "{log}");
    world.offer("nvidia.com/gpu", 0);
}
