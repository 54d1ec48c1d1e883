//! The schemas that manifests are held against: the generated ones, and for pods Kubernetes' own.

use std::sync::OnceLock;

use k8s_openapi::{api::core::v1::PodTemplateSpec, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::tuning_job::{TrialSection, TuningJobSpec};

/// Schema of a whole `TuningJob` as people write it, with its definitions under `components.schemas`.
pub(super) fn tuning_job() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(build)
}

fn build() -> Value {
    // Not the resource's definition itself: kube's rewriting for the API server takes many times as long, and changes
    // nothing of what is allowed.
    let mut generator = SchemaSettings::openapi3().into_generator();
    let mut template = PodTemplateSpec::json_schema(&mut generator);
    template.insert("required".into(), json!(["spec"]));
    let spec = generator.subschema_for::<TuningJobSpec>();
    let metadata = generator.subschema_for::<ObjectMeta>();
    let mut trial = TrialSection::json_schema(&mut generator);
    if let Some(place) = trial.pointer_mut("/properties/template") {
        *place = template.to_value();
    }
    let mut definitions = generator.take_definitions(true);
    definitions.insert(TrialSection::schema_name().into_owned(), trial.to_value());
    json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": metadata,
            "spec": spec,
        },
        "components": {"schemas": definitions},
    })
}
