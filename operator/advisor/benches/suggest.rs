//! Time of one proposal after 100 and 1,000 trials of 20 parameters: `cargo bench -p temper-advisor`.
//!
//! The first proposal fits the hyperparameters and is left out: those after it use the same fit until a sixteenth more
//! trials have ended.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::Map;
use temper_advisor::{
    ParamName, Resource, TrialIndex,
    history::{History, Report, Trial, TrialState},
    search::{Context, searcher},
    space::{Domain, FloatDomain, Parameter, Prior, Scale, Space},
};

const DIMENSIONS: usize = 20;

fn space() -> Space {
    let parameters = (0..DIMENSIONS).map(|at| {
        let domain = FloatDomain::new(0.0, 1.0, None, Scale::Linear, Prior::Uniform).expect("a good range");
        let name = ParamName::parse(&format!("x{at}")).expect("a good name");
        Parameter { name, domain: Domain::Float(domain), when: vec![] }
    });
    Space::new(parameters.collect()).expect("a good space")
}

/// Trials of a Sobol sequence.
fn history(context: &Context<'_>, trials: u32) -> History {
    let mut sobol =
        (searcher("Sobol").expect("a searcher").build)(context, &Map::new()).expect("good options");
    let mut history = History::default();
    for index in 0..trials {
        let Some(configuration) = sobol.propose(context, &history, TrialIndex(index)) else { break };
        let point = context.space.encode(&configuration);
        let loss = point.iter().flatten().map(|x| (x - 0.3).powi(2)).sum();
        let reports = vec![Report { resource: Resource::ONE, losses: vec![loss] }];
        history.push(Trial { configuration, point, state: TrialState::Completed, reports });
    }
    history
}

fn suggest(criterion: &mut Criterion) {
    let space = space();
    let context = Context {
        space: &space,
        objectives: 1,
        seed: 0,
        max_trials: None,
        parallelism: 1,
        warm_start: false,
    };
    let mut group = criterion.benchmark_group("suggest");
    group.sample_size(20);
    for trials in [100, 1000] {
        let history = history(&context, trials);
        for name in ["GaussianProcess", "TPE"] {
            let registration = searcher(name).expect("a searcher");
            let mut searcher = (registration.build)(&context, &Map::new()).expect("good options");
            searcher.propose(&context, &history, history.next_index());
            group.bench_function(BenchmarkId::new(name, trials), |bencher| {
                bencher.iter(|| searcher.propose(&context, &history, history.next_index()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, suggest);
criterion_main!(benches);
