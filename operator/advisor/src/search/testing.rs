//! What the searchers' tests share: jobs in miniature.

use std::f64::consts::PI;

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
    Context { space, objectives: 1, seed, max_trials: Some(100), parallelism: 1, warm_start: false }
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

pub(crate) fn branin_space() -> Space {
    space(vec![parameter("x", float(-5.0, 10.0)), parameter("y", float(0.0, 15.0))])
}

pub(crate) fn branin(c: &Configuration) -> f64 {
    let (x, y) = (number(c, "x"), number(c, "y"));
    let (b, r, t) = (5.1 / (4.0 * PI * PI), 5.0 / PI, 1.0 / (8.0 * PI));
    (y - b * x * x + r * x - 6.0).powi(2) + 10.0 * (1.0 - t) * x.cos() + 10.0
}

pub(crate) fn hartmann6(c: &Configuration) -> f64 {
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let x: Vec<f64> = (0..6).map(|d| number(c, &format!("x{d}"))).collect();
    let terms = A.iter().zip(P).zip([1.0, 1.2, 3.0, 3.2]).map(|((a, p), alpha)| {
        alpha * (-a.iter().zip(p).zip(&x).map(|((a, p), x)| a * (x - p).powi(2)).sum::<f64>()).exp()
    });
    -terms.sum::<f64>()
}

/// A network's training in miniature: the best optimizer is sgd with a momentum near 0.9.
pub(crate) fn training_space() -> Space {
    space(vec![
        parameter("optimizer", choice(&["sgd", "adam", "rmsprop"])),
        parameter("rate", log(1e-5, 1.0)),
        when(parameter("momentum", float(0.0, 0.99)), "optimizer", &[text("sgd"), text("rmsprop")]),
        when(parameter("beta", float(0.8, 0.999)), "optimizer", &[text("adam")]),
        parameter("layers", int(1, 8)),
        parameter("units", int(16, 512)),
        parameter("activation", choice(&["relu", "tanh", "gelu", "silu"])),
    ])
}

pub(crate) fn training(c: &Configuration) -> f64 {
    let of = |name: &str, best: f64, scale: f64| ((number(c, name) - best) / scale).powi(2);
    let rate = number(c, "rate").log10();
    let written = |name: &str| c.get(name).unwrap().to_string();
    let optimizer = match written("optimizer").as_str() {
        "sgd" => (rate + 1.5).powi(2) + of("momentum", 0.9, 0.2),
        "rmsprop" => 0.5 + (rate + 3.0).powi(2) + of("momentum", 0.5, 0.5),
        _ => 0.3 + (rate + 3.0).powi(2) + of("beta", 0.9, 0.1),
    };
    let activation = if written("activation") == "gelu" { 0.0 } else { 0.4 };
    optimizer + activation + of("layers", 5.0, 3.0) + of("units", 300.0, 200.0)
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
        ("GaussianProcess", json!({"startupTrials": 14, "candidates": 16})),
    ]
}
