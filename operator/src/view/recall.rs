//! A [`JobView`] made of a job's recorded events.

use std::collections::BTreeMap;

use temper_advisor::{Resource, TrialIndex};
use temper_crds::job::Job;

use super::{CountsView, JobState, JobView, ObjectiveView, ReportView, TrialState, TrialView, pareto_front};
use crate::plan::{self, Event, Millis, Observation, Outcome, Phase};

/// A job's state, and what a view of it needs besides: its reports, and when it ended.
pub struct Recalled {
    /// What decisions are made of.
    pub state: plan::JobState,
    reports: BTreeMap<TrialIndex, Vec<ReportView>>,
    ended: Option<Millis>,
}

impl Recalled {
    /// A job to which nothing has happened yet.
    pub fn new(state: plan::JobState) -> Self {
        Self { state, reports: BTreeMap::new(), ended: None }
    }

    /// A state that was read back from what is kept of its trials.
    pub fn of(
        state: plan::JobState,
        reports: BTreeMap<TrialIndex, Vec<ReportView>>,
        ended: Option<Millis>,
    ) -> Self {
        Self { state, reports, ended }
    }

    /// Takes one recorded event in.
    pub fn apply(&mut self, at: Millis, event: &Event) {
        match event {
            Event::Observed(Observation::Reported { trial, resource, metrics, .. }) => {
                let reports = self.reports.entry(*trial).or_default();
                let resource = resource.get();
                match reports.last_mut() {
                    // An attempt that was tried again repeats what an earlier one has reported.
                    Some(last) if last.resource > resource => {}
                    Some(last) if last.resource == resource => {
                        last.metrics.extend(metrics.iter().map(|(name, value)| (name.clone(), *value)));
                    }
                    _ => reports.push(ReportView { resource, metrics: metrics.clone(), at: at.0 }),
                }
            }
            Event::Decided(plan::Action::Finish(_)) => self.ended = Some(at),
            _ => {}
        }
        self.state.apply(at, event);
    }

    /// The job as it stands at `now`.
    pub fn view(mut self, job: &Job, now: Millis) -> JobView {
        let state = &self.state;
        let objectives: Vec<ObjectiveView> = job.objectives.iter().map(objective_view).collect();
        let mut reports = std::mem::take(&mut self.reports);
        let trials: Vec<TrialView> = (0..state.trials().len() as u32)
            .map(TrialIndex)
            .map(|index| trial_view(state, index, reports.remove(&index).unwrap_or_default()))
            .collect();
        JobView {
            name: job.name.clone(),
            state: job_state(state),
            message: state.outcome().map(|outcome| outcome.message.clone()),
            space: job.settings.space.clone(),
            history: state.advisor().history().clone(),
            algorithm: job.settings.search.algorithm.clone(),
            scheduler: (job.settings.scheduler.kind != temper_advisor::schedule::NONE)
                .then(|| job.settings.scheduler.kind.clone()),
            resource: job.resource.clone().unwrap_or_else(|| "report".to_owned()),
            rungs: state.advisor().rungs().into_iter().map(Resource::get).collect(),
            max_trials: job.budget.max_trials,
            parallelism: job.budget.parallelism,
            counts: counts_view(state.counts()),
            best: state.best().map(|trial| trial.0),
            front: if objectives.len() > 1 { front(state) } else { Vec::new() },
            started: state.started().map(|at| at.0),
            ended: self.ended.map(|at| at.0),
            active_millis: state.active_millis(now),
            objectives,
            trials,
        }
    }
}

fn job_state(state: &plan::JobState) -> JobState {
    match state.outcome() {
        Some(outcome) if outcome.succeeded => JobState::Complete,
        Some(_) => JobState::Failed,
        None if state.is_suspended() => JobState::Suspended,
        None if state.trials().is_empty() => JobState::Pending,
        None => JobState::Running,
    }
}

fn objective_view(objective: &plan::Objective) -> ObjectiveView {
    ObjectiveView { metric: objective.metric.clone(), goal: objective.goal, target: objective.target }
}

/// How many trials stand where.
pub fn counts_view(counts: plan::Counts) -> CountsView {
    let plan::Counts { created, pending, running, paused, completed, stopped, failed } = counts;
    CountsView { created, pending, running, paused, completed, stopped, failed }
}

fn front(state: &plan::JobState) -> Vec<u32> {
    let (indices, losses): (Vec<u32>, Vec<Vec<f64>>) =
        state.ranking().filter_map(|index| Some((index.0, state.trial(index)?.losses.clone()?))).unzip();
    let mut front: Vec<u32> = pareto_front(&losses).into_iter().map(|at| indices[at]).collect();
    front.sort_unstable();
    front
}

/// One trial as people and programs look at it.
///
/// # Panics
/// When there is no such trial.
pub fn trial_view(state: &plan::JobState, index: TrialIndex, reports: Vec<ReportView>) -> TrialView {
    let trial = &state.trials()[index.at()];
    let objectives = &state.rules().objectives;
    let values = |losses: &Vec<f64>| {
        objectives.iter().zip(losses).map(|(objective, &loss)| objective.value(loss)).collect::<Vec<f64>>()
    };
    let losses = reports
        .iter()
        .filter_map(|report| report.metrics.get(&objectives[0].metric))
        .map(|&v| objectives[0].loss(v));
    let best = losses.min_by(f64::total_cmp).map(|loss| objectives[0].value(loss));
    let is_failed = matches!(trial.phase, Phase::Finished(Outcome::Failed { .. }));
    let result = trial.losses.as_ref().filter(|_| !is_failed).map(values);
    TrialView {
        index: index.0,
        state: trial_state(&trial.phase),
        parameters: state
            .advisor()
            .history()
            .get(index)
            .map(|trial| trial.configuration.clone())
            .unwrap_or_default(),
        metrics: trial.metrics.clone(),
        best,
        result,
        attempts: trial.attempts,
        bracket: trial.bracket,
        run_to: trial.run_to.map(Resource::get),
        created: trial.created.0,
        started: trial.started.map(|at| at.0),
        ended: trial.ended.map(|at| at.0),
        checkpoint: trial.checkpoint.as_ref().map(|checkpoint| checkpoint.uri.clone()),
        message: trial.message.clone(),
        reports,
    }
}

fn trial_state(phase: &Phase) -> TrialState {
    match phase {
        Phase::Pending { .. } => TrialState::Pending,
        Phase::Running { .. } => TrialState::Running,
        Phase::Paused => TrialState::Paused,
        Phase::Finished(Outcome::Completed) => TrialState::Completed,
        Phase::Finished(Outcome::Stopped(_)) => TrialState::Stopped,
        Phase::Finished(Outcome::Failed { .. }) => TrialState::Failed,
    }
}
