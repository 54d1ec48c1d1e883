//! What is known of a trial, as its report says it.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use temper_crds::trial::{CheckpointReport, PodReference, ReportState, SeriesPoint, TrialReport};

use super::series::Series;
use crate::agent::{
    protocol::{Checkpoint, Ended, Goal, Message, Outcome, PodOrders, Report},
    short,
};

/// What a Trial's status takes, in characters.
const LONGEST_MESSAGE: usize = 4096;

/// The report of an attempt, which goes on from that of the attempts before it.
pub(super) struct Picture {
    /// But for its series and the text of its objective.
    report: TrialReport,
    series: Series,
    objectives: Vec<(String, Goal)>,
}

impl Picture {
    /// `before`: the trial's report so far.
    pub(super) fn new(
        orders: &PodOrders,
        attempt: u32,
        pod: PodReference,
        before: Option<TrialReport>,
    ) -> Self {
        let blank = TrialReport {
            state: ReportState::Running,
            attempt,
            pod,
            resource: None,
            objective: None,
            latest: [].into(),
            best: [].into(),
            series: Vec::new(),
            checkpoint: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
            reason: None,
            message: None,
        };
        let (report, series) = match before {
            Some(TrialReport { resource, latest, best, series, checkpoint, .. }) => {
                (TrialReport { resource, latest, best, checkpoint, ..blank }, series)
            }
            None => (blank, Vec::new()),
        };
        let objectives = orders.template.objectives.iter().cloned().zip(orders.goals.iter().copied());
        Self { report, series: Series::new(&orders.rungs, series), objectives: objectives.collect() }
    }

    /// Adds what the agent says.
    pub(super) fn take(&mut self, message: &Message, at: Timestamp) {
        match message {
            Message::Started { .. } => self.report.started_at = Some(Time(at)),
            Message::Report(report) => self.reported(report),
            Message::Checkpoint(checkpoint) => self.saved(checkpoint),
            Message::Warning { .. } => {}
            Message::Ended(ended) => {
                ended.reports.iter().for_each(|report| self.reported(report));
                if let Some(checkpoint) = &ended.checkpoint {
                    self.saved(checkpoint);
                }
                self.ended(ended, at);
            }
        }
    }

    /// The attempt is over without the command having been started.
    pub(super) fn end(&mut self, state: ReportState, at: Timestamp) {
        self.report.state = state;
        self.report.finished_at = Some(Time(at));
    }

    fn reported(&mut self, report: &Report) {
        self.report.resource = Some(report.resource);
        self.report.latest.clone_from(&report.metrics);
        for (name, goal) in &self.objectives {
            let best = self.report.best.get(name).copied();
            if let Some(value) = report.metrics.get(name)
                && best.is_none_or(|best| goal.is_better(*value, best))
            {
                self.report.best.insert(name.clone(), *value);
            }
        }
        // A point is a list: what is behind an objective that is missing cannot be told in it.
        let objectives: Vec<f64> =
            self.objectives.iter().map_while(|(name, _)| report.metrics.get(name).copied()).collect();
        if !objectives.is_empty() {
            self.series.put(SeriesPoint { resource: report.resource, objectives });
        }
    }

    fn saved(&mut self, Checkpoint { uri, resource }: &Checkpoint) {
        self.report.checkpoint =
            Some(CheckpointReport { uri: uri.clone(), resource: (*resource > 0).then_some(*resource) });
    }

    fn ended(&mut self, ended: &Ended, at: Timestamp) {
        let state = match &ended.outcome {
            Outcome::Succeeded => ReportState::Succeeded,
            Outcome::Failed { .. } => ReportState::Failed,
            Outcome::Stopped => ReportState::Stopped,
            Outcome::Paused => ReportState::Paused,
        };
        self.end(state, at);
        self.report.exit_code = ended.exit_code;
        if let Outcome::Failed { reason, message } = &ended.outcome {
            self.report.reason = Some(format!("{reason:?}"));
            self.report.message = Some(message.chars().take(LONGEST_MESSAGE).collect());
        }
    }

