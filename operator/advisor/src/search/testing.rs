//! What the searchers' tests share: jobs in miniature.

use serde_json::{Map, Value as Json, json};

use super::{Context, Searcher, searcher};
use crate::{
    ParamName, Resource, TrialIndex,
    history::{History, Report, Trial, TrialState},
    space::{
        Condition, Configuration, Domain, FloatDomain, IntDomain, Parameter, Prior, Scale, Space, Value,
    },
};

pub(crate) fn parameter(name: &str, domain: Domain) -> Parameter {
    Parameter { name: ParamName::parse(name).unwrap(), domain, when: vec![] }
}

pub(crate) fn when(mut parameter: Parameter, parent: &str, values: &[Value]) -> Parameter {
    parameter.when.push(Condition { parent: ParamName::parse(parent).unwrap(), values: values.to_vec() });
    parameter
}

pub(crate) fn int(min: i64, max: i64) -> Domain {
    Domain::Int(IntDomain::new(min, max, None, Scale::Linear, Prior::Uniform).unwrap())
}

pub(crate) fn float(min: f64, max: f64) -> Domain {
    Domain::Float(FloatDomain::new(min, max, None, Scale::Linear, Prior::Uniform).unwrap())
}

pub(crate) fn log(min: f64, max: f64) -> Domain {
    Domain::Float(FloatDomain::new(min, max, None, Scale::Log, Prior::Uniform).unwrap())
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(crate) fn choice(values: &[&str]) -> Domain {
    Domain::categorical(values.iter().map(|value| text(value)).collect(), false).unwrap()
}

pub(crate) fn space(parameters: Vec<Parameter>) -> Space {
    Space::new(parameters).unwrap()
}

/// Floats `x0`, `x1`, ... from 0 to 1.
pub(crate) fn cube(dimensions: usize) -> Space {
    space((0..dimensions).map(|d| parameter(&format!("x{d}"), float(0.0, 1.0))).collect())
}

pub(crate) fn number(configuration: &Configuration, name: &str) -> f64 {
    configuration.get(name).and_then(Value::as_f64).unwrap()
}

pub(crate) fn context(space: &Space, seed: u64) -> Context<'_> {
    Context { space, objectives: 1, seed, max_trials: Some(100), parallelism: 1 }
}

pub(crate) fn build(context: &Context<'_>, name: &str, options: Json) -> Box<dyn Searcher> {
    let Json::Object(options) = options else { unreachable!() };
    (searcher(name).unwrap().build)(context, &options).unwrap()
}

pub(crate) fn plain(context: &Context<'_>, name: &str) -> Box<dyn Searcher> {
    (searcher(name).unwrap().build)(context, &Map::new()).unwrap()
}

/// Trial with these losses at resource 1; live when there are none.
pub(crate) fn push(
    space: &Space,
    history: &mut History,
    configuration: Configuration,
    losses: Option<Vec<f64>>,
) {
    let point = space.encode(&configuration);
    let state = if losses.is_some() { TrialState::Completed } else { TrialState::Live };
    let reports = losses.into_iter().map(|losses| Report { resource: Resource::ONE, losses }).collect();
    history.push(Trial { configuration, point, state, reports });
}

/// `trials` one after the other.
pub(crate) fn run(
    context: &Context<'_>,
    searcher: &mut dyn Searcher,
    trials: u32,
    loss: &dyn Fn(&Configuration) -> f64,
) -> History {
    let mut history = History::default();
    for index in 0..trials {
        let Some(configuration) = searcher.propose(context, &history, TrialIndex(index)) else { break };
        let loss = loss(&configuration);
        push(context.space, &mut history, configuration, Some(vec![loss]));
    }
    history
}

pub(crate) fn best(history: &History) -> f64 {
    history.trials().iter().filter_map(Trial::loss).fold(f64::INFINITY, f64::min)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Every searcher, with options that let it learn soon.
pub(crate) fn every() -> Vec<(&'static str, Json)> {
    let none = || json!({});
    vec![
        ("Random", none()),
        ("Sobol", none()),
        ("Grid", none()),
        ("TPE", json!({"startupTrials": 4})),
        ("TPE", json!({"startupTrials": 4, "multivariate": false})),
    ]
}
