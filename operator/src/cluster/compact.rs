//! Finished trials that are no longer kept in full: into the history, and then their objects go.

use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use temper_advisor::TrialIndex;
use temper_crds::{Trial, TrialHistory, TrialHistorySpec};
use tracing::Instrument as _;

use super::{
    effects::Done,
    job::{Shared, Tended},
    names::{INDEX, JOB_UID},
    ours, trial,
    writer::Refused,
};

/// Removals of a job's trials that go on at once.
pub(super) const AT_ONCE: u32 = 4;
/// With so many removals to be done no further trial begins: whoever makes objects must not get far ahead of who
/// removes them.
const MOST: u32 = 4 * AT_ONCE;

impl Tended {
    /// Puts finished trials into the history, and then removes their objects, with their pods.
    pub(super) fn compact(&mut self, trials: &[TrialIndex]) {
        let finished: Vec<_> = trials
            .iter()
            .filter_map(|index| {
                let rungs = self.climbed.remove(index).unwrap_or_default();
                trial::to_history(self.state(), *index, rungs)
            })
            .collect();
        let chunk = self.chunks;
        self.chunks += 1;
        let mut history = TrialHistory::new(
            &self.key.history(chunk),
            TrialHistorySpec {
                job: self.key.name.clone(),
                chunk,
                count: finished.len() as u32,
                warm_start: None,
                trials: finished,
            },
        );
        history.metadata.namespace = Some(self.key.namespace.clone());
        history.metadata.labels = Some(self.key.labels());
        history.metadata.owner_references = Some(vec![self.key.owner()]);
        self.remove_after(Some(history), trials);
    }

    /// Removes the objects of trials that the history holds.
    pub(super) fn remove(&mut self, trials: &[TrialIndex]) {
        self.remove_after(None, trials);
    }

    /// Whether removals keep up with what is made.
    pub(super) fn keeps_up(&self) -> bool {
        self.removals < MOST
    }

    /// The API server deletes one after another, which takes seconds for some hundreds: the job goes on meanwhile.
    fn remove_after(&mut self, history: Option<TrialHistory>, trials: &[TrialIndex]) {
        let indices: Vec<String> = trials.iter().map(ToString::to_string).collect();
        let selector = format!("{JOB_UID}={},{INDEX} in ({})", self.key.uid, indices.join(","));
        let (histories, objects): (Api<TrialHistory>, Api<Trial>) = (self.api(), self.api());
        let (shared, removing) = (self.shared.clone(), self.removing.clone());
        self.removals += 1;
        self.effects.spawn(
            async move {
                if let Some(history) = history
                    && let Err(refused) = keep(&shared, &histories, &history).await
                {
                    return Done::Compacted(Err(refused));
                }
                let _permit = removing.acquire().await;
                let selected = ListParams::default().labels(&selector);
                let params = DeleteParams::background();
                let removed = shared
                    .writer
                    .until_answered("deletecollection", "trials", || {
                        objects.delete_collection(&params, &selected)
                    })
                    .await;
                if let Err(refused) = removed {
                    tracing::warn!(selector, %refused, "trials that are in the history keep their objects");
                }
                Done::Compacted(Ok(()))
            }
            .in_current_span(),
        );
    }
}

async fn keep(shared: &Shared, histories: &Api<TrialHistory>, history: &TrialHistory) -> Result<(), Refused> {
    let params = ours::post();
    shared
        .writer
        .until_answered("create", "trialhistories", || histories.create(&params, history))
        .await
        .map(drop)
}
