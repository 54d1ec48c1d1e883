//! A job that looks like a real one, made of a seed.

use std::collections::BTreeMap;

use temper_advisor::{
    ParamName, Resource, TrialIndex,
    advisor::{Advisor, SchedulerSettings, SearchSettings, Settings},
    history::History,
    schedule::{Ending, Goal as RunTo},
    space::{
        Condition, Configuration, Domain, FloatDomain, IntDomain, Parameter, Prior, Scale, Space, Value,
    },
};
use temper_operator::view::{
    CountsView, Goal, JobState, JobView, ObjectiveView, ReportView, TrialState, TrialView, pareto_front,
};

/// Draws in [0, 1), one after another (`SplitMix64`).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn name(text: &str) -> ParamName {
    ParamName::parse(text).expect("a name")
}

fn float(min: f64, max: f64, scale: Scale) -> Domain {
    Domain::Float(FloatDomain::new(min, max, None, scale, Prior::Uniform).expect("a range"))
}

fn int(min: i64, max: i64, step: i64, scale: Scale) -> Domain {
    Domain::Int(IntDomain::new(min, max, Some(step), scale, Prior::Uniform).expect("a range"))
}

fn texts(values: &[&str]) -> Domain {
    let values = values.iter().map(|&value| Value::Text(value.to_owned())).collect();
    Domain::categorical(values, false).expect("a list")
}

/// Logarithmic, whole, categorical and conditional parameters.
pub(crate) fn space() -> Space {
    let parameter = |text: &str, domain| Parameter { name: name(text), domain, when: Vec::new() };
    let sgd = Condition { parent: name("optimizer"), values: vec![Value::Text("sgd".into())] };
    Space::new(vec![
        parameter("learningRate", float(1e-4, 1e-1, Scale::Log)),
        parameter("batchSize", int(16, 512, 1, Scale::Log)),
        parameter("hidden", int(32, 512, 32, Scale::Linear)),
        parameter("dropout", float(0.0, 0.6, Scale::Linear)),
        parameter("optimizer", texts(&["sgd", "adam", "adamw"])),
        Parameter { name: name("momentum"), domain: float(0.5, 0.99, Scale::ReverseLog), when: vec![sgd] },
        parameter("epochs", Domain::Fixed(Value::Int(27))),
    ])
    .expect("a space")
}

/// So many trials under successive halving, one in twenty failed; with a second objective where asked for.
pub(crate) fn job(trials: u32, two_objectives: bool) -> JobView {
    let mut draws = Draws(7);
    let space = space();
    let trials: Vec<TrialView> = (0..trials).map(|index| trial(index, &mut draws, two_objectives)).collect();
    let count = |state| trials.iter().filter(|trial| trial.state == state).count() as u32;
    let counts = CountsView {
        created: trials.len() as u32,
        completed: count(TrialState::Completed),
        stopped: count(TrialState::Stopped),
        failed: count(TrialState::Failed),
        ..CountsView::default()
    };
    let objective = |metric: &str, goal| ObjectiveView { metric: metric.to_owned(), goal, target: None };
    let mut objectives = vec![objective("accuracy", Goal::Maximize)];
    if two_objectives {
        objectives.push(objective("latencyMs", Goal::Minimize));
    }
    let with_result: Vec<&TrialView> = trials.iter().filter(|trial| trial.result.is_some()).collect();
    let losses: Vec<Vec<f64>> = with_result
        .iter()
        .map(|trial| {
            let values = trial.result.iter().flatten();
            values.zip(&objectives).map(|(&value, objective)| objective.loss(value)).collect()
        })
        .collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a][0].total_cmp(&losses[b][0]));
    let front = if two_objectives { pareto_front(&losses) } else { Vec::new() };
    let history = history(&space, &trials, &objectives);
    JobView {
        name: "fashion".to_owned(),
        state: JobState::Complete,
        message: None,
        best: best.map(|k| with_result[k].index),
        front: front.into_iter().map(|k| with_result[k].index).collect(),
        objectives,
        history,
        space,
        algorithm: "GaussianProcess".to_owned(),
        scheduler: Some("ASHA".to_owned()),
        resource: "epoch".to_owned(),
        rungs: vec![1, 3, 9, 27],
        max_trials: Some(counts.created),
        parallelism: 2,
        counts,
        started: Some(1_790_000_000_000),
        ended: trials.iter().filter_map(|trial| trial.ended).max(),
        active_millis: 1_000_000,
        trials,
    }
}

