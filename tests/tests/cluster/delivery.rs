//! Two ways for the agent to get into a pod.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

const QUICK: &str = r#"echo "{\"loss\": $PARAM_x}""#;

fn specs(pods: Vec<Pod>) -> Vec<PodSpec> {
    pods.into_iter().filter_map(|pod| pod.spec).collect()
}

fn has_image_volume(spec: &PodSpec) -> bool {
    spec.volumes.iter().flatten().any(|volume| volume.image.is_some())
}

#[test]
fn an_image_volume_brings_it_where_all_nodes_have_them() {
    let Some(world) = World::new("volume") else { return };
    let operator = world.operator();
    if !world.mounts_images(&operator) {
        return;
    }
    // Whoever runs as any user, without a right or a folder of its own to write to, in the strictest of namespaces.
    let strict = format!("namespace/{}", world.namespace());
    world.kubectl(&["label", &strict, "pod-security.kubernetes.io/enforce=restricted"]);
    let confined = json!({"securityContext": {
        "runAsNonRoot": true, "runAsUser": 4321, "runAsGroup": 4321, "readOnlyRootFilesystem": true,
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }});
    let script = format!("pwd; touch here; ! touch /temper/agent/there; {QUICK}");
    world.apply(&Job::new("mounted", &script).sized(2, 2).with_container(&confined));
    world.completes("mounted");
    let pods = specs(world.pods("mounted"));
    assert_eq!(pods.len(), 2);
    assert!(pods.iter().all(|spec| has_image_volume(spec) && spec.init_containers.is_none()), "{pods:#?}");
}

#[test]
fn an_init_container_brings_it_where_that_is_wanted() {
    let Some(world) = World::new("copied") else { return };
    let _operator = world.operator_with(&["--runner-delivery", "init-container"]);
    world.apply(&Job::new("copied", QUICK).sized(2, 2));
    let ledger = world.ledger("warm");
    let warm = json!({"trial": {"podPolicy": "Reuse"}});
    world.apply(&Job::new("warm", &format!("sleep 1; {QUICK}")).sized(4, 1).with(&warm));
    let workers = world.until("a worker", || world.pods("warm"), |pods| !pods.is_empty());
    world.completes("copied");
    let pods = specs(world.pods("copied").into_iter().chain(workers).collect());
    assert_eq!(pods.len(), 3);
    for spec in pods {
        assert!(!has_image_volume(&spec) && spec.init_containers.unwrap().len() == 1);
    }
    let status = world.completes("warm");
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
    assert_eq!(ledger.pods().len(), 1);
}

#[test]
fn an_agent_that_cannot_be_pulled_is_named() {
    for way in ["init-container", "image-volume"] {
        let Some(world) = World::new("agent") else { return };
        if way == "image-volume" && !world.mounts_images(&world.operator()) {
            return;
        }
        let _operator =
            world.operator_with(&["--runner-delivery", way, "--runner-image", "registry.invalid/agent:1"]);
        world.apply(&Job::new("unpulled", QUICK));
        let status = world.status("unpulled", "stuck", |status| {
            condition(status, "Progressing").1.contains("Image") && !condition(status, "Progressing").0
        });
        let (_, reason, message) = condition(&status, "Progressing");
        assert!(["ErrImagePull", "ImagePullBackOff"].contains(&reason), "{reason}");
        assert!(message.contains("registry.invalid/agent:1"), "{message}");
        world.kubectl(&["delete", "tj", "unpulled"]);
    }
}
