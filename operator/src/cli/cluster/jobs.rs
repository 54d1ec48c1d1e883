//! Jobs on a cluster: which there are, and the one that is meant.

use anyhow::{Context, anyhow};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use temper_advisor::suggest::did_you_mean;
use temper_crds::{TuningJob, job::Job};

use super::{Connection, trouble};
use crate::{
    cli::{Failure, store::now},
    cluster::{Follow, Objects, Unreadable},
    view::JobView,
};

/// A job that is there.
pub(in crate::cli) struct Found {
    /// Its name.
    pub(in crate::cli) name: String,
}

impl Connection {
    /// The job of this name, or the only one of the namespace.
    pub(in crate::cli) fn find(&self, name: Option<&str>) -> Result<Found, Failure> {
        if let Some(name) = name {
            return Ok(Found { name: name.to_owned() });
        }
        let names: Vec<String> = self.list(false)?.iter().map(ResourceExt::name_any).collect();
        match names.as_slice() {
            [only] => Ok(Found { name: only.clone() }),
            [] => Err(Failure::wrong_input(anyhow!("there is no job in namespace {}", self.namespace))
                .hint("kubectl get tuningjobs -A shows those of all namespaces; -n chooses one")),
            several => {
                let error = anyhow!("there are {} jobs in namespace {}", several.len(), self.namespace);
                Err(Failure::wrong_input(error).hint(format!("say which: {}", several.join(" | "))))
            }
        }
    }

    /// The job as the API server has it.
    pub(in crate::cli) fn job(&self, name: &str) -> Result<TuningJob, Failure> {
        match self.wait(self.jobs().get(name)) {
            Ok(job) => Ok(job),
            Err(error) if trouble::is_missing(&error) => Err(self.no_such_job(name)),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Begins to hear of what changes of a job, while something is waited for.
    pub(in crate::cli) fn follow(&self, found: &Found) -> Follow {
        let _context = self.runtime.enter();
        Follow::begin(&self.client, &self.namespace, &found.name)
    }

    /// The job and its trials as they stand; nothing is asked again that `follow` has heard.
    pub(in crate::cli) fn view(&self, found: &Found, follow: Option<&Follow>) -> Result<JobView, Failure> {
        // Asked for anew each time: that tells whether the cluster answers at all, and whether the job is still there.
        let job = self.job(&found.name)?;
        let objects = match follow.and_then(|follow| follow.objects(&job)) {
            Some(objects) => objects,
            None => self
                .ask(Objects::of(&self.client, job))?
                .with_context(|| format!("the API server gave job {} without a UID", found.name))?,
        };
        objects.view(now()).map_err(|unreadable| self.cannot_show(&found.name, unreadable))
    }

    /// What keeps a job from being shown.
    pub(in crate::cli) fn cannot_show(&self, name: &str, unreadable: Unreadable) -> Failure {
        match unreadable {
            Unreadable::Spec(errors) => {
                let text = errors.render(name);
                Failure::wrong_input(anyhow!("job {name} is not valid\n{text}"))
                    .hint(format!("mend it: kubectl edit tuningjob {name} -n {}", self.namespace))
            }
            other @ Unreadable::Settings(_) => {
                anyhow::Error::from(other).context(format!("job {name} cannot be shown")).into()
            }
        }
    }

    /// The jobs of the namespace, or of all, by namespace and name.
    pub(in crate::cli) fn list(&self, all_namespaces: bool) -> Result<Vec<TuningJob>, Failure> {
        let jobs = if all_namespaces { Api::all(self.client.clone()) } else { self.jobs() };
        Ok(self.ask(jobs.list(&ListParams::default()))?.items)
    }

    /// The namespace that a job would be in.
    pub(in crate::cli) fn namespace_of<'a>(&'a self, job: &'a Job) -> &'a str {
        job.namespace.as_deref().unwrap_or(&self.namespace)
    }

    /// Why the cluster would not take the job, if it would not: nothing is changed there.
    pub(in crate::cli) fn refuses(&self, job: &Job) -> Result<Option<String>, Failure> {
        let jobs: Api<TuningJob> = Api::namespaced(self.client.clone(), self.namespace_of(job));
        let object = TuningJob::new(&job.name, job.spec.clone());
        let parameters = PatchParams::apply("temper").force().dry_run();
        match self.wait(jobs.patch(&job.name, &parameters, &Patch::Apply(&object))) {
            Ok(_) => Ok(None),
            // Invalid, forbidden by a quota or a policy, or changed where it must not be.
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 409 | 422) => {
                Ok(Some(status.message))
            }
            Err(kube::Error::Api(status)) if status.code == 404 && trouble::names_object(&status) => {
                Ok(Some(status.message))
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// What could have been meant: a name near it, or the same one elsewhere, as far as one may look.
    fn no_such_job(&self, name: &str) -> Failure {
        let here = self.list(false).unwrap_or_default();
        let names: Vec<String> = here.iter().map(ResourceExt::name_any).collect();
        let near = did_you_mean(name, names.iter().map(String::as_str));
        let error = anyhow!("there is no job {name:?} in namespace {}{near}", self.namespace);
        let failure = Failure::wrong_input(error);
        let of_name = ListParams::default().fields(&format!("metadata.name={name}"));
        let everywhere = self.wait(Api::<TuningJob>::all(self.client.clone()).list(&of_name));
        let elsewhere: Vec<String> =
            everywhere.into_iter().flatten().filter_map(|job| job.namespace()).collect();
        match (elsewhere.as_slice(), names.len()) {
            ([_, ..], _) => failure.hint(format!("there is one in another: -n {}", elsewhere.join(" | -n "))),
            ([], 1..=20) => failure.hint(format!("in that namespace: {}", names.join(", "))),
            ([], _) => failure,
        }
    }
}