    /// All that is known.
    pub(super) fn report(&mut self) -> TrialReport {
        let first = self.objectives.first().and_then(|(name, _)| self.report.latest.get(name));
        TrialReport {
            objective: first.map(|value| short(*value)),
            series: self.series.points().to_vec(),
            ..self.report.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{
        pod::testing::{orders, pod, report},
        protocol::FailureReason,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ended(outcome: Outcome) -> Message {
        Message::Ended(Box::new(Ended {
            trial: 3,
            attempt: 1,
            outcome,
            exit_code: Some(3),
            reports: Vec::new(),
            last: None,
            checkpoint: None,
            seconds: 1.0,
        }))
    }

    fn point(resource: u64, objectives: &[f64]) -> SeriesPoint {
        SeriesPoint { resource, objectives: objectives.to_vec() }
    }

    #[test]
    fn a_report_says_what_the_agent_has_said() {
        let mut picture = Picture::new(&orders(), 1, pod(), None);
        for message in [
            Message::Started { trial: 3, attempt: 1, pid: 7 },
            report(1, &[("accuracy", 0.5), ("latency", 3.0)]),
            report(2, &[("accuracy", 0.75), ("latency", 2.0), ("loss", 0.1)]),
            Message::Checkpoint(Checkpoint { uri: "s3://b/3/2-1-1".into(), resource: 2 }),
            report(3, &[("accuracy", 2.0 / 3.0), ("latency", 4.0), ("loss", 0.2)]),
        ] {
            picture.take(&message, at(10));
        }
        let running = picture.report();
        assert_eq!((running.state, running.attempt, &running.pod), (ReportState::Running, 1, &pod()));
        assert_eq!((running.resource, running.objective.as_deref()), (Some(3), Some("0.666667")));
        assert_eq!(
            running.latest,
            [("accuracy".into(), 2.0 / 3.0), ("latency".into(), 4.0), ("loss".into(), 0.2)].into()
        );
        assert_eq!(running.best, [("accuracy".into(), 0.75), ("latency".into(), 2.0)].into());
        assert_eq!(
            running.series,
            [point(1, &[0.5, 3.0]), point(2, &[0.75, 2.0]), point(3, &[2.0 / 3.0, 4.0])]
        );
        assert_eq!(
            running.checkpoint,
            Some(CheckpointReport { uri: "s3://b/3/2-1-1".into(), resource: Some(2) })
        );
        assert_eq!((running.started_at, running.finished_at), (Some(Time(at(10))), None));

        let message = "x".repeat(5000);
        picture.take(&ended(Outcome::Failed { reason: FailureReason::ExitCode, message }), at(20));
        let failed = picture.report();
        assert_eq!((failed.state, failed.exit_code), (ReportState::Failed, Some(3)));
        assert_eq!(
            (failed.reason.as_deref(), failed.message.unwrap().len()),
            (Some("ExitCode"), LONGEST_MESSAGE)
        );
        assert_eq!(failed.finished_at, Some(Time(at(20))));
        assert_eq!(failed.latest, running.latest);
    }

    #[test]
    fn a_later_attempt_goes_on_from_the_one_before() {
        let mut first = Picture::new(&orders(), 1, pod(), None);
        first.take(&report(1, &[("accuracy", 0.5), ("latency", 1.0)]), at(1));
        first.take(&report(2, &[("accuracy", 0.4), ("latency", 2.0)]), at(2));
        first.take(&Message::Checkpoint(Checkpoint { uri: "s3://b/3/2-1-1".into(), resource: 2 }), at(2));
        first
            .take(&ended(Outcome::Failed { reason: FailureReason::Killed, message: "memory".into() }), at(3));

        let later = PodReference { name: "later".into(), uid: None };
        let mut second = Picture::new(&orders(), 2, later.clone(), Some(first.report()));
        let begun = second.report();
        assert_eq!((begun.state, begun.attempt, begun.pod), (ReportState::Running, 2, later));
        assert_eq!(
            (begun.exit_code, begun.reason, begun.message, begun.finished_at),
            (None, None, None, None)
        );
        assert_eq!(begun.checkpoint.map(|checkpoint| checkpoint.uri), Some("s3://b/3/2-1-1".into()));
        second.take(&report(3, &[("accuracy", 0.45), ("latency", 0.5)]), at(9));
        let report = second.report();
        assert_eq!(report.series.iter().map(|point| point.resource).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(report.best, [("accuracy".into(), 0.5), ("latency".into(), 0.5)].into());
    }

    #[test]
    fn a_point_has_the_objectives_up_to_the_first_that_is_missing() {
        let mut picture = Picture::new(&orders(), 1, pod(), None);
        for message in [report(1, &[("accuracy", 0.5)]), report(2, &[("latency", 3.0)])] {
            picture.take(&message, at(1));
        }
        let first = picture.report();
        assert_eq!(first.series, [point(1, &[0.5])]);
        assert_eq!((first.resource, first.objective), (Some(2), None));
        assert_eq!(first.best.len(), 2);
        picture.take(&report(2, &[("accuracy", 0.25), ("latency", 3.0)]), at(1));
        assert_eq!(picture.report().series, [point(1, &[0.5]), point(2, &[0.25, 3.0])]);
    }
}
