//! Holds a value against the generated schema: unknown fields, wrong types, what is missing, what is out of bounds.

use serde_json::{Map, Value};
use temper_advisor::suggest::{did_you_mean, nearest};

use super::{
    path::{item, member},
    problem::Problem,
};

/// What came of it.
#[derive(Default)]
pub(super) struct Findings {
    /// Everything that is wrong. Whether a problem is with the field's key or its value is told by `of_key`.
    pub(super) problems: Vec<Found>,
    /// Paths of what cannot be read any further: the object that has an unknown field or lacks one, the value that is
    /// wrong.
    pub(super) broken: Vec<String>,
}

/// A problem, and which part of the field it is about.
pub(super) struct Found {
    pub(super) problem: Problem,
    pub(super) of_key: bool,
}

/// A schema as JSON, with its definitions under `components.schemas`.
pub(super) struct Checker<'a> {
    root: &'a Value,
    findings: Findings,
}

/// Checks `value`, and tidies it: a null for an absent field is removed, 3.0 for a whole number becomes 3.
pub(super) fn check(schema: &Value, path: &str, value: &mut Value) -> Findings {
    let mut checker = Checker { root: schema, findings: Findings::default() };
    checker.check(path, schema, value);
    checker.findings
}

impl<'a> Checker<'a> {
    fn check(&mut self, path: &str, schema: &'a Value, value: &mut Value) {
        let schema = self.resolve(schema);
        if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
            if !(value.is_number() || value.is_string()) {
                self.wrong_type(path, "a number or text", value);
            }
            return;
        }
        let Some(kind) = kind(schema) else { return };
        match (kind, &mut *value) {
            ("object", Value::Object(members)) => self.check_object(path, schema, members),
            ("array", Value::Array(items)) => self.check_list(path, schema, items),
            ("string", Value::String(text)) => self.check_text(path, schema, text),
            ("boolean", Value::Bool(_)) => {}
            ("number", Value::Number(number)) => {
                let number = number.clone();
                self.check_bounds(path, schema, &number);
            }
            ("integer", Value::Number(number)) => {
                let float = number.as_f64().filter(|_| number.is_f64());
                match float {
                    Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => {
                        *number = (float as i64).into();
                    }
                    Some(_) => return self.wrong_type(path, "a whole number", value),
                    None => {}
                }
                if let Value::Number(number) = value {
                    let number = number.clone();
                    self.check_bounds(path, schema, &number);
                }
            }
            _ => self.wrong_type(path, expected(kind), value),
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        loop {
            let named = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|name| self.root.pointer(name.trim_start_matches('#')));
            let wrapped = || {
                let all = schema.get("allOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array)?;
                all.iter().find(|inner| inner.get("type").and_then(Value::as_str) != Some("null"))
            };
            match named.or_else(wrapped) {
                Some(inner) => schema = inner,
                None => return schema,
            }
        }
    }

