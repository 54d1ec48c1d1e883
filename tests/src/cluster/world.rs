//! A namespace of the cluster, with which a test does what people and faults do.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
};
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use temper_crds::{Trial, TrialHistory, TuningJob, tuning_job::TuningJobStatus};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{
    Cluster, Job, Ledger, Operator,
    machine::{LONG, feed},
    rights::{self, Reach},
};

/// One namespace, and an operator's rights in it; both go with the value.
pub struct World {
    cluster: &'static Cluster,
    runtime: Runtime,
    client: Client,
    namespace: String,
    /// All that was made for it, as YAML.
    objects: String,
    folder: TempDir,
}

impl World {
    /// A new one; `None` where there is no cluster.
    pub fn new(name: &str) -> Option<Self> {
        Self::on_nodes(1, name)
    }

    /// The same; the cluster has so many nodes, if this is its first namespace.
    pub fn on_nodes(nodes: u32, name: &str) -> Option<Self> {
        Self::with_rights(Reach::Everywhere, nodes, name)
    }

    /// One whose operators have rights there only, as by the chart's `watchNamespaces`.
    pub fn confined(name: &str) -> Option<Self> {
        Self::with_rights(Reach::Own, 1, name)
    }

    fn with_rights(reach: Reach, nodes: u32, name: &str) -> Option<Self> {
        let cluster = Cluster::shared(nodes)?;
        let namespace = format!("{name}-{:05x}", rand::rng().random_range(0..1_048_576));
        let objects = cluster.rights.of(&namespace, reach);
        cluster.must_with(&["create", "-f", "-"], objects.as_bytes());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        let made = runtime.block_on(async {
            let file = Kubeconfig::read_from(&cluster.kubeconfig)?;
            let options = KubeConfigOptions::default();
            let client = Client::try_from(Config::from_custom_kubeconfig(file.clone(), &options).await?)?;
            rights::in_force(&client, &namespace).await?;
            let operators = rights::kubeconfig(&client, &namespace, &file).await?;
            Ok::<_, Box<dyn std::error::Error>>((client, operators))
        });
        let (client, operators) = made.unwrap_or_else(|error| panic!("{error}"));
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let world = Self { cluster, runtime, client, namespace, objects, folder };
        let file = world.operators_kubeconfig();
        fs::write(&file, operators).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Some(world)
    }

    /// What leads operators to the cluster, with the chart's rights.
    pub(super) fn operators_kubeconfig(&self) -> PathBuf {
        self.folder().join("operator.kubeconfig")
    }

    /// Where it is.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// Its name.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts an operator, always of the same name: as a container that is started again.
    pub fn operator(&self) -> Operator {
        self.operator_called("operator")
    }

    /// Starts one of another name.
    pub fn operator_called(&self, identity: &str) -> Operator {
        Operator::start(self, identity, Duration::ZERO, &[])
    }

    /// Starts one with options of its own.
    pub fn operator_with(&self, options: &[&str]) -> Operator {
        Operator::start(self, "operator", Duration::ZERO, options)
    }

    /// Starts one whose clock is an hour ahead.
    pub fn operator_ahead(&self) -> Operator {
        Operator::start(self, "operator", Duration::from_hours(1), &[])
    }

    /// The image of trials that name none.
    pub fn image(&self) -> &str {
        &self.cluster.image
    }

