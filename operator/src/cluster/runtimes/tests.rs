use serde_json::{Value, json};

use super::*;

fn node_on(system: &str, runtime: &str, kubelet: &str, taints: &Value) -> SeenNode {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n", "labels": {"pool": "old"}},
        "spec": {"taints": taints},
        "status": {"nodeInfo": {
            "containerRuntimeVersion": runtime, "kubeletVersion": kubelet, "operatingSystem": system,
        }},
    }))
    .unwrap()
}

fn node(runtime: &str, kubelet: &str) -> SeenNode {
    node_on("linux", runtime, kubelet, &json!([]))
}

fn is_fit(runtime: &str, kubelet: &str) -> bool {
    unfit(&node(runtime, kubelet)).is_none()
}

#[test]
fn a_node_mounts_image_volumes_by_its_runtime_and_kubelet() {
    assert!(is_fit("containerd://2.1.0", "v1.35.0"));
    assert!(is_fit("containerd://v2.10.1-k3s1", "v1.36.2+k3s1"));
    assert!(is_fit("cri-o://1.33.0", "v1.35.1-gke.100"));
    assert!(!is_fit("containerd://2.0.7", "v1.35.0"));
    assert!(!is_fit("containerd://1.7.30", "v1.35.0"));
    assert!(!is_fit("containerd://2.1.0", "v1.34.9"));
    assert!(!is_fit("cri-o://1.32.9", "v1.35.0"));
}

#[test]
fn what_is_not_known_is_taken_not_to() {
    for runtime in ["", "containerd", "containerd://", "docker://29.1.0", "kwok://0.8", "2.1.0"] {
        assert!(!is_fit(runtime, "v1.35.0"), "{runtime}");
    }
    assert!(!is_fit("containerd://2.1.0", ""));
    assert!(!is_fit("containerd://2.1.0", "kwok-v0.8.0"));
}

#[test]
fn a_node_that_runs_no_trials_does_not_count() {
    assert_eq!(unfit(&node_on("windows", "containerd://1.7.0", "v1.35.0", &json!([]))), None);
}

fn delivery(unfit: &SeenNode, template: &Value) -> Delivery {
    let cluster = Cluster::With(super::unfit(unfit).into_iter().collect());
    cluster.delivery(Some(&serde_json::from_value(template.clone()).unwrap()))
}

#[test]
fn only_pods_that_may_come_to_such_a_node_get_an_init_container() {
    let old = node("containerd://1.7.0", "v1.35.0");
    assert_eq!(delivery(&old, &json!({})), Delivery::InitContainer);
    assert_eq!(delivery(&old, &json!({"nodeSelector": {"pool": "old"}})), Delivery::InitContainer);
    assert_eq!(delivery(&old, &json!({"nodeSelector": {"pool": "new"}})), Delivery::ImageVolume);
    let fit = node("containerd://2.1.0", "v1.35.0");
    assert_eq!(delivery(&fit, &json!({})), Delivery::ImageVolume);
}

#[test]
fn a_taint_keeps_pods_away_that_do_not_tolerate_it() {
    let taint = |effect: &str, key: &str| {
        node_on("linux", "", "", &json!([{"key": key, "value": "fake", "effect": effect}]))
    };
    let tainted = taint("NoSchedule", "kwok.x-k8s.io/node");
    assert_eq!(delivery(&tainted, &json!({})), Delivery::ImageVolume);
    for toleration in [
        json!({"operator": "Exists"}),
        json!({"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}),
        json!({"key": "kwok.x-k8s.io/node", "value": "fake"}),
    ] {
        let template = json!({"tolerations": [toleration]});
        assert_eq!(delivery(&tainted, &template), Delivery::InitContainer, "{template}");
    }
    for toleration in [
        json!({"key": "nvidia.com/gpu", "operator": "Exists"}),
        json!({"key": "kwok.x-k8s.io/node", "value": "other"}),
        json!({"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoExecute"}),
    ] {
        let template = json!({"tolerations": [toleration]});
        assert_eq!(delivery(&tainted, &template), Delivery::ImageVolume, "{template}");
    }
    // It will be ready in a moment; and one that is only avoided is used when all others are full.
    let unready = taint("NoExecute", "node.kubernetes.io/not-ready");
    assert_eq!(delivery(&unready, &json!({})), Delivery::InitContainer);
    let avoided = taint("PreferNoSchedule", "spot");
    assert_eq!(delivery(&avoided, &json!({})), Delivery::InitContainer);
}

#[test]
fn without_image_volumes_every_pod_gets_an_init_container() {
    let cluster = Cluster::Without("it is old".to_owned());
    assert_eq!(cluster.delivery(None), Delivery::InitContainer);
    assert_eq!(Cluster::With(Vec::new()).delivery(None), Delivery::ImageVolume);
}