fn trial(index: u32, draws: &mut Draws, two_objectives: bool) -> TrialView {
    // Later trials are drawn nearer to what is good.
    let focus = 1.0 / (1.0 + f64::from(index) / 15.0);
    let mut near = |good: f64| good + (draws.next() - good) * focus.max(0.25);
    let (u_rate, u_batch, u_hidden, u_dropout) = (near(0.55), near(0.3), near(0.8), near(0.35));
    let optimizer = ["sgd", "adam", "adamw"][(draws.next() * 3.0) as usize];
    let mut values = BTreeMap::new();
    let mut set = |text: &str, value| values.insert(name(text), value);
    set("learningRate", Value::Float(1e-4 * 1000f64.powf(u_rate)));
    set("batchSize", Value::Int((16.0 * 32f64.powf(u_batch)).round() as i64));
    set("hidden", Value::Int(32 + 32 * (u_hidden * 15.0).round() as i64));
    set("dropout", Value::Float(0.6 * u_dropout));
    set("optimizer", Value::Text(optimizer.to_owned()));
    set("epochs", Value::Int(27));
    if optimizer == "sgd" {
        set("momentum", Value::Float(1.0 - 0.5 * 0.02f64.powf(draws.next())));
    }
    let bonus = if optimizer == "adamw" { 0.01 } else { 0.0 };
    let final_accuracy = 0.93 + bonus
        - 0.5 * (u_rate - 0.55).powi(2)
        - 0.05 * (u_hidden - 0.8).powi(2)
        - 0.1 * (u_dropout - 0.35).powi(2)
        - if draws.next() < 0.03 { 0.6 * draws.next() } else { 0.0 };
    let created = 1_790_000_000_000 + u64::from(index) * 20_000;
    let fails = index % 20 == 13;
    let quality = final_accuracy + 0.01 * (draws.next() - 0.5);
    let reach = match quality {
        _ if fails => 0,
        quality if quality > 0.915 => 27,
        quality if quality > 0.89 => 9,
        quality if quality > 0.82 => 3,
        _ => 1,
    };
    let latency = 2.0 + 8.0 * u_hidden * u_hidden + draws.next();
    let reports: Vec<ReportView> = (1..=reach)
        .map(|epoch| {
            let accuracy =
                final_accuracy - 0.35 * (-(epoch as f64) / 4.0).exp() + 0.008 * (draws.next() - 0.5);
            let mut metrics = BTreeMap::from([("accuracy".to_owned(), accuracy.max(0.08))]);
            if two_objectives {
                metrics.insert("latencyMs".to_owned(), latency);
            }
            ReportView { resource: epoch, metrics, at: created + epoch * 3_000 }
        })
        .collect();
    let metrics = reports.last().map(|report| report.metrics.clone()).unwrap_or_default();
    let objectives: &[&str] = if two_objectives { &["accuracy", "latencyMs"] } else { &["accuracy"] };
    TrialView {
        index,
        state: match reach {
            0 => TrialState::Failed,
            27 => TrialState::Completed,
            _ => TrialState::Stopped,
        },
        parameters: Configuration(values),
        result: objectives.iter().map(|&metric| metrics.get(metric).copied()).collect(),
        best: reports.iter().filter_map(|report| report.metrics.get("accuracy")).copied().reduce(f64::max),
        metrics,
        attempts: if fails { 3 } else { 1 },
        bracket: 0,
        run_to: Some(reach.max(1)),
        created,
        started: Some(created + 100),
        ended: Some(created + 500 + reach * 3_000),
        checkpoint: None,
        message: fails.then(|| "the command exited with code 1".to_owned()),
        reports,
    }
}

/// The trials as an advisor that lived through them has them.
fn history(space: &Space, trials: &[TrialView], objectives: &[ObjectiveView]) -> History {
    let settings = Settings {
        space: space.clone(),
        objectives: objectives.len(),
        search: SearchSettings { algorithm: "Random".to_owned(), options: serde_json::Map::new() },
        scheduler: SchedulerSettings::default(),
        seed: 0,
        max_trials: None,
        parallelism: 1,
        points: Vec::new(),
        warm_start: false,
    };
    let mut advisor = Advisor::new(settings).expect("right settings");
    for trial in trials {
        let index = TrialIndex(trial.index);
        advisor.started(index, trial.parameters.clone(), RunTo { run_to: None, bracket: 0 });
        for report in &trial.reports {
            let losses = objectives.iter().map(|objective| objective.loss(report.metrics[&objective.metric]));
            let resource = Resource::new(report.resource).expect("from 1");
            advisor.reported(index, resource, losses.collect());
        }
        advisor.ended(index, if trial.reports.is_empty() { Ending::Failed } else { Ending::Completed });
    }
    advisor.history().clone()
}
