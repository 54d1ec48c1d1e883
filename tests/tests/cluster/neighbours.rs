//! What one job, one object or one namespace does to the others: nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use temper_tests::cluster::{Job, World, condition};

const QUICK: &str = r#"echo "{\"loss\": $PARAM_x}""#;

/// No node takes these pods: what is tried is the operator alone.
fn nowhere() -> serde_json::Value {
    json!({"nodeSelector": {"temper.test/node": "none"}})
}

#[test]
fn jobs_whose_decisions_take_seconds_delay_no_other() {
    const SLOW: [&str; 2] = ["slow-0", "slow-1"];
    let Some(world) = World::new("slow") else { return };
    // One thread for everything that waits: were a decision made on it, every job would wait for that.
    let operator = world.operator_with(&["TOKIO_WORKER_THREADS=1"]);
    world.apply(&Job::new("earlier", QUICK));
    world.completes("earlier");
    // A model of what is known, asked for the best of many places, for many trials at once.
    let thorough = json!({
        "search": {"algorithm": "GaussianProcess", "options": {"startupTrials": 1, "candidates": 100_000}},
        "warmStartFrom": [{"name": "earlier"}],
    });
    for slow in SLOW {
        world.apply(&Job::new(slow, QUICK).with(&thorough).sized(500, 500).with_pod(&nowhere()));
    }
    for slow in SLOW {
        operator.says(&format!("job=\"{slow}\" reason=\"WarmStarted\""));
    }
    let mut waits = Vec::new();
    for quick in ["quick-0", "quick-1", "quick-2", "quick-3"] {
        world.apply(&Job::new(quick, QUICK).with_pod(&nowhere()));
        let applied = Instant::now();
        world.until("decided", || world.trials(quick).len(), |trials| *trials == 2);
        waits.push(applied.elapsed());
    }
    // What has changed of a job meanwhile waits to be looked at, and is counted.
    world.kubectl(&["annotate", "tj", SLOW[0], "temper.test/note=changed"]);
    world.until("counted", || operator.metric("temper_queue_depth"), |depth| *depth >= Some(1.0));
    let decided: usize = SLOW.iter().map(|slow| world.trials(slow).len()).sum();
    assert_eq!(decided, 0, "decisions are too quick for this test to say anything");
    assert!(waits.iter().all(|wait| *wait < Duration::from_secs(2)), "{waits:?}");
}

#[test]
fn an_object_that_cannot_be_read_stops_no_other_and_is_taken_up_when_it_can_be() {
    let Some(world) = World::new("unreadable") else { return };
    // A time that the API server takes and that there is not: such an object is stored, and is none to this program.
    let never = "2026-01-01T00:00:00+99:00";
    let patch = |kind: &str, name: &str, status: serde_json::Value| {
        let patch = json!({"status": status}).to_string();
        world.kubectl(&["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch]);
    };
    world.apply(&Job::new("bad", QUICK));
    patch("tj", "bad", json!({"startTime": never}));
    world.make(&json!({
        "apiVersion": "temper.rs/v1alpha1", "kind": "Trial", "metadata": {"name": "stray"},
        "spec": {"job": "bad", "index": 0, "parameters": {"x": 0.5}},
    }));
    patch(
        "trial",
        "stray",
        json!({"conditions": [{
            "type": "Any", "status": "True", "reason": "Any", "message": "", "lastTransitionTime": never,
        }]}),
    );
    let operator = world.operator();
    world.apply(&Job::new("before", QUICK));
    world.completes("before");
    for object in [r#"kind="TuningJob" name="bad""#, r#"kind="Trial" name="stray""#] {
        operator.says(&format!("the object cannot be read and is passed over {object}"));
    }
    // And one that changes while it is watched.
    patch("tj", "bad", json!({"startTime": never, "state": "Running"}));
    world.apply(&Job::new("after", QUICK));
    world.completes("after");
    assert!(world.pods("bad").is_empty());
    patch("tj", "bad", json!({"startTime": null}));
    let told = world.status("bad", "told", |status| condition(status, "Accepted").1 == "Unreadable");
    let message = condition(&told, "Accepted").2;
    assert!(message.contains("Trial stray cannot be read"), "{message}");
    world.kubectl(&["delete", "trial", "stray"]);
    let status = world.completes("bad");
    assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
}

#[test]
fn an_operator_of_two_namespaces_tends_both_and_no_other() {
    let worlds = ["here", "there", "elsewhere"].map(World::new);
    let [Some(here), Some(there), Some(elsewhere)] = worlds else { return };
    let operator = here.operator_with(&["--namespaces", there.namespace()]);
    for world in [&elsewhere, &here, &there] {
        world.apply(&Job::new("job", QUICK));
    }
    for world in [&here, &there] {
        let status = world.completes("job");
        assert_eq!((status.trials.completed, status.trials.failed), (4, 0));
        assert!(world.pods("job").len() == 4 && condition(&status, "Complete").0);
    }
    assert_eq!(
        operator.get("/ready"),
        Some((200, "ok: leading\n".to_owned())),
        "each of its watches is in step"
    );
    assert!(elsewhere.job("job").unwrap().status.is_none(), "nobody looks there");
    assert!(elsewhere.trials("job").is_empty() && elsewhere.pods("job").is_empty());
}
