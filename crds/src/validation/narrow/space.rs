//! Parameters to a search space.

use serde::Deserialize;
use serde_json::Value as Json;
use temper_advisor::{
    ParamName,
    space::{Condition, Domain, FloatDomain, IntDomain, Parameter, Prior, Scale, Space, Value},
    suggest::did_you_mean,
};

use super::{
    super::{
        path::{item, member},
        structure::describe,
    },
    Reader,
};
use crate::tuning_job::{DistributionSpec, DistributionType, ParameterSpec, ParameterType, ScaleName};

const PATH: &str = "spec.parameters";

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Space> {
    let items = reader.items(PATH);
    let written: Vec<&str> =
        items.iter().filter_map(|json| json.get("name").and_then(Json::as_str)).collect();
    let mut parameters = Vec::new();
    // Parameters that cannot be built. Stand-ins take their places, so that the conditions of the others are checked.
    let mut unsure: Vec<&str> = Vec::new();
    for (at, json) in items.iter().enumerate() {
        let path = item(PATH, at);
        let text = json.get("name").and_then(Json::as_str);
        let name = text
            .map(ParamName::parse)
            .and_then(|name| reader.accept(&path, name.map_err(|wrong| vec![wrong])));
        let readable = values_are_values(reader, &path, json);
        let when = if readable { conditions(reader, &path, json, &written) } else { Vec::new() };
        let spec = if readable { reader.decode(&path, json) } else { None };
        let domain = spec.as_ref().and_then(|spec| domain(reader, &path, spec));
        if name.is_none() || domain.is_none() {
            unsure.push(text.unwrap_or_default());
        }
        let name = name.or_else(|| ParamName::parse(&format!("_{at}")).ok());
        let domain = domain.unwrap_or(Domain::Fixed(Value::Bool(true)));
        parameters.extend(name.map(|name| Parameter { name, domain, when }));
    }
    if parameters.is_empty() {
        return None;
    }
    match Space::new(parameters) {
        Ok(space) => Some(space).filter(|_| unsure.is_empty()),
        Err(mut wrong) => {
            // What values an unsure parent can take is not known.
            wrong.retain(|invalid| {
                !unsure.iter().any(|name| invalid.field.contains(&format!(".when.{name}[")))
            });
            reader.invalid(PATH, wrong);
            None
        }
    }
}

/// `written` are the names of all parameters. One that is no possible name was told of where it is declared.
fn conditions(reader: &mut Reader<'_>, path: &str, json: &Json, written: &[&str]) -> Vec<Condition> {
    let when = member(path, "when");
    let mut conditions = Vec::new();
    for (parent, values) in json.get("when").and_then(Json::as_object).into_iter().flatten() {
        let path = member(&when, parent);
        match (ParamName::parse(parent), reader.decode(&path, values)) {
            (Ok(parent), Some(values)) => conditions.push(Condition { parent, values }),
            (Err(_), _) if !written.contains(&parent.as_str()) => {
                let message = format!(
                    "there is no parameter {parent:?}{}",
                    did_you_mean(parent, written.iter().copied())
                );
                reader.error(&path, message);
            }
            _ => {}
        }
    }
    conditions
}

/// The schema cannot say what a value is: text, a number, true, false, or a list of these.
fn values_are_values(reader: &mut Reader<'_>, path: &str, json: &Json) -> bool {
    let before = reader.errors.len();
    if let Some(value) = json.get("value") {
        check_value(reader, &member(path, "value"), value);
    }
    check_values(reader, &member(path, "values"), json.get("values"));
    let positions = member(path, "positions");
    for (at, choices) in json.get("positions").and_then(Json::as_array).into_iter().flatten().enumerate() {
        check_values(reader, &item(&positions, at), Some(choices));
    }
    for (parent, values) in json.get("when").and_then(Json::as_object).into_iter().flatten() {
        check_values(reader, &member(&member(path, "when"), parent), Some(values));
    }
    reader.errors.len() == before
}

fn check_values(reader: &mut Reader<'_>, path: &str, values: Option<&Json>) {
    for (at, value) in values.and_then(Json::as_array).into_iter().flatten().enumerate() {
        check_value(reader, &item(path, at), value);
    }
}

/// Says so when it is no value.
pub(super) fn check_value(reader: &mut Reader<'_>, path: &str, value: &Json) {
    match value {
        Json::Null | Json::Object(_) => {
            reader.error(path, format!("must be text, a number, true or false, not {}", describe(value)));
        }
        Json::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                check_value(reader, &item(path, at), value);
            }
        }
        _ => {}
    }
}

