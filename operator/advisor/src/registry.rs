//! How a searcher or scheduler makes itself known.
//!
//! Options are an algorithm's own: a struct with `Deserialize`, `JsonSchema` and `deny_unknown_fields` in the
//! algorithm's file. Their schema feeds validation, `temper explain` and the reference, so they are described once.

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Invalid, suggest::did_you_mean};

/// An entry in a list of algorithms: what it is called, what it is for, what can be set, and how to build it.
pub struct Registration<Build> {
    /// As users write it in `search.algorithm` or `scheduler.type`.
    pub name: &'static str,
    /// One line: what it does and when to choose it.
    pub summary: &'static str,
    /// JSON schema of its options.
    pub options: fn() -> Schema,
    /// Builds it, or says everything that is wrong with its options.
    pub build: Build,
}

impl<Build> Registration<Build> {
    /// The entry of this name in a list; `what` and `field` are for the error.
    ///
    /// # Errors
    /// When there is none.
    pub fn find<'a>(list: &'a [Self], what: &str, field: &str, name: &str) -> Result<&'a Self, Invalid> {
        list.iter().find(|registration| registration.name == name).ok_or_else(|| {
            let names: Vec<&str> = list.iter().map(|registration| registration.name).collect();
            let near = did_you_mean(name, names.iter().copied());
            Invalid::new(
                field,
                format!("there is no {what} {name:?}: it is one of {}{near}", names.join(", ")),
            )
        })
    }
}

/// The options of an algorithm that has none.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// Options that count something must count at least one; each is given with whether it is 0.
///
/// # Errors
/// Every field that is 0.
pub fn no_zeros<'a>(counts: impl IntoIterator<Item = (&'a str, bool)>) -> Result<(), Vec<Invalid>> {
    let zeros = counts.into_iter().filter(|(_, is_zero)| *is_zero);
    let wrong: Vec<Invalid> =
        zeros.map(|(field, _)| Invalid::new(field, "must be at least 1, not 0")).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Reads an algorithm's options.
///
/// # Errors
/// Every field that is unknown, of the wrong type or out of its range; paths are relative to the options.
pub fn read_options<T: DeserializeOwned + JsonSchema>(
    options: &Map<String, Value>,
) -> Result<T, Vec<Invalid>> {
    let whole = match serde_json::from_value(Value::Object(options.clone())) {
        Ok(read) => return Ok(read),
        Err(error) => error.to_string(),
    };
    let schema = schema_for!(T);
    let known: Vec<&str> = (schema.get("properties").and_then(Value::as_object).into_iter())
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect();
    let wrong: Vec<Invalid> = options
        .iter()
        .filter_map(|(field, value)| {
            if !known.contains(&field.as_str()) {
                return Some(Invalid::new(field, unknown_option(field, &known)));
            }
            // Alone, so that each field's own error is found and not only the first one's.
            let alone = Map::from_iter([(field.clone(), value.clone())]);
            let error = serde_json::from_value::<T>(Value::Object(alone)).err()?.to_string();
            (!error.starts_with("missing field")).then(|| Invalid::new(field, error))
        })
        .collect();
    Err(if wrong.is_empty() { vec![Invalid::new("", whole)] } else { wrong })
}

fn unknown_option(field: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "there are no options here".to_owned();
    }
    format!(
        "there is no such option; allowed: {}{}",
        known.join(", "),
        did_you_mean(field, known.iter().copied())
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields, rename_all = "camelCase")]
    struct Options {
        levels: u32,
        start_up: u32,
    }

    impl Default for Options {
        fn default() -> Self {
            Self { levels: 5, start_up: 10 }
        }
    }

    fn read<T: DeserializeOwned + JsonSchema>(options: Value) -> Result<T, Vec<String>> {
        let Value::Object(options) = options else { unreachable!() };
        read_options(&options).map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_not_given_is_the_default() {
        assert_eq!(read(json!({"levels": 3})), Ok(Options { levels: 3, start_up: 10 }));
    }

    #[test]
    fn every_wrong_option_is_named() {
        assert_eq!(
            read::<Options>(json!({"levels": -1, "startup": 3, "startUp": "many"})),
            Err(vec![
                "levels: invalid value: integer `-1`, expected u32".to_owned(),
                "startup: there is no such option; allowed: levels, startUp; did you mean \"startUp\"?"
                    .to_owned(),
                "startUp: invalid type: string \"many\", expected u32".to_owned(),
            ])
        );
        assert_eq!(
            read::<NoOptions>(json!({"levels": 1})).unwrap_err(),
            ["levels: there are no options here"]
        );
    }
}
