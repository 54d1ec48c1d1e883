//! Values as tables write them.

use serde_json::Value as Json;
use temper_advisor::{
    Resource,
    space::{Domain, Value},
};

/// A cell as a value of this domain: a text may stand for a number, or a list.
pub(super) fn value(domain: &Domain, cell: &Json) -> Option<Value> {
    let Some(text) = cell.as_str() else { return serde_json::from_value(cell.clone()).ok() };
    let list = || text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten();
    let read = [Some(scalar(text)), Some(Value::Text(text.to_owned())), list()];
    let mut read = read.into_iter().flatten();
    let fits = read.clone().find(|value| domain.normalise(value).is_some());
    fits.or_else(|| read.next())
}

fn scalar(text: &str) -> Value {
    match text {
        "true" | "True" => return Value::Bool(true),
        "false" | "False" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(whole) = text.parse() {
        return Value::Int(whole);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Float(number),
        _ => Value::Text(text.to_owned()),
    }
}

/// A number that is one.
pub(super) fn number(cell: &Json) -> Option<f64> {
    let number = match cell.as_str() {
        Some(text) => text.parse().ok()?,
        None => cell.as_f64()?,
    };
    number.is_finite().then_some(number)
}

/// A number that counts.
pub(super) fn whole(number: f64) -> Option<Resource> {
    // Up to 2^53 a double counts.
    (number.fract() == 0.0 && (1.0..9e15).contains(&number)).then(|| Resource::new(number as u64)).flatten()
}

/// A cell for people: a text without quotes.
pub(super) fn shown(cell: &Json) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)
}
