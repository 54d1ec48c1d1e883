//! The resources' definitions, as YAML that `kubectl apply` takes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value};

use crate::{Trial, TrialHistory, TuningJob};

/// The definition of each resource, ready to be sent to an API server.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [TuningJob::crd(), Trial::crd(), TrialHistory::crd()].map(tidied).into()
}

/// Each definition as a file: its name and its YAML.
///
/// # Errors
/// When the YAML serializer fails, which no definition makes it do.
pub fn manifests() -> Result<Vec<(String, String)>, serde_saphyr::ser::Error> {
    definitions()
        .into_iter()
        .map(|definition| {
            Ok((format!("{}.yaml", definition.spec.names.plural), serde_saphyr::to_string(&definition)?))
        })
        .collect()
}

/// The schema of a definition as an API server should see it.
fn tidied(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        version.schema = version.schema.take().map(|schema| {
            let tidy = serde_json::to_value(&schema).map(|mut json| {
                tidy(&mut json);
                json
            });
            tidy.and_then(serde_json::from_value).unwrap_or(schema)
        });
    }
    definition
}

fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            tidy_object(fields);
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn tidy_object(fields: &mut Map<String, Value>) {
    // An optional field that is null is an absent one: without `nullable` the API server prunes the null, so that
    // `has()` in a rule means what it says.
    if fields.get("nullable") == Some(&Value::Bool(true)) {
        fields.remove("nullable");
    }
    // A line break in a comment is none in a text that `kubectl explain` wraps anew; lists keep theirs.
    if let Some(Value::String(text)) = fields.get_mut("description") {
        *text = text.lines().fold(String::new(), |folded, line| {
            let joint = if folded.is_empty() || line.starts_with("- ") { "\n" } else { " " };
            folded + joint + line.trim()
        });
        *text = text.trim().to_owned();
    }
    // Kubernetes knows int32 and int64 only, and warns of others at every apply.
    let limit = match fields.get("format").and_then(Value::as_str) {
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64") => i64::MAX.unsigned_abs(),
        _ => return,
    };
    fields.insert("format".into(), "int64".into());
    if limit < i64::MAX.unsigned_abs() {
        fields.entry("maximum").or_insert(limit.into());
    }
}
