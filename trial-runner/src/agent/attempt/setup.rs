//! All that is made ready before a command starts.

use std::{
    env::current_dir,
    fs,
    path::absolute,
    time::{Duration, Instant},
};

use super::Refusal;
use crate::agent::{
    checkpoints::{Keeper, Places, restore},
    environment::{Environment, Folder},
    metrics::Metrics,
    process::Launch,
    protocol::{Assignment, FailureReason},
    reports::{Aim, Reports},
};

pub(super) struct Setup {
    pub(super) folder: Folder,
    pub(super) launch: Launch,
    pub(super) metrics: Metrics,
    pub(super) reports: Reports,
    pub(super) keeper: Option<Keeper>,
    pub(super) grace: Duration,
}

impl Setup {
    pub(super) fn make(assignment: &Assignment, places: &Places) -> Result<Self, Refusal> {
        let dir = &assignment.dir;
        let refuse =
            |error| Refusal::cannot_start(format!("the attempt's folder {}: {error}", dir.display()));
        if assignment.objectives.is_empty() {
            return Err(Refusal::cannot_start("no objective is asked for"));
        }
        let grace = Duration::try_from_secs_f64(assignment.grace_seconds).map_err(|_| {
            Refusal::cannot_start(format!("{} are no seconds of grace", assignment.grace_seconds))
        })?;
        let folder = Folder::make(dir).map_err(refuse)?;
        let parameters = serde_json::to_vec(&assignment.parameters).map_err(|error| refuse(error.into()))?;
        fs::write(&folder.parameters, parameters).map_err(refuse)?;

        let bad_checkpoint = |error: anyhow::Error| Refusal {
            reason: FailureReason::BadCheckpoint,
            message: format!("{error:#}"),
        };
        let resumed = match &assignment.resume_from {
            Some(uri) => Some(restore(uri, places, &folder.checkpoint).map_err(bad_checkpoint)?),
            None => None,
        };
        let keeper = match &assignment.checkpoints {
            Some(uri) => {
                let (trial, attempt) = (assignment.trial, assignment.attempt);
                let saves_to = folder.checkpoint.clone();
                let keeper = Keeper::new(uri, places, trial, attempt, saves_to, Instant::now());
                let mut keeper =
                    keeper.map_err(|error| Refusal::cannot_start(format!("trial.checkpoints: {error:#}")))?;
                assignment.resume_from.iter().for_each(|uri| keeper.recorded(uri));
                Some(keeper)
            }
            None => None,
        };

        let environment = Environment::of(assignment, &folder);
        let working_dir = assignment.working_dir.as_deref().map(absolute).transpose().map_err(refuse)?;
        let at = assignment.metrics.file.as_ref().map(|file| environment.expand(file));
        let runs_in =
            working_dir.as_deref().map_or_else(current_dir, |dir| Ok(dir.to_owned())).map_err(refuse)?;
        let at = at.map(|file| runs_in.join(file));
        let metrics = Metrics::open(&assignment.metrics, &assignment.objectives, at, &runs_in)
            .map_err(Refusal::cannot_start)?;
        let reports = Reports::new(Aim {
            objectives: assignment.objectives.clone(),
            resource: assignment.resource.clone(),
            run_to: assignment.run_to,
            reported_to: assignment.reported_to.unwrap_or(0),
            resumed_at: resumed.as_ref().map_or(0, |manifest| manifest.resource),
            from_zero: resumed.is_some_and(|manifest| manifest.from_zero),
        });
        let launch = environment.launch(&assignment.command, working_dir);
        Ok(Self { folder, launch, metrics, reports, keeper, grace })
    }
}
