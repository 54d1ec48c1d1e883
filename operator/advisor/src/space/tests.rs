use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

mod conditions;
mod domains;
mod laws;

pub(super) fn name(name: &str) -> ParamName {
    ParamName::parse(name).unwrap()
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|t| text(t)).collect()
}

pub(super) fn parameter(called: &str, domain: Domain) -> Parameter {
    Parameter { name: name(called), domain, when: vec![] }
}

pub(super) fn when(mut parameter: Parameter, parent: &str, values: &[Value]) -> Parameter {
    parameter.when.push(Condition { parent: name(parent), values: values.to_vec() });
    parameter
}

pub(super) fn int(min: i64, max: i64) -> Domain {
    Domain::Int(IntDomain::new(min, max, None, Scale::Linear, Prior::Uniform).unwrap())
}

pub(super) fn float(min: f64, max: f64) -> Domain {
    Domain::Float(FloatDomain::new(min, max, None, Scale::Linear, Prior::Uniform).unwrap())
}

pub(super) fn choice(values: &[&str]) -> Domain {
    Domain::categorical(texts(values), false).unwrap()
}

pub(super) fn said<T: std::fmt::Debug>(result: Result<T, Vec<Invalid>>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}

/// optimizer, momentum when sgd, nesterov when momentum is active, beta when adam.
pub(super) fn training() -> Space {
    let fine = FloatDomain::new(0.5, 0.9, Some(0.1), Scale::Linear, Prior::Uniform).unwrap();
    Space::new(vec![
        parameter("optimizer", choice(&["sgd", "adam"])),
        when(parameter("momentum", Domain::Float(fine)), "optimizer", &[text("sgd")]),
        when(
            parameter(
                "nesterov",
                Domain::categorical(vec![Value::Bool(false), Value::Bool(true)], false).unwrap(),
            ),
            "momentum",
            &[Value::Float(0.8), Value::Float(0.9)],
        ),
        when(parameter("beta", float(0.8, 0.999)), "optimizer", &[text("adam")]),
        parameter("epochs", Domain::Fixed(Value::Int(9))),
    ])
    .unwrap()
}