    fn check_object(&mut self, path: &str, schema: &'a Value, members: &mut Map<String, Value>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties").filter(|additional| additional.is_object());
        let closed = properties.is_some() || schema.get("additionalProperties") == Some(&Value::Bool(false));
        let free = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) || !closed;
        members.retain(|key, value| {
            !(value.is_null() && properties.is_some_and(|known| known.contains_key(key)))
        });
        let mut misspelt = Vec::new();
        for (key, value) in members.iter_mut() {
            let inner = member(path, key);
            if let Some(schema) = properties.and_then(|known| known.get(key)).or(additional) {
                self.check(&inner, schema, value);
            } else if !free {
                let known: Vec<&str> =
                    properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                let message = self.unknown(key, &known);
                misspelt.extend(nearest(key, known));
                self.found(Problem::new(inner, message), true, path);
            }
        }
        for name in texts(schema.get("required")) {
            if !members.contains_key(name) && !misspelt.contains(&name) {
                let about = properties.and_then(|known| known.get(name)).and_then(about);
                let message =
                    about.map_or_else(|| "is missing".to_owned(), |about| format!("is missing: {about}"));
                self.found(Problem::new(member(path, name), message), true, path);
            }
        }
        self.check_size(path, schema, "Properties", "entry", "entries", members.len());
    }

    fn check_list(&mut self, path: &str, schema: &'a Value, items: &mut [Value]) {
        if let Some(schema) = schema.get("items") {
            for (at, value) in items.iter_mut().enumerate() {
                self.check(&item(path, at), schema, value);
            }
        }
        self.check_size(path, schema, "Items", "item", "items", items.len());
        let keys: Vec<&str> = texts(schema.get("x-kubernetes-list-map-keys")).collect();
        let set = schema.get("x-kubernetes-list-type").and_then(Value::as_str) == Some("set");
        if keys.is_empty() && !set {
            return;
        }
        for (at, value) in items.iter().enumerate() {
            let identity = |value: &Value| match &keys[..] {
                [] => vec![Some(value.clone())],
                keys => keys.iter().map(|key| value.get(key).cloned()).collect(),
            };
            let this = identity(value);
            if this.iter().any(Option::is_none) {
                continue;
            }
            if let Some(first) = items[..at].iter().position(|earlier| identity(earlier) == this) {
                let (inner, what) = match &keys[..] {
                    [] => (item(path, at), show(value)),
                    keys => {
                        (member(&item(path, at), keys[0]), show(value.get(keys[0]).unwrap_or(&Value::Null)))
                    }
                };
                let message =
                    format!("{what} is there already, at {}; each may be given once", item(path, first));
                // Each of the two can be read all the same.
                self.findings.problems.push(Found { problem: Problem::new(inner, message), of_key: false });
            }
        }
    }

    fn check_text(&mut self, path: &str, schema: &Value, text: &str) {
        let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let constants = variants.flat_map(|variant| {
            variant.get("const").into_iter().filter_map(Value::as_str).chain(texts(variant.get("enum")))
        });
        let allowed: Vec<&str> = texts(schema.get("enum")).chain(constants).collect();
        if !allowed.is_empty() && !allowed.contains(&text) {
            let hint = did_you_mean(text, allowed.iter().copied());
            let message = format!("{text:?} is not allowed: one of {}{hint}", allowed.join(", "));
            return self.found(Problem::new(path, message), false, path);
        }
        let length = text.chars().count();
        if text.is_empty() && limit(schema, "minLength").is_some_and(|least| least > 0.0) {
            self.found(Problem::new(path, "is empty"), false, path);
        } else if let Some(least) = limit(schema, "minLength").filter(|least| (length as f64) < *least) {
            let message = format!("{text:?} is too short: at least {least} characters");
            self.found(Problem::new(path, message), false, path);
        } else if let Some(most) = limit(schema, "maxLength").filter(|most| (length as f64) > *most) {
            let message = format!("is too long: at most {most} characters, not {length}");
            self.found(Problem::new(path, message), false, path);
        }
    }

    fn check_bounds(&mut self, path: &str, schema: &Value, number: &serde_json::Number) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        let least = limit(schema, "minimum");
        let widest = match schema.get("format").and_then(Value::as_str) {
            Some("uint32") => Some(f64::from(u32::MAX)),
            _ => None,
        };
        let most = limit(schema, "maximum").or(widest);
        // A flag on `minimum` in OpenAPI 3.0, a bound of its own in JSON Schema.
        let above = match schema.get("exclusiveMinimum") {
            Some(Value::Bool(true)) => least,
            bound => bound.and_then(Value::as_f64),
        };
        let message = if let Some(above) = above.filter(|above| value <= *above) {
            format!("must be more than {above}, not {number}")
        } else if let Some(least) = least.filter(|least| value < *least) {
            format!("must be at least {least}, not {number}")
        } else if let Some(most) = most.filter(|most| value > *most) {
            format!("must be at most {most}, not {number}")
        } else {
            return;
        };
        self.found(Problem::new(path, message), false, path);
    }

    fn check_size(&mut self, path: &str, schema: &Value, of: &str, one: &str, many: &str, size: usize) {
        let bound = |kind: &str| limit(schema, &format!("{kind}{of}"));
        let things = |count: f64| if count < 2.0 { one } else { many };
        let message = if let Some(least) = bound("min").filter(|least| (size as f64) < *least) {
            format!("needs at least {least} {}, not {size}", things(least))
        } else if let Some(most) = bound("max").filter(|most| (size as f64) > *most) {
            format!("may have at most {most} {}, not {size}", things(most))
        } else {
            return;
        };
        self.found(Problem::new(path, message), true, path);
    }

    fn unknown(&self, key: &str, known: &[&str]) -> String {
        /// More names than this are no help.
        const SHOWN: usize = 20;
        const NO_SUCH: &str = "there is no such field";
        let hint = did_you_mean(key, known.iter().copied());
        if !hint.is_empty() {
            return format!("{NO_SUCH}{hint}");
        }
        let elsewhere = self.fields("", self.root);
        let homes: Vec<&str> =
            elsewhere.iter().filter(|(_, name)| *name == key).map(|(home, _)| home.as_str()).collect();
        if let [home] = homes[..] {
            return format!("{NO_SUCH} here; it belongs in {home}");
        }
        if let Some(near) = nearest(key, elsewhere.iter().map(|(_, name)| *name).filter(|_| homes.is_empty()))
        {
            let home = elsewhere.iter().find(|(_, name)| *name == near).map_or("", |(home, _)| home);
            return format!("{NO_SUCH} here; did you mean {near:?} in {home}?");
        }
        match known {
            [] => format!("{NO_SUCH}: there is nothing to set here"),
            known if known.len() <= SHOWN => format!("{NO_SUCH}; allowed are {}", known.join(", ")),
            _ => NO_SUCH.to_owned(),
        }
    }

    /// Every field of a job's own objects, with the object it is in. Kubernetes' objects are not looked into.
    fn fields(&self, path: &str, schema: &'a Value) -> Vec<(String, &'a str)> {
        if schema.get("$ref").and_then(Value::as_str).is_some_and(|name| name.contains("io.k8s.")) {
            return Vec::new();
        }
        let schema = self.resolve(schema);
        if let Some(items) = schema.get("items") {
            return self.fields(&format!("{path}[]"), items);
        }
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties
            .flat_map(|(name, inner)| {
                let mut fields = self.fields(&member(path, name), inner);
                fields.push((path.to_owned(), name.as_str()));
                fields
            })
            .collect()
    }

    fn wrong_type(&mut self, path: &str, expected: &str, value: &Value) {
        let hint = match value {
            Value::String(text) if expected.contains("number") && text.parse::<f64>().is_ok() => {
                "; remove the quotes"
            }
            Value::String(_) if expected == "a list" => "; write it as a list of one, in [ ]",
            Value::Number(_) | Value::Bool(_) if expected == "text" => "; put it in quotes",
            _ => "",
        };
        let message = format!("must be {expected}, not {}{hint}", describe(value));
        self.found(Problem::new(path, message), false, path);
    }

    fn found(&mut self, problem: Problem, of_key: bool, broken: &str) {
        self.findings.broken.push(broken.to_owned());
        self.findings.problems.push(Found { problem, of_key });
    }
}

/// The type that a schema asks for; `[integer, null]` is an optional integer.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(kinds) => texts(Some(kinds)).find(|kind| *kind != "null"),
        None if schema.get("oneOf").is_some() => Some("string"),
        None => None,
    }
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn limit(schema: &Value, name: &str) -> Option<f64> {
    schema.get(name).and_then(Value::as_f64)
}

/// First sentence of a field's description, without its full stop.
fn about(schema: &Value) -> Option<String> {
    let description = schema.get("description")?.as_str()?;
    let description = description.replace('\n', " ");
    let sentence = description.split(". ").next()?.trim_end_matches('.');
    let mut letters = sentence.chars();
    let first = letters.next()?;
    Some(first.to_lowercase().chain(letters).collect())
}

fn expected(kind: &str) -> &'static str {
    match kind {
        "object" => "an object (name: value)",
        "array" => "a list",
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

/// A value in words.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => format!("the text {}", show(value)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A value as it is written, cut where it is long.
fn show(value: &Value) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            format!("{:?}...", text.chars().take(LONGEST).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
