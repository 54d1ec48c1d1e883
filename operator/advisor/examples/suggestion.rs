//! Time of one suggestion after so many observations, the median of 50, in milliseconds:
//! `cargo run --release -p temper-advisor --example suggestion -- TPE 1000 20 float`
//! (algorithm, observations, parameters, float | mixed).

use std::time::Instant;

use serde_json::Map;
use temper_advisor::{
    ParamName, Resource, TrialIndex,
    history::{History, Report, Trial, TrialState},
    search::{Context, searcher},
    space::{Domain, FloatDomain, IntDomain, Parameter, Prior, Scale, Space, Value},
};

/// Of every four parameters of a mixed space one is a float, one on a log scale, one whole, one a choice.
fn domain(kind: &str, at: usize) -> Domain {
    let float = |min, max, scale| FloatDomain::new(min, max, None, scale, Prior::Uniform).map(Domain::Float);
    let choices = ["a", "b", "c", "d"].map(|choice| Value::Text(choice.to_owned()));
    let domain = match (kind, at % 4) {
        ("mixed", 1) => float(1e-5, 1.0, Scale::Log),
        ("mixed", 2) => IntDomain::new(1, 16, None, Scale::Linear, Prior::Uniform).map(Domain::Int),
        ("mixed", 3) => Domain::categorical(choices.to_vec(), false),
        _ => float(-5.0, 10.0, Scale::Linear),
    };
    domain.expect("a good range")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize, default: &str| arguments.get(at).map_or(default.to_owned(), Clone::clone);
    let count = |at: usize, default: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (algorithm, observations, parameters, kind) =
        (word(0, "TPE"), count(1, 1000), count(2, 20), word(3, "float"));
    let parameters = (0..parameters).map(|at| Parameter {
        name: ParamName::parse(&format!("x{at}")).expect("a good name"),
        domain: domain(&kind, at),
        when: vec![],
    });
    let space = Space::new(parameters.collect()).expect("a good space");
    let context = Context {
        space: &space,
        objectives: 1,
        seed: 1,
        max_trials: None,
        parallelism: 1,
        warm_start: false,
    };
    let build = |name: &str| {
        let registration = searcher(name).expect("a searcher");
        (registration.build)(&context, &Map::new()).expect("good options")
    };
    let mut history = History::default();
    let observe = |history: &mut History, configuration| {
        let point = space.encode(&configuration);
        let loss: f64 = point.iter().flatten().map(|u| (u - 0.3).powi(2)).sum();
        let report = Report { resource: Resource::ONE, losses: vec![loss] };
        history.push(Trial { configuration, point, state: TrialState::Completed, reports: vec![report] });
    };
    let mut random = build("Random");
    for index in 0..observations as u32 {
        if let Some(configuration) = random.propose(&context, &history, TrialIndex(index)) {
            observe(&mut history, configuration);
        }
    }
    let mut searcher = build(&algorithm);
    let mut times: Vec<f64> = (0..50)
        .filter_map(|_| {
            let start = Instant::now();
            let configuration = searcher.propose(&context, &history, history.next_index());
            let time = start.elapsed().as_secs_f64();
            observe(&mut history, configuration?);
            Some(time * 1e3)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let dimensions = space.dimensions().len();
    println!(
        "{algorithm} after {observations} observations of {dimensions} {kind} parameters: {:.3} ms",
        times[times.len() / 2]
    );
}
