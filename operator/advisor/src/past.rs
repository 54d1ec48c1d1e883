//! What an earlier job has found, as a later one is told it.

use serde::{Deserialize, Serialize};

use crate::{
    Resource,
    history::{Report, Trial, TrialState},
    space::{Configuration, Space},
};

/// A finished trial of an earlier job, in the terms of the job that learns from it: its space and its objectives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastTrial {
    /// A configuration of the later job's space.
    pub parameters: Configuration,
    /// How it ended, measured by how far trials of the later job go.
    pub ending: PastEnding,
    /// In order of resource: how far it was, and one loss for each of the later job's objectives, finite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<(Resource, Vec<f64>)>,
}

/// How a trial of an earlier job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PastEnding {
    /// It went as far as trials of the later job go.
    Completed,
    /// It ended before that; its reports count where they were made.
    Stopped,
    /// It had no usable result.
    Failed,
}

impl PastTrial {
    /// As a search sees it.
    pub(crate) fn as_trial(&self, space: &Space) -> Trial {
        Trial {
            configuration: self.parameters.clone(),
            point: space.encode(&self.parameters),
            state: match self.ending {
                PastEnding::Completed => TrialState::Completed,
                PastEnding::Stopped => TrialState::Stopped,
                PastEnding::Failed => TrialState::Failed,
            },
            reports: self
                .reports
                .iter()
                .map(|(resource, losses)| Report { resource: *resource, losses: losses.clone() })
                .collect(),
        }
    }
}
