//! What can be set of an algorithm, for people: from the schema of its options.

use serde::Serialize;
use serde_json::Value;

use crate::registry::Registration;

/// An option of an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionText {
    /// As it is written under `options`.
    pub name: String,
    /// What it may be, in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is where it is not set; null where the description says what that is.
    pub default: Value,
    /// What it does.
    pub description: String,
}

impl<Build> Registration<Build> {
    /// Its options, in the order of their declaration.
    pub fn described(&self) -> Vec<OptionText> {
        let schema = (self.options)().to_value();
        let properties = schema.get("properties").and_then(Value::as_object);
        let option = |(name, property): (&String, &Value)| OptionText {
            name: name.clone(),
            kind: kind(property, &schema),
            default: property.get("default").cloned().unwrap_or_default(),
            description: text(property, "description").split_whitespace().collect::<Vec<_>>().join(" "),
        };
        properties.into_iter().flatten().map(option).collect()
    }
}

/// A value as people write it in a manifest.
pub fn in_manifest(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What the schema allows; `root` has the definitions that it refers to.
fn kind(schema: &Value, root: &Value) -> String {
    if let Some(definition) = text(schema, "$ref").strip_prefix('#').and_then(|path| root.pointer(path)) {
        return kind(definition, root);
    }
    let choices = choices(schema);
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(only)) => vec![only],
        _ => Vec::new(),
    };
    // Absent and null are the same to whoever writes a manifest.
    let kinds: Vec<String> = types
        .into_iter()
        .filter(|name| *name != "null")
        .map(|name| match schema.get("items").filter(|_| name == "array") {
            Some(items) => format!("list of {}", kind(items, root)),
            None => name.to_owned(),
        })
        .collect();
    let least = schema.get("minimum").and_then(Value::as_f64).filter(|least| *least > 0.0);
    format!("{}{}", kinds.join(" or "), least.map_or_else(String::new, |least| format!(", at least {least}")))
}

/// The texts it may be, if it is one of some.
fn choices(schema: &Value) -> Vec<&str> {
    let list = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let named = list("enum").filter_map(Value::as_str);
    named.chain(list("oneOf").map(|choice| text(choice, "const")).filter(|text| !text.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{schedule::scheduler, search::searcher};

    #[test]
    fn options_have_types_defaults_and_words() {
        let described = searcher("TPE").expect("it is there").described();
        let names: Vec<&str> = described.iter().map(|option| option.name.as_str()).collect();
        assert_eq!(names, ["multivariate", "startupTrials", "candidates"]);
        assert_eq!((described[0].kind.as_str(), &described[0].default), ("boolean", &json!(true)));
        assert_eq!((described[1].kind.as_str(), &described[1].default), ("integer, at least 1", &json!(10)));
        assert!(searcher("Random").expect("it is there").described().is_empty());
    }

    #[test]
    fn choices_and_lists_are_spelt_out() {
        let described = scheduler("ASHA").expect("it is there").described();
        assert_eq!(
            (described[0].kind.as_str(), &described[0].default),
            ("stopping or promotion", &json!("stopping"))
        );
        assert_eq!((described[2].kind.as_str(), &described[2].default), ("list of integer", &Value::Null));
    }

    #[test]
    fn every_option_of_every_algorithm_is_described() {
        let searchers = crate::search::SEARCHERS.iter().flat_map(Registration::described);
        let schedulers = crate::schedule::SCHEDULERS.iter().flat_map(Registration::described);
        for option in searchers.chain(schedulers) {
            assert!(!option.description.is_empty() && !option.kind.is_empty(), "{option:?}");
        }
    }
}
