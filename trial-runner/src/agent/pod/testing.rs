//! A job's pod for tests.

use std::collections::BTreeMap;

use serde_json::json;
use temper_crds::{
    Trial,
    trial::{PodReference, ReportState, SeriesPoint, TrialReport},
};

use crate::agent::protocol::{Assignment, Goal, Message, PodOrders, Report};

/// The orders of a pod for Trial `fashion-3`: accuracy is maximised and latency minimised.
pub(super) fn orders() -> PodOrders {
    PodOrders {
        pod: "p".into(),
        namespace: "research".into(),
        trial: Some("fashion-3".into()),
        template: Assignment {
            job: "fashion".into(),
            command: ["train".into()].into(),
            objectives: ["accuracy".into(), "latency".into()].into(),
            grace_seconds: 28.0,
            dir: "/temper".into(),
            ..Assignment::default()
        },
        goals: [Goal::Maximize, Goal::Minimize].into(),
        rungs: [1, 3].into(),
        mounts: BTreeMap::new(),
        credentials: None,
    }
}

/// The orders of a worker.
pub(super) fn worker() -> PodOrders {
    PodOrders { trial: None, ..orders() }
}

pub(super) fn pod() -> PodReference {
    PodReference { name: "this".into(), uid: Some("this-uid".into()) }
}

/// A Trial for this pod.
pub(super) fn trial(index: u32) -> Trial {
    serde_json::from_value(json!({
        "apiVersion": temper_crds::API_VERSION,
        "kind": "Trial",
        "metadata": {"name": format!("fashion-{index}"), "uid": format!("uid-{index}")},
        "spec": {"job": "fashion", "index": index, "parameters": {"lr": 0.5}, "pod": {"name": "this"}},
    }))
    .unwrap()
}

/// A report that has come so far.
pub(super) fn running(attempt: u32, resource: u64) -> TrialReport {
    TrialReport {
        state: ReportState::Running,
        attempt,
        pod: pod(),
        resource: Some(resource),
        objective: None,
        latest: [("accuracy".into(), 0.5)].into(),
        best: [("accuracy".into(), 0.5)].into(),
        series: vec![SeriesPoint { resource, objectives: vec![0.5] }],
        checkpoint: None,
        started_at: None,
        finished_at: None,
        exit_code: None,
        reason: None,
        message: None,
    }
}

/// What the agent says of its command.
pub(super) fn report(resource: u64, metrics: &[(&str, f64)]) -> Message {
    let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Message::Report(Report { resource, metrics })
}
