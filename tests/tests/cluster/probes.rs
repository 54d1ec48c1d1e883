//! What an operator says of itself: whether it is ready, what it does, its log.

use std::{fs, path::Path};

use serde_json::{Value, json};
use temper_tests::cluster::{Job, World, condition};

const QUICK: &str = r#"echo "{\"loss\": $PARAM_x}""#;

/// A kubeconfig by which one is this service account.
fn kubeconfig(world: &World, account: &str, folder: &Path) -> String {
    let administrator = world.cluster().must(&["config", "view", "--raw", "--minify", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&administrator).unwrap();
    let token = world.kubectl(&["create", "token", account, "--duration=1h"]);
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = folder.join("kubeconfig");
    fs::write(&file, config.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Lets the account do this in the world's namespace.
fn grant(world: &World, account: &str, name: &str, verbs: &str, resources: &str) {
    let (verbs, resources) = (format!("--verb={verbs}"), format!("--resource={resources}"));
    world.kubectl(&["create", "role", name, &verbs, &resources]);
    let (role, to) = (format!("--role={name}"), format!("--serviceaccount={}:{account}", world.namespace()));
    world.kubectl(&["create", "rolebinding", name, &role, &to]);
}

#[test]
fn an_operator_says_what_it_may_not_read_and_is_ready_once_it_may() {
    let Some(world) = World::new("unready") else { return };
    let folder = tempfile::tempdir().unwrap();
    world.kubectl(&["create", "serviceaccount", "new"]);
    let file = format!("KUBECONFIG={}", kubeconfig(&world, "new", folder.path()));
    let operator = world.operator_with(&[&file]);
    let place = format!("in namespace {}", world.namespace());
    let told = |what: &str, is_so: &dyn Fn(&str) -> bool| {
        let look = || operator.get("/ready");
        let is_so = |answer: &Option<(u16, String)>| matches!(answer, Some((503, body)) if is_so(body));
        world.until(what, look, is_so).unwrap().1
    };
    let body = told("without any right", &|body| body.contains("cannot list"));
    for (resource, name) in [
        ("tuningjobs", "tuningjobs.temper.rs"),
        ("trials", "trials.temper.rs"),
        ("trialhistories", "trialhistories.temper.rs"),
        ("pods", "pods"),
    ] {
        let said = format!("cannot list {resource} {place}: {name} is forbidden: User ");
        assert!(body.contains(&said), "{said:?} is not in\n{body}");
        operator.says(&said);
    }
    assert_eq!(
        operator.get("/health"),
        Some((200, "ok\n".to_owned())),
        "it is not to be started again for this"
    );

    let ours = "tuningjobs.temper.rs,trials.temper.rs,trialhistories.temper.rs";
    grant(&world, "new", "ours", "get,list,watch", ours);
    let body = told("without pods", &|body| !body.contains("tuningjobs") && !body.contains("trial"));
    assert!(body.starts_with(&format!("cannot list pods {place}: pods is forbidden: ")), "{body}");
    grant(&world, "new", "pods", "get,list,watch", "pods");
    let body = told("without the lease", &|body| !body.contains("pods"));
    assert!(
        body.starts_with(&format!("cannot get the lease {}-operator {place}: ", world.namespace())),
        "{body}"
    );
    grant(&world, "new", "lease", "get", "leases.coordination.k8s.io");
    let is = |what: &str| Some((200, format!("ok: {what}\n")));
    world.until("ready", || operator.get("/ready"), |answer| *answer == is("standing by"));
    grant(&world, "new", "leads", "create,update", "leases.coordination.k8s.io");
    world.until("leading", || operator.get("/ready"), |answer| *answer == is("leading"));
}

#[test]
fn one_that_stands_by_is_ready_and_one_that_leads_once_it_has_read_everything() {
    let Some(world) = World::new("ready") else { return };
    let is = |what: &str| Some((200, format!("ok: {what}\n")));
    let one = world.operator_called("one");
    world.until("leading", || one.get("/ready"), |answer| *answer == is("leading"));
    let other = world.operator_called("other");
    world.until("standing by", || other.get("/ready"), |answer| *answer == is("standing by"));
    assert_eq!((one.metric("temper_leader"), other.metric("temper_leader")), (Some(1.0), Some(0.0)));
    one.ask_to_end();
    world.until("leading", || other.get("/ready"), |answer| *answer == is("leading"));
    assert_eq!(other.metric("temper_leader"), Some(1.0));
}

#[test]
fn a_log_for_programs_is_one_object_a_line() {
    let Some(world) = World::new("log") else { return };
    let operator = world.operator_with(&["--log-format", "json"]);
    world.apply(&Job::new("job", QUICK).sized(2, 2));
    // What is wrong with it takes several lines.
    world.apply(&Job::new("wrong", QUICK).with(&json!({"parameters": [
        {"name": "x", "type": "float", "min": 0, "max": 1},
        {"name": "y", "type": "float", "min": 0, "max": 1, "when": {"mode": ["fast"]}},
        {"name": "z", "type": "float", "min": 0, "max": 1, "when": {"kind": ["deep"]}},
    ]})));
    world.completes("job");
    world.status("wrong", "refused", |status| condition(status, "Accepted").1 == "Invalid");
    let log = operator.log();
    // The last line may not be whole yet.
    let (whole, _) = log.rsplit_once('\n').unwrap();
    let lines: Vec<Value> = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        let text = |field: &str| line[field].as_str().unwrap_or_else(|| panic!("no {field}: {line}"));
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&text("level")), "{line}");
        assert!(!text("message").is_empty() && !text("target").is_empty(), "{line}");
        assert!(text("timestamp").parse::<k8s_openapi::jiff::Timestamp>().is_ok(), "{line}");
    }
    for line in whole.lines() {
        assert_eq!(line.matches("\"message\":").count(), 1, "a name stands once: {line}");
    }
    let of = |job: &str| lines.iter().filter(|line| line["job"] == job).collect::<Vec<_>>();
    assert!(of("job").iter().any(|line| line["reason"] == "Complete"), "{lines:?}");
    let is_told = |line: &&Value| {
        let note = line["note"].as_str().unwrap_or_default();
        line["reason"] == "Invalid" && note.contains("parameters[1]") && note.contains('\n')
    };
    assert!(of("wrong").into_iter().any(|line| is_told(&line)), "{lines:?}");
}
