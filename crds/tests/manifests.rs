//! The committed YAML of the resources is what the types generate.

use std::{fs, path::Path};

use temper_crds::manifests::{definitions, manifests};

#[test]
fn committed_manifests_are_what_is_generated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let generated = manifests().expect("definitions can be written as YAML");
    for (name, yaml) in &generated {
        if std::env::var_os("UPDATE").is_some() {
            fs::write(folder.join(name), yaml).expect("the folder can be written");
        }
        let committed = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            committed == *yaml,
            "crds/manifests/{name} is out of date: run `UPDATE=1 cargo test -p temper-crds --test manifests`, or \
             `temper crds --out crds/manifests`"
        );
    }
    let files = fs::read_dir(&folder).expect("the folder is there").count();
    assert_eq!(files, generated.len(), "a file in crds/manifests belongs to no resource");
}

#[test]
fn the_committed_reference_is_what_is_generated() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    let generated = temper_crds::reference::markdown();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &generated).expect("the folder can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == generated, "docs/reference.md is out of date: run `make generate`");
}

#[test]
fn definitions_stay_far_below_what_kubectl_apply_can_annotate() {
    // `kubectl apply` keeps the whole object in an annotation, which may have 256 KiB.
    for definition in definitions() {
        let size = serde_json::to_string(&definition).expect("it is JSON").len();
        assert!(size < 64 * 1024, "{:?} has {size} bytes", definition.metadata.name);
    }
}

#[test]
fn every_field_of_the_resources_is_explained() {
    fn unexplained(path: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
        for (name, inner) in schema.get("properties").and_then(|all| all.as_object()).into_iter().flatten() {
            let path = format!("{path}.{name}");
            if inner.get("description").is_none() {
                found.push(path.clone());
            }
            unexplained(&path, inner, found);
        }
        if let Some(items) = schema.get("items") {
            unexplained(&format!("{path}[]"), items, found);
        }
    }
    let mut found = Vec::new();
    for definition in definitions() {
        let version = &definition.spec.versions[0];
        let schema = serde_json::to_value(&version.schema).expect("it is JSON");
        unexplained(&definition.spec.names.kind, &schema["openAPIV3Schema"], &mut found);
    }
    // kube names these three itself; what is in a pod template is Kubernetes' own.
    found.retain(|path| {
        !path.contains(".trial.template.") && !path.ends_with("Trial.spec") && path.matches('.').count() > 1
    });
    assert_eq!(found, Vec::<String>::new());
}

/// What the schema leaves open may hold anything; whoever watches jobs must be able to read them all the same, to say
/// what is wrong with them.
#[test]
fn whatever_the_schema_admits_can_be_read() {
    let mut job: serde_json::Value =
        serde_saphyr::from_str(include_str!("manifests/full.yaml")).expect("it is YAML");
    let anything = serde_json::json!({"a": [null, {"b": 1.5}]});
    let open = [
        "parameters/2/values/0",
        "parameters/7/value",
        "parameters/6/positions/0/0",
        "parameters/4/when/optimizer/0",
    ];
    for pointer in
        open.into_iter().chain(["pointsToEvaluate/0/learningRate", "search/options", "scheduler/options"])
    {
        let (parent, field) = pointer.rsplit_once('/').expect("a field");
        let parent = job.pointer_mut(&format!("/spec/{parent}")).expect("the parent is there");
        match field.parse::<usize>() {
            Ok(index) => parent[index] = anything.clone(),
            Err(_) => parent[field] = anything.clone(),
        }
    }
    job["spec"]["trial"]["template"]["spec"]["volumes"] = anything;
    serde_json::from_value::<temper_crds::TuningJob>(job).expect("it can be read");
}