    /// `kubectl` in this namespace; what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.must(&[&["--namespace", &self.namespace], arguments].concat())
    }

    /// The log of a pod whose trial has reported. A short trial's report is there before the kubelet has said that its
    /// container runs, and until then the API server gives no log.
    pub fn log(&self, pod: &str) -> String {
        let mut kubectl = self.cluster.kubectl(&["--namespace", &self.namespace, "logs", pod]);
        let look = || {
            let output = kubectl.output().unwrap_or_else(|error| panic!("{kubectl:?}: {error}"));
            (output.status.success(), output)
        };
        let (_, output) = self.until("a log", look, |(is_given, _)| *is_given);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `kubectl apply`.
    pub fn apply(&self, job: &Job) {
        let refused = self.try_apply(job);
        assert!(refused.is_none(), "{}", refused.unwrap_or_default());
    }

    /// `kubectl apply`; what it said if it was refused.
    pub fn try_apply(&self, job: &Job) -> Option<String> {
        let mut manifest = job.manifest.clone();
        let container = &mut manifest["spec"]["trial"]["template"]["spec"]["containers"][0];
        if container["image"].is_null() {
            container["image"] = json!(self.cluster.image);
        }
        let mut command =
            self.cluster.kubectl(&["--namespace", &self.namespace, "apply", "--validate=strict", "-f", "-"]);
        let output = feed(&mut command, manifest.to_string().as_bytes());
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// `kubectl` in this namespace, which must not do well; what it said.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let arguments = [&["--namespace", &self.namespace], arguments].concat();
        let output = self.cluster.kubectl(&arguments).output().unwrap_or_else(|error| panic!("{error}"));
        assert!(!output.status.success(), "kubectl {arguments:?} is not refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Applies any other object.
    pub fn make(&self, object: &Value) {
        let arguments = ["--namespace", &self.namespace, "apply", "-f", "-"];
        self.cluster.must_with(&arguments, object.to_string().as_bytes());
    }

    /// Changes the spec of a job.
    pub fn change(&self, job: &str, spec: &Value) {
        let jobs: Api<TuningJob> = self.api();
        let patch = Patch::Merge(json!({"spec": spec}));
        let params = PatchParams::default();
        let changed = self.runtime.block_on(jobs.patch(job, &params, &patch));
        changed.unwrap_or_else(|error| panic!("{job}: {error}"));
    }

    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Repeats it while the API server is away.
    fn answered<T, F>(&self, mut request: impl FnMut() -> F) -> T
    where
        F: Future<Output = kube::Result<T>>,
    {
        let deadline = Instant::now() + LONG;
        loop {
            match self.runtime.block_on(request()) {
                Ok(answer) => return answer,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn list<K>(&self, selected: &ListParams) -> Vec<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api: Api<K> = self.api();
        self.answered(|| api.list(selected)).items
    }

    /// A job, if it is there.
    pub fn job(&self, name: &str) -> Option<TuningJob> {
        let jobs: Api<TuningJob> = self.api();
        self.answered(|| jobs.get_opt(name))
    }

    /// Trials of a job, by index.
    pub fn trials(&self, job: &str) -> Vec<Trial> {
        let selected = ListParams::default().fields(&format!("spec.job={job}"));
        let mut trials: Vec<Trial> = self.list(&selected);
        trials.sort_by_key(|trial| trial.spec.index);
        trials
    }

    /// Its pods.
    pub fn pods(&self, job: &str) -> Vec<Pod> {
        self.list(&ListParams::default().labels(&format!("temper.rs/job={job}")))
    }

    /// Ends a job's pods as the control plane does with those of a node that is gone: each is said to have failed, by
    /// more than one change, and removed at once.
    pub fn collect_garbage(&self, job: &str) {
        let pods: Api<Pod> = self.api();
        let failed = json!({"status": {"phase": "Failed", "conditions": [{
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "its node is gone",
        }]}});
        let also = json!({"metadata": {"annotations": {"temper.test/seen": "again"}}});
        let end = async |pod: Pod| {
            let (name, params) = (pod.name_any(), PatchParams::default());
            pods.patch_status(&name, &params, &Patch::Strategic(&failed)).await?;
            pods.patch(&name, &params, &Patch::Merge(&also)).await?;
            pods.delete(&name, &DeleteParams::default().grace_period(0)).await
        };
        let ended = futures::future::join_all(self.pods(job).into_iter().map(end));
        for ended in self.runtime.block_on(ended) {
            ended.unwrap_or_else(|error| panic!("{job}: {error}"));
        }
    }

    /// Names of its pods that are not over.
    pub fn working(&self, job: &str) -> Vec<String> {
        let is_over = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            matches!(phase, Some("Succeeded" | "Failed"))
        };
        self.pods(job).iter().filter(|pod| !is_over(pod)).map(ResourceExt::name_any).collect()
    }

    /// What is kept of its trials that are no objects any more.
    pub fn histories(&self, job: &str) -> Vec<TrialHistory> {
        self.list(&ListParams::default().fields(&format!("spec.job={job}")))
    }

    /// Waits until something is so; `look` gives what there is to see, which is shown when it never is.
    pub fn until<T: std::fmt::Debug>(
        &self,
        what: &str,
        mut look: impl FnMut() -> T,
        is_so: impl Fn(&T) -> bool,
    ) -> T {
        let deadline = Instant::now() + LONG;
        loop {
            let seen = look();
            if is_so(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "never {what}: {seen:#?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for a job's status to be so.
    pub fn status(&self, job: &str, what: &str, is_so: impl Fn(&TuningJobStatus) -> bool) -> TuningJobStatus {
        let look = || self.job(job).and_then(|job| job.status).unwrap_or_default();
        self.until(what, look, is_so)
    }

    /// Waits until a job is over and well.
    pub fn completes(&self, job: &str) -> TuningJobStatus {
        self.status(job, "complete", |status| condition(status, "Complete").0)
    }

    /// Watches a job's trials and pods from now on.
    pub fn ledger(&self, job: &str) -> Ledger {
        Ledger::open(self, job)
    }

    /// What a person would look at.
    fn show(&self) {
        let commands: [&[&str]; 3] = [
            &["get", "tuningjobs,trials,trialhistories,pods", "-o", "wide"],
            &["get", "tuningjobs", "-o", "yaml"],
            &["get", "events", "--sort-by=.metadata.creationTimestamp"],
        ];
        for command in commands {
            let arguments = [&["--namespace", &self.namespace, "--request-timeout=5s"], command].concat();
            if let Ok(output) = self.cluster.kubectl(&arguments).output() {
                println!("--- kubectl {}\n{}", command.join(" "), String::from_utf8_lossy(&output.stdout));
            }
        }
        let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "log");
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            if !is_log(&entry.path()) {
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let from = text.lines().count().saturating_sub(60);
            println!("--- the end of {}", entry.file_name().display());
            text.lines().skip(from).for_each(|line| println!("{line}"));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show();
        }
        let arguments = ["delete", "--ignore-not-found", "--wait=false", "--request-timeout=10s", "-f", "-"];
        feed(&mut self.cluster.kubectl(&arguments), self.objects.as_bytes());
    }
}

/// Whether a condition holds, its reason and its message.
pub fn condition<'a>(status: &'a TuningJobStatus, kind: &str) -> (bool, &'a str, &'a str) {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .map_or((false, "", ""), |Condition { status, reason, message, .. }| {
            (status == "True", reason, message)
        })
}
