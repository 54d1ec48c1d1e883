//! The resources' fields as a page of documentation, from the same schemas that the API server has.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use temper_advisor::{
    options::{OptionText, in_manifest},
    registry::Registration,
    schedule::SCHEDULERS,
    search::SEARCHERS,
};

use crate::{API_VERSION, manifests::definitions};

/// The page, as Markdown.
pub fn markdown() -> String {
    let mut page = format!(
        "# Reference\n\nGenerated from the definitions by `make generate`. API version `{API_VERSION}`; \
         `kubectl explain tuningjob.spec` says the same.\n"
    );
    for definition in definitions() {
        let names = &definition.spec.names;
        let version = &definition.spec.versions[0];
        let Some(schema) = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref())
        else {
            continue;
        };
        page.push_str(&format!("\n## {}\n\n", names.kind));
        if let Some(description) = &schema.description {
            page.push_str(&format!("{description}\n\n"));
        }
        let mut short: Vec<String> =
            names.short_names.iter().flatten().map(|name| format!("`{name}`")).collect();
        short.insert(0, format!("`{}`", names.plural));
        page.push_str(&format!("For kubectl: {}.\n\n", short.join(", ")));
        page.push_str("| field | type | |\n|---|---|---|\n");
        for part in ["spec", "status"] {
            if let Some(schema) = schema.properties.iter().flatten().find(|(name, _)| *name == part) {
                rows(schema.1, part, false, &mut page);
            }
        }
    }
    page.push_str(
        "\n## Options of searches and schedulers\n\n\
         An algorithm's own settings. `temper explain job.yaml` shows those of a job, with the values in use.\n",
    );
    options("search", SEARCHERS, &mut page);
    options("scheduler", SCHEDULERS, &mut page);
    page
}

/// A row for each option of each algorithm, and for each algorithm that has none.
fn options<Build>(part: &str, registry: &[Registration<Build>], page: &mut String) {
    page.push_str(&format!(
        "\n| `spec.{part}.options` of | option | type | default | |\n|---|---|---|---|---|\n"
    ));
    for entry in registry {
        let options = entry.described();
        if options.is_empty() {
            page.push_str(&format!("| `{}` | none | | | |\n", entry.name));
        }
        for OptionText { name, kind, default, description } in options {
            let default =
                if default.is_null() { String::new() } else { format!("`{}`", in_manifest(&default)) };
            let description = in_cell(&description);
            page.push_str(&format!("| `{}` | `{name}` | {kind} | {default} | {description} |\n", entry.name));
        }
    }
}

/// A text as a cell of a table.
fn in_cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', "<br>")
}

/// A row for the field and one for each below it.
fn rows(schema: &JSONSchemaProps, path: &str, required: bool, page: &mut String) {
    let needed = if required { ", required" } else { "" };
    let text = in_cell(schema.description.as_deref().unwrap_or_default());
    page.push_str(&format!("| `{path}` | {}{needed} | {text}{} |\n", kind(schema), allowed(schema)));
    // What is Kubernetes' own is documented there.
    if path == "spec.trial.template" {
        return;
    }
    let inner = match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some((items.as_ref(), format!("{path}[]"))),
        _ => None,
    };
    let (fields, prefix) = inner.map_or((schema, path.to_owned()), |(items, path)| (items, path));
    for (name, property) in fields.properties.iter().flatten() {
        let required = fields.required.iter().flatten().any(|needed| needed == name);
        rows(property, &format!("{prefix}.{name}"), required, page);
    }
}

fn kind(schema: &JSONSchemaProps) -> String {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return "integer or string".to_owned();
    }
    match (schema.type_.as_deref(), &schema.items, &schema.additional_properties) {
        (Some("array"), Some(JSONSchemaPropsOrArray::Schema(items)), _) => format!("list of {}", kind(items)),
        (Some("object"), _, Some(JSONSchemaPropsOrBool::Schema(values))) => {
            format!("map to {}", kind(values))
        }
        (Some(kind), _, _) => kind.to_owned(),
        (None, _, _) => "any".to_owned(),
    }
}

/// What the schema allows of the field, beyond its type.
fn allowed(schema: &JSONSchemaProps) -> String {
    let mut said = Vec::new();
    if let Some(values) = &schema.enum_ {
        let values: Vec<String> = values
            .iter()
            .filter(|value| !value.0.is_null())
            .map(|value| format!("`{}`", value.0.to_string().trim_matches('"')))
            .collect();
        said.push(values.join(", "));
    }
    match (schema.minimum, schema.maximum) {
        (Some(least), Some(most)) if most < 1e9 => said.push(format!("{least} to {most}")),
        (Some(least), _) => said.push(format!("at least {least}")),
        _ => {}
    }
    if let Some(most) = schema.max_items {
        said.push(format!("at most {most}"));
    }
    if said.is_empty() { String::new() } else { format!(" ({})", said.join("; ")) }
}
