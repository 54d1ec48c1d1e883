//! Nodes whose kubelet is away, that are drained, cut off, or gone.

use std::{thread, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use temper_tests::cluster::{Job, World};

use crate::{SLOW, all_complete, world};

/// How many pods of the job each of the two nodes has.
fn pods_on_nodes(world: &World, job: &str) -> [usize; 2] {
    let node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let nodes: Vec<_> = world.pods(job).iter().filter_map(node).collect();
    ["node-1", "node-2"].map(|name| nodes.iter().filter(|node| *node == name).count())
}

/// Four trials at once on both nodes, the one elsewhere for long enough that none of the other's is over.
fn on_both_nodes(world: &World, name: &str, pod: &Value) {
    let script = r#"echo "{\"epoch\": 1, \"loss\": 1}"; sleep 12; echo "{\"epoch\": 2, \"loss\": $PARAM_x}""#;
    let spread = json!({"topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"temper.rs/job": name}},
    }]});
    world.apply(&Job::new(name, script).sized(4, 4).with_pod(&spread).with_pod(pod));
    let reported = || world.trials(name).iter().filter(|trial| trial.status.is_some()).count();
    world.until("at work", reported, |reported| *reported == 4);
    let on = pods_on_nodes(world, name);
    assert!(on.iter().all(|pods| *pods > 0), "pods on the nodes: {on:?}");
}

/// All are done, and those that were on the second node by another attempt that counts as no failure.
fn went_on_elsewhere(world: &World, job: &str) {
    let status = world.completes(job);
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (4, 4, 0));
    let trials = world.trials(job);
    assert!(trials.iter().all(|trial| trial.spec.failures == 0));
    let again = trials.iter().filter(|trial| trial.spec.attempt == 2).count();
    assert!((1..4).contains(&again), "{again} were tried again");
}

#[test]
fn a_kubelet_that_is_away_for_a_while_costs_nothing() {
    let Some((world, _turn)) = world("kubelet") else { return };
    let _operator = world.operator();
    world.apply(&Job::new("unwatched", SLOW).sized(4, 3));
    world.status("unwatched", "running", |status| status.trials.running == 3);
    for node in ["node-1", "node-2"] {
        world.cluster().fault(&["stop-kubelet", node]);
    }
    thread::sleep(Duration::from_secs(10));
    for node in ["node-1", "node-2"] {
        world.cluster().fault(&["start-kubelet", node]);
    }
    all_complete(&world, "unwatched", 4);
}

#[test]
fn trials_of_a_node_that_is_drained_go_on_on_another() {
    let Some((world, _turn)) = world("drained") else { return };
    let _operator = world.operator();
    on_both_nodes(&world, "drained", &json!({}));
    let job = format!("temper.rs/job={}", "drained");
    let only = ["--pod-selector", &job, "--delete-emptydir-data", "--force", "--timeout=60s"];
    world.cluster().must(&[&["drain", "node-2"], &only[..]].concat());
    assert_eq!(pods_on_nodes(&world, "drained")[1], 0);
    world.cluster().must(&["uncordon", "node-2"]);
    went_on_elsewhere(&world, "drained");
}

#[test]
fn trials_of_a_node_that_is_gone_are_tried_again_on_another() {
    let Some((world, _turn)) = world("gone") else { return };
    let _operator = world.operator();
    on_both_nodes(&world, "moved", &json!({}));
    world.cluster().fault(&["node-kill", "node-2"]);
    world.cluster().must(&["delete", "node", "node-2"]);
    went_on_elsewhere(&world, "moved");
    world.cluster().fault(&["node-start", "node-2"]);
}

#[test]
fn trials_of_a_node_that_is_cut_off_are_tried_again_though_nobody_can_end_their_pods() {
    let Some((world, _turn)) = world("cut") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("parted");
    // They leave the node as soon as it is known to be lost, which takes 40 s.
    let at_once = json!({"tolerations": [{
        "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0,
    }]});
    on_both_nodes(&world, "parted", &at_once);
    world.cluster().fault(&["node-cut", "node-2"]);
    went_on_elsewhere(&world, "parted");
    // What the first attempts had to say comes when the node is back, and is not heard.
    world.cluster().fault(&["node-heal", "node-2"]);
    let on_it = || pods_on_nodes(&world, "parted")[1];
    world.until("rid of what ran there", on_it, |pods| *pods == 0);
    let status = world.job("parted").and_then(|job| job.status).unwrap();
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
    assert!(ledger.pods().len() > 4 && ledger.attempts().len() == 4);
}
