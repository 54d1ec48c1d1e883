//! Pieces of the schema that the derive cannot say.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use temper_advisor::{registry::Registration, schedule::SCHEDULERS, search::SEARCHERS};

/// A rule that keeps a field of the spec as it was when the job was created.
pub(crate) fn frozen(field: &str) -> Rule {
    Rule::new(format!("self.{field} == oldSelf.{field}")).message(frozen_message(field).as_str())
}

/// The same for a field that may be absent.
pub(crate) fn frozen_option(field: &str) -> Rule {
    Rule::new(format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    ))
    .message(frozen_message(field).as_str())
}

fn frozen_message(field: &str) -> String {
    format!(
        "{field} cannot be changed: trials were made by it. Create another TuningJob, and name this one in its warmStartFrom"
    )
}

/// A value of a parameter: anything. A structural schema cannot say "text, number, boolean or list", and rules cannot
/// see what has no type, not even whether it is there.
pub(crate) fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// A list of values of a parameter.
pub(crate) fn values(generator: &mut SchemaGenerator) -> Schema {
    list(&any(generator))
}

/// Lists of values.
pub(crate) fn positions(generator: &mut SchemaGenerator) -> Schema {
    let mut choices = values(generator);
    choices.insert("minItems".into(), 1.into());
    choices.insert("maxItems".into(), 256.into());
    list(&choices)
}

/// Values of parents that make a parameter exist.
pub(crate) fn conditions_on_parents(generator: &mut SchemaGenerator) -> Schema {
    let mut values = values(generator);
    values.insert("minItems".into(), 1.into());
    values.insert("maxItems".into(), 1024.into());
    json_schema!({"type": "object", "additionalProperties": values, "minProperties": 1, "maxProperties": 16})
}

/// A value for each named parameter.
pub(crate) fn values_by_name(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": any(generator)})
}

/// Configurations, in part or whole. Objects of any fields rather than maps of any values: rules cannot see the
/// latter, and could not keep them from being changed.
pub(crate) fn points(generator: &mut SchemaGenerator) -> Schema {
    list(&free_map(generator))
}

/// Settings that are described elsewhere.
pub(crate) fn free_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A learning curve: lists of numbers.
pub(crate) fn series(_: &mut SchemaGenerator) -> Schema {
    list(&json_schema!({"type": "array", "items": {"type": "number"}, "x-kubernetes-list-type": "atomic"}))
}

/// A point in time.
pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

fn list(items: &Schema) -> Schema {
    json_schema!({"type": "array", "items": items, "x-kubernetes-list-type": "atomic"})
}

/// Kubernetes' conditions, as its own resources have them.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "maxItems": 16,
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "description": "What it is about."},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0, "description": "The generation of the spec it was observed for."},
                "lastTransitionTime": {"type": "string", "format": "date-time", "description": "When its status last changed."},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "Why, for programs: one word."},
                "message": {"type": "string", "maxLength": 32768, "description": "Why, for people."}
            }
        }
    })
}

/// As much of a `PodTemplateSpec` as the API server can check cheaply; validation in Rust checks all of it.
pub(crate) fn pod_template(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "required": ["containers"],
                "properties": {
                    "containers": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 32,
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": true,
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string", "minLength": 1, "maxLength": 63},
                                "command": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"}
                            }
                        },
                        "x-kubernetes-validations": [{
                            "rule": "self.exists(c, c.name == 'trial') ? self.exists(c, c.name == 'trial' && has(c.command) && size(c.command) > 0) : has(self[0].command) && size(self[0].command) > 0",
                            "message": "the container named trial, or else the first, needs a command: it is run under Temper's agent, so the image's own entry point does not count"
                        }]
                    }
                }
            }
        }
    })
}

/// The names that `search.algorithm` may have, and what each is for.
pub(crate) fn algorithm(schema: &mut Schema) {
    registered(schema, SEARCHERS);
}

/// The names that `scheduler.type` may have, and what each is for.
pub(crate) fn scheduler(schema: &mut Schema) {
    registered(schema, SCHEDULERS);
}

fn registered<Build>(schema: &mut Schema, registry: &[Registration<Build>]) {
    if registry.is_empty() {
        return;
    }
    let names: Vec<_> = registry.iter().map(|entry| entry.name).collect();
    schema.insert("enum".into(), json!(names));
    let mut description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    for entry in registry {
        description.push_str(&format!("\n- {}: {}", entry.name, entry.summary));
    }
    schema.insert("description".into(), description.into());
}
