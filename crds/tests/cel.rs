//! The rules that an API server will hold a job against, evaluated here without one.

use kube_cel::{CompiledSchema, Validator, WarningKind, apply_defaults, compile_schema, estimate_rule_cost};
use serde_json::{Value, json};
use temper_crds::{manifests::definitions, tuning_job::CHANGEABLE, validation::parse_value};

fn schemas() -> Vec<(String, Value)> {
    let schema = |definition: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).expect("it is JSON");
        (definition.spec.names.kind.clone(), schema["openAPIV3Schema"].clone())
    };
    definitions().iter().map(schema).collect()
}

fn tuning_job() -> Value {
    schemas()
        .into_iter()
        .find(|(kind, _)| kind == "TuningJob")
        .map(|(_, schema)| schema)
        .expect("it is defined")
}

/// A job that has everything.
fn full() -> Value {
    serde_saphyr::from_str(include_str!("manifests/full.yaml")).expect("it is YAML")
}

/// What an API server would say of creating `job`, or of changing `old` into it: messages, defaults applied first.
fn said_of(schema: &Value, job: &Value, old: Option<&Value>) -> Vec<String> {
    let job = apply_defaults(schema, job);
    let old = old.map(|old| apply_defaults(schema, old));
    match Validator::new().validate(schema, &job, old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
    }
}

fn with(pointer: &str, value: Value) -> Value {
    let mut job = full();
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer to a field");
    let parent = job.pointer_mut(parent).expect("the parent is there");
    match (parent, value) {
        (Value::Object(members), Value::Null) => drop(members.remove(field)),
        (Value::Array(items), value) => items[field.parse::<usize>().expect("an index")] = value,
        (parent, value) => parent[field] = value,
    }
    job
}

#[test]
fn right_manifests_are_admitted() {
    let schema = tuning_job();
    let minimal: Value = serde_saphyr::from_str(include_str!("manifests/minimal.yaml")).expect("it is YAML");
    for job in [full(), minimal] {
        assert_eq!(said_of(&schema, &job, None), Vec::<String>::new());
        assert_eq!(said_of(&schema, &job, Some(&job)), Vec::<String>::new());
    }
}

#[test]
fn what_a_rule_refuses_is_refused_by_the_validation_too() {
    let schema = tuning_job();
    for (pointer, value, said) in [
        ("/metadata/name", json!("two.parts"), "the name must be a DNS label"),
        ("/metadata/name", json!("x".repeat(64)), "the name must be a DNS label"),
        ("/spec/parameters/0/min", json!(1.0), "min must be less than max"),
        ("/spec/parameters/0/min", json!(0.0), "scale log needs min > 0"),
        ("/spec/parameters/4/max", json!(1.0), "scale reverseLog needs min >= 0 and max < 1"),
        ("/spec/parameters/0/max", Value::Null, "needs min and max"),
        ("/spec/parameters/2/min", json!(1.0), "are for float and int parameters"),
        ("/spec/parameters/0/distribution/mean", Value::Null, "needs mean and standardDeviation"),
        ("/spec/scheduler/min", json!(10), "min must not exceed max"),
        ("/spec/trial/metrics/patterns", Value::Null, "format Regex needs patterns"),
        ("/spec/trial/stopWhen/0/resource", json!(3), "either resource, or metric"),
        ("/spec/trial/stopWhen/0/atLeast", Value::Null, "either resource, or metric"),
        ("/spec/trial/template/spec/containers/1/command", Value::Null, "needs a command"),
        ("/spec/trial/template/spec/containers/1/command", json!([]), "needs a command"),
    ] {
        let job = with(pointer, value);
        let all = said_of(&schema, &job, None);
        assert!(all.iter().any(|message| message.contains(said)), "{pointer}: {all:?}");
        assert!(parse_value(&job).is_err(), "{pointer}");
    }
}

