//! Traces of a real operator.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    time::{Duration, Instant},
};

use temper_tests::cluster::{Collector, Job, World};

const QUICK: &str = r#"echo '{"loss": 0.5}'"#;

#[test]
fn what_the_operator_does_for_a_job_is_told_to_the_collector() {
    let Some(world) = World::new("traces") else { return };
    let collector = Collector::start();
    let _operator = world.operator_with(&["--otlp-endpoint", collector.endpoint()]);
    world.apply(&Job::new("traced", QUICK).sized(2, 1));
    world.completes("traced");
    let wanted =
        ["open", "reconcile", "decide", "suggest", "create trials", "create pods", "apply tuningjobs/status"];
    world.until(
        "every span",
        || collector.names(|_| true),
        |names| wanted.iter().all(|name| names.contains(*name)),
    );
    let with = |key: &str, value: &str| collector.names(|span| span.attribute(key) == Some(value));
    assert!(with("temper.job.name", "traced").is_superset(&["open", "reconcile"].map(String::from).into()));
    assert!(with("k8s.namespace.name", world.namespace()).contains("reconcile"));
    assert!(with("http.response.status_code", "200").contains("create pods"));
    assert!(with("temper.search.algorithm", "Random").contains("decide"));
    // A parent is told after its children.
    let spans = collector.spans();
    let reconciles: BTreeSet<&[u8]> =
        spans.iter().filter(|span| span.name == "reconcile").map(|span| span.id.as_slice()).collect();
    let of_one = |name: &str| {
        spans.iter().any(|span| span.name == name && reconciles.contains(span.parent.as_slice()))
    };
    assert!(of_one("decide") && of_one("create trials"), "{spans:?}");
}

#[test]
fn a_collector_that_never_answers_holds_up_nothing() {
    let Some(world) = World::new("mute") else { return };
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", mute.local_addr().unwrap());
    let mut operator = world.operator_with(&["--otlp-endpoint", &endpoint]);
    world.apply(&Job::new("job", QUICK).sized(2, 1));
    world.completes("job");
    let began = Instant::now();
    operator.ask_to_end();
    assert!(operator.wait().success(), "{}", operator.log());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
