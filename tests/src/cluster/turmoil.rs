//! What may be done to a job while it runs, by people and by the cluster: one thing after another, at random.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, EvictParams, Patch, PatchParams},
};
use rand::{Rng, RngExt as _, seq::IndexedRandom as _};
use serde_json::json;
use temper_crds::{Trial, TuningJob};

use super::World;

impl World {
    /// Does one thing to a job, its trials or its pods; what it was. What is not there any more is not done.
    pub fn disturb(&self, job: &str, random: &mut impl Rng) -> String {
        let (pods, trials) = (self.pods(job), self.trials(job));
        let pod = pods.choose(random).map(kube::ResourceExt::name_any);
        let trial = trials.choose(random).map(kube::ResourceExt::name_any);
        let params = PatchParams::default();
        let (of_pods, of_trials): (Api<Pod>, Api<Trial>) = (self.api(), self.api());
        let of_jobs: Api<TuningJob> = self.api();
        // What there is nothing of yet, or no more, is not disturbed.
        let number = random.random_range(if pod.is_none() { 4 } else { 0 }..9);
        let number = if trial.is_none() { 8 } else { number };
        let (pod, trial) = (pod.unwrap_or_default(), trial.unwrap_or_default());
        let done = self.runtime().block_on(async {
            match number {
                0 => of_pods.delete(&pod, &DeleteParams::default()).await.map(drop),
                1 => of_pods.delete(&pod, &DeleteParams::default().grace_period(0)).await.map(drop),
                2 => of_pods.evict(&pod, &EvictParams::default()).await.map(drop),
                3 => {
                    let labels = json!({"metadata": {"labels": {"temper.rs/job-uid": null}}});
                    of_pods.patch(&pod, &params, &Patch::Merge(labels)).await.map(drop)
                }
                4 => of_trials.delete(&trial, &DeleteParams::default()).await.map(drop),
                5 => {
                    let wiped = json!({"status": null});
                    of_trials.patch_status(&trial, &params, &Patch::Merge(wiped)).await.map(drop)
                }
                6 => {
                    let asked = json!({"spec": {"desired": "Stop"}});
                    of_trials.patch(&trial, &params, &Patch::Merge(asked)).await.map(drop)
                }
                7 => {
                    let is_suspended = of_jobs.get(job).await?.spec.suspend;
                    let turned = json!({"spec": {"suspend": !is_suspended}});
                    of_jobs.patch(job, &params, &Patch::Merge(turned)).await.map(drop)
                }
                _ => {
                    let parallelism = json!({"spec": {"budget": {"parallelism": random.random_range(2..9)}}});
                    of_jobs.patch(job, &params, &Patch::Merge(parallelism)).await.map(drop)
                }
            }
        });
        let what = [
            format!("delete pod {pod}"),
            format!("delete pod {pod} by force"),
            format!("evict pod {pod}"),
            format!("take pod {pod} its label"),
            format!("delete trial {trial}"),
            format!("wipe the status of trial {trial}"),
            format!("tell trial {trial} to stop"),
            "suspend or resume".to_owned(),
            "change parallelism".to_owned(),
        ];
        let answer = done.map_or_else(|error| format!(": {error}"), |()| String::new());
        format!("{}{answer}", what[number])
    }
}