#[test]
fn what_trials_were_made_by_cannot_be_changed() {
    let schema = tuning_job();
    let spec = schema["properties"]["spec"]["properties"].as_object().expect("the spec has fields");
    for field in spec.keys() {
        let changed = match field.as_str() {
            "objectives" => with("/spec/objectives/0/goal", json!("minimize")),
            "parameters" => with("/spec/parameters/0/max", json!(0.2)),
            "search" => with("/spec/search/algorithm", json!("Sobol")),
            "scheduler" => with("/spec/scheduler/max", json!(27)),
            "earlyStopping" => with("/spec/earlyStopping/rounds", json!(6)),
            "policies" => with("/spec/policies", json!(["QUICK_EVAL"])),
            "pointsToEvaluate" => with("/spec/pointsToEvaluate/0", json!({"learningRate": 0.02})),
            "warmStartFrom" => with("/spec/warmStartFrom", json!([])),
            "seed" => with("/spec/seed", json!(8)),
            "trial" => with("/spec/trial/template/spec/containers/1/command", json!(["python", "other.py"])),
            "budget" => with("/spec/budget/maxTrials", json!(41)),
            "suspend" => with("/spec/suspend", json!(true)),
            "retention" => with("/spec/retention/trials", json!(51)),
            "ttlSecondsAfterFinished" => with("/spec/ttlSecondsAfterFinished", json!(1)),
            other => unreachable!("is {other} to be changeable? say so here"),
        };
        let said = said_of(&schema, &changed, Some(&full()));
        if CHANGEABLE.contains(&field.as_str()) {
            assert_eq!(said, Vec::<String>::new(), "{field}");
            continue;
        }
        let expected = format!("{field} cannot be changed");
        assert!(said.iter().any(|message| message.starts_with(&expected)), "{field}: {said:?}");
        if field != "objectives" && field != "parameters" && field != "trial" {
            let removed = with(&format!("/spec/{field}"), Value::Null);
            let said = said_of(&schema, &removed, Some(&full()));
            assert!(said.iter().any(|message| message.starts_with(&expected)), "{field} removed: {said:?}");
        }
    }
    // Inside what the schema leaves open, too.
    for pointer in
        ["/spec/trial/template/spec/nodeSelector", "/spec/scheduler/options", "/spec/parameters/3/values"]
    {
        let said = said_of(&schema, &with(pointer, json!({"a": "b"})), Some(&full()));
        assert!(said.iter().any(|message| message.contains("cannot be changed")), "{pointer}: {said:?}");
    }
}

#[test]
fn every_rule_compiles_and_is_cheap() {
    fn walk(path: &str, schema: &CompiledSchema, rules: &mut usize) {
        assert!(!schema.has_errors(), "{path}: {:?}", schema.compilation_errors());
        for rule in schema.validations.iter().flatten() {
            *rules += 1;
            let warnings = estimate_rule_cost(&rule.rule.rule, schema);
            let dear = warnings.iter().find(|warning| warning.kind == WarningKind::CostExceeded);
            assert!(dear.is_none(), "{path}: {dear:?}");
        }
        for (name, inner) in &schema.properties {
            walk(&format!("{path}.{name}"), inner, rules);
        }
        if let Some(items) = &schema.items {
            walk(&format!("{path}[]"), items, rules);
        }
    }
    let mut rules = 0;
    for (kind, schema) in schemas() {
        walk(&kind, &compile_schema(&schema), &mut rules);
    }
    assert!(rules > 20, "{rules}");
}

/// An API server bounds the cost of a rule by the sizes of what it may meet: a list or a text with rules above or in
/// it must have its bound.
#[test]
fn what_rules_reach_is_bounded() {
    fn walk(path: &str, schema: &Value, within_list: bool, unbounded: &mut Vec<String>) {
        let has_rules = schema.get("x-kubernetes-validations").is_some();
        let is_list = schema.get("items").is_some();
        let rules_inside = |schema: &Value| schema.to_string().contains("x-kubernetes-validations");
        if is_list && rules_inside(schema) && schema.get("maxItems").is_none() {
            unbounded.push(path.to_owned());
        }
        if has_rules && within_list {
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                let bounded = inner.get("maxLength").is_some() || inner.get("enum").is_some();
                if inner.get("type") == Some(&json!("string")) && !bounded {
                    unbounded.push(format!("{path}.{name}"));
                }
            }
        }
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            walk(&format!("{path}.{name}"), inner, within_list, unbounded);
        }
        if let Some(items) = schema.get("items") {
            walk(&format!("{path}[]"), items, true, unbounded);
        }
    }
    let mut unbounded = Vec::new();
    walk("TuningJob", &tuning_job(), false, &mut unbounded);
    assert_eq!(unbounded, Vec::<String>::new());
}
