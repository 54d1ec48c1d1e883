//! A job that nothing happens to.

use std::collections::BTreeSet;

use serde_json::json;
use temper_crds::trial::ReportState;
use temper_tests::cluster::{Job, World, condition};

/// Says a line of its own, and reports once.
const QUICK: &str = r#"echo "hello from $PARAM_x"; echo "{\"loss\": $PARAM_x}""#;

#[test]
fn a_job_runs_to_its_end_and_says_all_about_it() {
    let Some(world) = World::new("runs") else { return };
    let _operator = world.operator();
    let ledger = world.ledger("quick");
    let marked = json!({"trial": {"template": {"metadata": {"labels": {"team": "vision"}}}}});
    world.apply(&Job::new("quick", QUICK).sized(4, 2).with(&marked));
    world.kubectl(&["wait", "tj/quick", "--for=condition=Complete", "--timeout=120s"]);

    let job = world.job("quick").unwrap();
    let status = job.status.unwrap();
    assert_eq!((status.state.as_str(), status.progress.as_str()), ("Complete", "4/4"));
    assert_eq!((status.trials.created, status.trials.completed, status.trials.failed), (4, 4, 0));
    assert!(status.start_time.is_some() && status.completion_time.is_some());
    assert!(condition(&status, "Accepted").0 && !condition(&status, "Progressing").0);
    assert_eq!(status.search.unwrap().algorithm, "Random");
    ledger.each_once(4, 2);

    let trials = world.trials("quick");
    let least = trials
        .iter()
        .min_by(|one, other| {
            let loss = |trial: &temper_crds::Trial| {
                trial.status.as_ref().unwrap().report.as_ref().unwrap().latest["loss"]
            };
            loss(one).total_cmp(&loss(other))
        })
        .unwrap();
    let best = status.best.unwrap();
    assert_eq!((best.index, Some(&best.trial)), (least.spec.index, least.metadata.name.as_ref()));
    assert_eq!(best.parameters, least.spec.parameters);

    let is_over = |pod: &k8s_openapi::api::core::v1::Pod| {
        pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded")
    };
    // A trial is over when it has said so, which is before its pod is known to be.
    let pods = world.until("over", || world.pods("quick"), |pods| pods.iter().all(is_over));
    assert_eq!(pods.len(), 4);
    for trial in &trials {
        let report = trial.status.as_ref().unwrap().report.as_ref().unwrap();
        assert_eq!((report.state, report.exit_code), (ReportState::Succeeded, Some(0)));
        let reference = trial.spec.pod.as_ref().unwrap();
        let pod = pods.iter().find(|pod| pod.metadata.name.as_ref() == Some(&reference.name)).unwrap();
        assert_eq!(report.pod.uid, pod.metadata.uid);
        let labels = pod.metadata.labels.as_ref().unwrap();
        for (name, value) in [
            ("temper.rs/job", "quick"),
            ("temper.rs/index", trial.spec.index.to_string().as_str()),
            ("app.kubernetes.io/managed-by", "temper"),
            ("team", "vision"),
        ] {
            assert_eq!(labels.get(name).map(String::as_str), Some(value), "label {name}");
        }
        let x = report.latest["loss"];
        let parameters = &pod.metadata.annotations.as_ref().unwrap()["temper.rs/parameters"];
        let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
        assert_eq!(parameters["x"].as_f64(), Some(x));
        let log = world.log(&reference.name);
        assert!(log.contains("hello from "), "the command's own lines are the pod's log: {log}");
    }

    // What a person sees.
    let table = world.kubectl(&["get", "tj"]);
    let columns: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(columns, ["NAME", "ALGORITHM", "TRIALS", "RUNNING", "FAILED", "BEST", "AGE", "STATUS"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        (&row[..5], row[5], row[7]),
        (&["quick", "Random", "4/4", "0", "0"][..], &*best.objective, "Complete")
    );
    let table = world.kubectl(&["get", "trials"]);
    let columns: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(columns, ["NAME", "JOB", "INDEX", "STATE", "RESOURCE", "OBJECTIVE", "AGE"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[1], row[3]), ("quick", "Succeeded"));
    let names: BTreeSet<String> = world
        .kubectl(&["get", "trials", "--field-selector", "status.report.state=Succeeded", "-o", "name"])
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(names.len(), 4, "reports can be selected by");
    assert!(
        world.kubectl(&["get", "temper"]).contains("trial.temper.rs/quick-"),
        "all kinds in one category"
    );
    let selected = world.kubectl(&["get", "tj", "--field-selector", "status.state=Complete", "-o", "name"]);
    assert_eq!(selected, "tuningjob.temper.rs/quick\n");
    let described = world.kubectl(&["describe", "tj", "quick"]);
    assert!(described.contains("MaxTrialsReached") && described.contains("Events:"), "{described}");
    let events =
        world.kubectl(&["get", "events", "--field-selector", "involvedObject.kind=TuningJob", "-o", "name"]);
    assert!((1..=3).contains(&events.lines().count()), "few events:\n{events}");
}
