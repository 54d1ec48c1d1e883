//! How a searcher or scheduler makes itself known.
//!
//! Options are an algorithm's own: a struct with `Deserialize`, `JsonSchema` and `deny_unknown_fields` in the
//! algorithm's file. Their schema feeds validation, `temper explain` and the reference, so they are described once.

use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Invalid;

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

/// Reads an algorithm's options.
///
/// # Errors
/// When a field is unknown, of the wrong type or out of its range; the path is relative to the options.
pub fn read_options<T: DeserializeOwned>(options: &Map<String, Value>) -> Result<T, Vec<Invalid>> {
    serde_json::from_value(Value::Object(options.clone()))
        .map_err(|error| vec![Invalid::new("", error.to_string())])
}
