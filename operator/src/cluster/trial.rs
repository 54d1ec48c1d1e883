//! Trial objects: what the operator writes into them, and what it reads back. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::{Value, json};
use temper_advisor::{Resource, TrialIndex};
use temper_crds::{
    Trial, TrialSpec,
    trial::Desired,
    trial_history::{FinishedState, FinishedTrial},
};

use super::{
    names::{INDEX, JobKey},
    observe,
};
use crate::plan::{self, Asked, JobState, Millis, Objective, Outcome, Recorded, StopReason};

/// A new Trial.
pub(super) fn object(key: &JobKey, index: TrialIndex, spec: TrialSpec) -> Trial {
    let mut labels = key.labels();
    labels.insert(INDEX.to_owned(), index.to_string());
    Trial {
        metadata: ObjectMeta {
            name: Some(key.trial(index)),
            namespace: Some(key.namespace.clone()),
            labels: Some(labels),
            owner_references: Some(vec![key.owner()]),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}

/// What a trial's object says before anything was written of it.
pub(super) fn first_spec(key: &JobKey, state: &JobState, index: TrialIndex) -> TrialSpec {
    let known = &state.trials()[index.at()];
    let tried = state.advisor().history().get(index);
    TrialSpec {
        job: key.name.clone(),
        index: index.0,
        parameters: tried.map(|trial| trial.configuration.clone()).unwrap_or_default(),
        desired: Desired::Run,
        reason: None,
        run_to: known.run_to.map(Resource::get),
        bracket: known.bracket,
        attempt: 1,
        rungs: Vec::new(),
        failures: 0,
        resume_from: None,
        pod: None,
    }
}

/// A JSON patch that holds only while nobody else has changed what it is about: the fence between two operators.
pub(super) fn patch(before: &TrialSpec, after: &TrialSpec) -> serde_json::Result<Value> {
    let mut steps = vec![
        json!({"op": "test", "path": "/spec/attempt", "value": before.attempt}),
        json!({"op": "test", "path": "/spec/desired", "value": before.desired}),
    ];
    let (Value::Object(before), Value::Object(after)) =
        (serde_json::to_value(before)?, serde_json::to_value(after)?)
    else {
        return Ok(Value::Array(steps));
    };
    for (field, value) in &after {
        if before.get(field) != Some(value) {
            steps.push(json!({"op": "add", "path": format!("/spec/{field}"), "value": value}));
        }
    }
    for field in before.keys().filter(|field| !after.contains_key(*field)) {
        steps.push(json!({"op": "remove", "path": format!("/spec/{field}")}));
    }
    Ok(Value::Array(steps))
}

/// What is kept of a trial, from its object.
pub(super) fn recorded(trial: &Trial, objectives: &[Objective]) -> Recorded {
    let spec = &trial.spec;
    let report = trial.status.as_ref().and_then(|status| status.report.as_ref());
    let of_attempt = report.filter(|report| report.attempt == spec.attempt);
    let asked = match spec.desired {
        Desired::Run => None,
        Desired::Pause => Some(Asked::Pause),
        Desired::Stop => Some(Asked::Stop(
            spec.reason.as_deref().and_then(StopReason::parse).unwrap_or(StopReason::JobFinished),
        )),
    };
    let created = trial.metadata.creation_timestamp.as_ref().map_or(Millis(0), millis);
    Recorded {
        parameters: spec.parameters.clone(),
        bracket: spec.bracket,
        rungs: spec.rungs.iter().copied().filter_map(Resource::new).collect(),
        run_to: spec.run_to.and_then(Resource::new),
        attempt: spec.pod.is_some().then_some(spec.attempt),
        failures: spec.failures,
        reports: report.map(|report| observe::reports(report, objectives)).unwrap_or_default(),
        checkpoint: report.and_then(|report| report.checkpoint.as_ref()).map(|checkpoint| plan::Checkpoint {
            uri: checkpoint.uri.clone(),
            resource: checkpoint.resource.and_then(Resource::new),
        }),
        asked,
        ending: of_attempt.and_then(observe::ending),
        outcome: None,
        is_compacted: false,
        created,
        started: report.and_then(|report| report.started_at.as_ref()).map(millis),
        ended: of_attempt.and_then(|report| report.finished_at.as_ref()).map(millis),
    }
}

/// A finished trial for the history: what [`from_history`] reads back.
pub(super) fn to_history(state: &JobState, index: TrialIndex, rungs: Vec<u64>) -> Option<FinishedTrial> {
    let known = state.trial(index)?;
    let tried = state.advisor().history().get(index)?;
    let (ending, reason) = match known.outcome()? {
        Outcome::Completed => (FinishedState::Completed, None),
        Outcome::Stopped(reason) => (FinishedState::Stopped, Some(reason.name().to_owned())),
        Outcome::Failed { reason, .. } => (FinishedState::Failed, Some(reason.clone())),
    };
    let objectives = &state.rules().objectives;
    let series = tried.reports.iter().map(|report| temper_crds::trial::SeriesPoint {
        resource: report.resource.get(),
        objectives: objectives
            .iter()
            .zip(&report.losses)
            .map(|(objective, &loss)| objective.value(loss))
            .collect(),
    });
    Some(FinishedTrial {
        index: index.0,
        state: ending,
        reason,
        parameters: tried.configuration.clone(),
        metrics: known.metrics.clone(),
        series: series.collect(),
        bracket: known.bracket,
        rungs,
        run_to: known.run_to.map(Resource::get),
        attempts: known.attempts,
        failures: known.failures,
        message: known.message.clone(),
        checkpoint: known.checkpoint.as_ref().map(|checkpoint| checkpoint.uri.clone()),
        started_at: known.started.map(time),
        finished_at: known.ended.map(time),
    })
}

/// What is kept of a trial that no longer has an object.
pub(super) fn from_history(trial: &FinishedTrial, objectives: &[Objective]) -> Recorded {
    let last = trial.series.last().map(|point| point.resource);
    let names = || objectives.iter().map(|objective| objective.metric.clone());
    let started = trial.started_at.as_ref().map(millis);
    let message = || trial.message.clone().unwrap_or_default();
    let reason = || trial.reason.clone().unwrap_or_default();
    Recorded {
        parameters: trial.parameters.clone(),
        bracket: trial.bracket,
        rungs: trial.rungs.iter().copied().filter_map(Resource::new).collect(),
        run_to: trial.run_to.and_then(Resource::new),
        attempt: (trial.attempts > 0).then_some(trial.attempts),
        failures: trial.failures,
        reports: trial
            .series
            .iter()
            .filter_map(|point| {
                let mut metrics: BTreeMap<String, f64> =
                    names().zip(point.objectives.iter().copied()).collect();
                if last == Some(point.resource) {
                    for (name, value) in &trial.metrics {
                        metrics.entry(name.clone()).or_insert(*value);
                    }
                }
                Some((Resource::new(point.resource)?, metrics))
            })
            .collect(),
        checkpoint: trial
            .checkpoint
            .as_ref()
            .map(|uri| plan::Checkpoint { uri: uri.clone(), resource: last.and_then(Resource::new) }),
        asked: None,
        ending: None,
        outcome: Some(match trial.state {
            FinishedState::Completed => Outcome::Completed,
            FinishedState::Stopped => {
                Outcome::Stopped(StopReason::parse(&reason()).unwrap_or(StopReason::JobFinished))
            }
            FinishedState::Failed => Outcome::Failed { reason: reason(), message: message() },
        }),
        is_compacted: true,
        created: started.unwrap_or_default(),
        started,
        ended: trial.finished_at.as_ref().map(millis),
    }
}

pub(super) fn millis(time: &Time) -> Millis {
    Millis(u64::try_from(time.0.as_millisecond()).unwrap_or(0))
}

pub(super) fn time(at: Millis) -> Time {
    Time(k8s_openapi::jiff::Timestamp::from_millisecond(at.0.cast_signed()).unwrap_or_default())
}