fn domain(reader: &mut Reader<'_>, path: &str, spec: &ParameterSpec) -> Option<Domain> {
    if !fields_suit_the_type(reader, path, spec) {
        return None;
    }
    let scale = match spec.scale.unwrap_or_default() {
        ScaleName::Linear => Scale::Linear,
        ScaleName::Log => Scale::Log,
        ScaleName::ReverseLog => Scale::ReverseLog,
    };
    let domain = match spec.type_ {
        ParameterType::Float => {
            let prior = prior(reader, path, spec.distribution.as_ref())?;
            FloatDomain::new(spec.min?, spec.max?, spec.step, scale, prior).map(Domain::Float)
        }
        ParameterType::Int => {
            let prior = prior(reader, path, spec.distribution.as_ref());
            let [min, max, step] = [("min", spec.min), ("max", spec.max), ("step", spec.step)]
                .map(|(field, number)| whole(reader, path, field, number));
            IntDomain::new(min??, max??, step?, scale, prior?).map(Domain::Int)
        }
        ParameterType::Categorical => {
            Domain::categorical(values(spec.values.as_ref()?)?, spec.ordinal.unwrap_or(false))
        }
        ParameterType::Fixed => Ok(Domain::Fixed(value(spec.value.as_ref()?)?)),
        ParameterType::Architecture => Domain::architecture(
            spec.positions.as_ref()?.iter().map(|choices| values(choices)).collect::<Option<_>>()?,
        ),
    };
    reader.accept(path, domain)
}

/// A value that was found to be one.
fn value(json: &Json) -> Option<Value> {
    Value::deserialize(json).ok()
}

fn values(json: &[Json]) -> Option<Vec<Value>> {
    json.iter().map(value).collect()
}

/// `Some(None)` when it is absent, `None` when it is not whole.
fn whole(reader: &mut Reader<'_>, path: &str, field: &str, number: Option<f64>) -> Option<Option<i64>> {
    /// Above this a float no longer holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let Some(number) = number else { return Some(None) };
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Some(Some(number as i64));
    }
    let message = if number.fract() == 0.0 {
        format!("{number} is too large: at most {EXACT} either side of 0")
    } else {
        format!("must be a whole number for an int parameter, not {number}; use type: float for others")
    };
    reader.error(&member(path, field), message);
    None
}

/// Which fields a type needs and may have, beside `name`, `type` and `when`.
fn fields_of(kind: ParameterType) -> (&'static str, &'static [&'static str], &'static [&'static str]) {
    const RANGE: &[&str] = &["step", "scale", "distribution"];
    match kind {
        ParameterType::Float => ("float", &["min", "max"], RANGE),
        ParameterType::Int => ("int", &["min", "max"], RANGE),
        ParameterType::Categorical => ("categorical", &["values"], &["ordinal"]),
        ParameterType::Fixed => ("fixed", &["value"], &[]),
        ParameterType::Architecture => ("architecture", &["positions"], &[]),
    }
}

fn fields_suit_the_type(reader: &mut Reader<'_>, path: &str, spec: &ParameterSpec) -> bool {
    let given = [
        ("min", spec.min.is_some()),
        ("max", spec.max.is_some()),
        ("step", spec.step.is_some()),
        ("scale", spec.scale.is_some()),
        ("distribution", spec.distribution.is_some()),
        ("values", spec.values.is_some()),
        ("ordinal", spec.ordinal.is_some()),
        ("value", spec.value.is_some()),
        ("positions", spec.positions.is_some()),
    ];
    let (kind, needed, optional) = fields_of(spec.type_);
    let mut suits = true;
    for (field, is_given) in given {
        let is_needed = needed.contains(&field);
        if is_needed && !is_given {
            reader.missing(
                path,
                field,
                &format!("a parameter of type {kind} needs {}", needed.join(" and ")),
            );
        } else if is_given && !is_needed && !optional.contains(&field) {
            let has: Vec<&str> = needed.iter().chain(optional).copied().collect();
            reader.error(
                &member(path, field),
                format!("is not for a parameter of type {kind}, which has {}", has.join(", ")),
            );
        } else {
            continue;
        }
        suits = false;
    }
    suits
}

fn prior(reader: &mut Reader<'_>, path: &str, spec: Option<&DistributionSpec>) -> Option<Prior> {
    let Some(spec) = spec else { return Some(Prior::Uniform) };
    let path = member(path, "distribution");
    match (spec.type_, spec.mean, spec.standard_deviation) {
        (DistributionType::Uniform, None, None) => Some(Prior::Uniform),
        (DistributionType::Uniform, _, _) => {
            reader.error(&path, "a uniform distribution has neither mean nor standardDeviation; use type: normal for one that has");
            None
        }
        (DistributionType::Normal, Some(mean), Some(sd)) => Some(Prior::Normal { mean, sd }),
        (DistributionType::Normal, mean, sd) => {
            let absent = [("mean", mean.is_none()), ("standardDeviation", sd.is_none())];
            for (field, _) in absent.into_iter().filter(|(_, is_absent)| *is_absent) {
                reader.missing(&path, field, "a normal distribution needs mean and standardDeviation");
            }
            None
        }
    }
}
