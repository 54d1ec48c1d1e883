//! Objectives, and what ends a trial by its own reports.

use temper_advisor::{
    Resource,
    stopping::{Comparison, EarlyStopping, StopRules, Threshold},
};

use super::{super::path::item, Reader, search::Scheduling};
use crate::{
    job::Objective,
    tuning_job::{EarlyStoppingSpec, ObjectiveSpec, StopWhenSpec},
};

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Vec<Objective>> {
    const PATH: &str = "spec.objectives";
    let items = reader.items(PATH);
    let objectives: Vec<Option<ObjectiveSpec>> =
        items.iter().enumerate().map(|(at, value)| reader.decode(&item(PATH, at), value)).collect();
    let objectives: Option<Vec<ObjectiveSpec>> = objectives.into_iter().collect();
    let objectives = objectives?.into_iter().map(|spec| Objective {
        metric: spec.metric,
        goal: spec.goal,
        target: spec.target,
        strategy: spec.strategy,
    });
    let objectives: Vec<Objective> = objectives.collect();
    (!objectives.is_empty()).then_some(objectives)
}

pub(super) fn stop_rules(
    reader: &mut Reader<'_>,
    objectives: Option<&[Objective]>,
    scheduling: Option<&Scheduling>,
) -> Option<StopRules> {
    let early: Option<Option<EarlyStoppingSpec>> = reader.read("spec.earlyStopping", None);
    let stop_when = stop_when(reader, scheduling);
    let metric = &objectives?.first()?.metric;
    let early_stopping = match early? {
        None => None,
        Some(EarlyStoppingSpec { rounds, min_delta }) => {
            Some(reader.accept("spec.earlyStopping", EarlyStopping::new(metric, rounds, min_delta))?)
        }
    };
    Some(StopRules { early_stopping, stop_when: stop_when? })
}

fn stop_when(reader: &mut Reader<'_>, scheduling: Option<&Scheduling>) -> Option<Vec<Threshold>> {
    const PATH: &str = "spec.trial.stopWhen";
    let resource = scheduling.and_then(|scheduling| scheduling.resource.as_deref()).unwrap_or("reports");
    let mut thresholds: Vec<Option<Threshold>> = Vec::new();
    for (at, value) in reader.items(PATH).iter().enumerate() {
        let path = item(PATH, at);
        let Some(spec) = reader.decode(&path, value) else {
            thresholds.push(None);
            continue;
        };
        let threshold = threshold(&spec, resource);
        match &threshold {
            None => reader.error(
                &path,
                "needs either a resource, as in {resource: 50}, or a metric with one of atLeast and atMost, as in \
                 {metric: accuracy, atLeast: 0.99}",
            ),
            Some(this) => {
                let first = thresholds.iter().position(|earlier| earlier.as_ref().is_some_and(|earlier| is_about_the_same(earlier, this)));
                if let Some(first) = first {
                    let message = format!("is about the same as {}: one of them never matters", item(PATH, first));
                    reader.error(&path, message);
                }
            }
        }
        thresholds.push(threshold);
    }
    thresholds.into_iter().collect()
}

fn threshold(spec: &StopWhenSpec, resource: &str) -> Option<Threshold> {
    let metric =
        |name: &String, comparison, value| Threshold::Metric { name: name.clone(), comparison, value };
    match (&spec.metric, spec.at_least, spec.at_most, spec.resource) {
        (Some(name), Some(value), None, None) => Some(metric(name, Comparison::AtLeast, value)),
        (Some(name), None, Some(value), None) => Some(metric(name, Comparison::AtMost, value)),
        (None, None, None, Some(amount)) => {
            Some(Threshold::Resource { name: resource.to_owned(), at_least: Resource::new(amount)? })
        }
        _ => None,
    }
}

fn is_about_the_same(one: &Threshold, other: &Threshold) -> bool {
    match (one, other) {
        (
            Threshold::Metric { name: left, comparison: how, .. },
            Threshold::Metric { name: right, comparison, .. },
        ) => left == right && how == comparison,
        (Threshold::Resource { .. }, Threshold::Resource { .. }) => true,
        _ => false,
    }
}
