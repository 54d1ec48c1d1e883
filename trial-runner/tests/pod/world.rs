//! A namespace of a real cluster, and agents that take it for that of their pod.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::WatchEvent,
};
use serde_json::{Value, json};
use temper_crds::{Trial, manifests::definitions, trial::TrialReport};
use temper_runner::agent::protocol::{Assignment, Goal, POD_ORDERS, POD_UID, PodOrders};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// One namespace; it goes with the value.
pub(crate) struct World {
    runtime: Runtime,
    client: Client,
    kubeconfig: String,
    pub(crate) namespace: String,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let kubeconfig = env::var("TEMPER_TEST_KUBECONFIG")
            .expect("TEMPER_TEST_KUBECONFIG names the kubeconfig of a cluster for tests");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let namespace = format!("temper-agent-{}", id.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
        let client = runtime.block_on(async {
            let file = Kubeconfig::read_from(&kubeconfig).unwrap();
            let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
            let client = Client::try_from(config).unwrap();
            define(&client).await;
            let metadata = ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() };
            let made = Namespace { metadata, ..Namespace::default() };
            Api::all(client.clone()).create(&PostParams::default(), &made).await.unwrap();
            client
        });
        Self { runtime, client, kubeconfig, namespace, folder }
    }

    fn trials(&self) -> Api<Trial> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Makes Trial `t-<index>` for pod `p`, with more in its spec.
    pub(crate) fn make(&self, index: u32, more: &Value) {
        let mut trial = json!({
            "apiVersion": "temper.rs/v1alpha1",
            "kind": "Trial",
            "metadata": {"name": format!("t-{index}")},
            "spec": {"job": "test", "index": index, "parameters": {"lr": 0.5}, "pod": {"name": "p"}},
        });
        for (name, value) in more.as_object().unwrap() {
            trial["spec"][name] = value.clone();
        }
        let trial: Trial = serde_json::from_value(trial).unwrap();
        self.runtime.block_on(self.trials().create(&PostParams::default(), &trial)).unwrap();
    }

    /// Changes its spec.
    pub(crate) fn patch(&self, index: u32, spec: &Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        let name = format!("t-{index}");
        self.runtime.block_on(self.trials().patch(&name, &PatchParams::default(), &patch)).unwrap();
    }

    pub(crate) fn delete(&self, index: u32) {
        let name = format!("t-{index}");
        self.runtime.block_on(self.trials().delete(&name, &DeleteParams::default())).unwrap();
    }

    pub(crate) fn report(&self, index: u32) -> Option<TrialReport> {
        let trial = self.runtime.block_on(self.trials().get(&format!("t-{index}"))).unwrap();
        trial.status.and_then(|status| status.report)
    }

    /// Waits for a report as it should be.
    pub(crate) fn wait(&self, index: u32, what: &str, is_so: impl Fn(&TrialReport) -> bool) -> TrialReport {
        let deadline = Instant::now() + LONG;
        loop {
            let report = self.report(index);
            match report {
                Some(report) if is_so(&report) => return report,
                other => assert!(Instant::now() < deadline, "never {what}: {other:?}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Collects every version of the Trials' reports from now on, with the time of its coming.
    pub(crate) fn record(&self) -> Arc<Mutex<Vec<(Instant, TrialReport)>>> {
        let (trials, versions) = (self.trials(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&versions);
        let (ready, is_ready) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            let events = trials.watch(&WatchParams::default(), "").await.unwrap();
            ready.send(()).unwrap();
            let mut events = std::pin::pin!(events);
            while let Ok(Some(event)) = events.try_next().await {
                if let WatchEvent::Modified(trial) = event
                    && let Some(report) = trial.status.and_then(|status| status.report)
                {
                    kept.lock().unwrap().push((Instant::now(), report));
                }
            }
        });
        is_ready.recv().unwrap();
        versions
    }

    /// The orders of a pod for one trial, whose command is a shell script that reports `accuracy`.
    pub(crate) fn orders(&self, script: &str) -> PodOrders {
        PodOrders {
            pod: "p".into(),
            namespace: self.namespace.clone(),
            trial: Some("t-0".into()),
            template: Assignment {
                job: "test".into(),
                command: ["sh", "-c", script].map(String::from).into(),
                objectives: vec!["accuracy".into()],
                resource: Some("epoch".into()),
                checkpoints: Some("pvc://claim/jobs".into()),
                grace_seconds: 5.0,
                dir: self.folder.path().join("temper"),
                ..Assignment::default()
            },
            goals: vec![Goal::Maximize],
            rungs: vec![1, 3],
            mounts: [("pvc://claim".to_owned(), self.folder.path().join("claim"))].into(),
            credentials: None,
        }
    }

    /// The orders of a worker.
    pub(crate) fn worker(&self, script: &str) -> PodOrders {
        PodOrders { trial: None, ..self.orders(script) }
    }

    /// Starts an agent as pod `p`.
    pub(crate) fn start(&self, orders: &PodOrders) -> Pod {
        let mut process = Command::new(env!("CARGO_BIN_EXE_temper-runner"))
            .args(["pod", "--kubeconfig", &self.kubeconfig])
            .env(POD_ORDERS, serde_json::to_string(orders).unwrap())
            .env(POD_UID, "p-uid")
            .env("FOLDER", self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stdout: Box<dyn std::io::Read + Send> = Box::new(process.stdout.take().unwrap());
        let stderr: Box<dyn std::io::Read + Send> = Box::new(process.stderr.take().unwrap());
        for output in [stdout, stderr] {
            let lines = Arc::clone(&lines);
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    lines.lock().unwrap().push((Instant::now(), line));
                }
            });
        }
        Pod { process, lines }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let _ = self.runtime.block_on(namespaces.delete(&self.namespace, &DeleteParams::default()));
    }
}

/// The resources, of which the cluster may know already.
async fn define(client: &Client) {
    let known: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in definitions() {
        let name = definition.metadata.name.clone().unwrap();
        let apply = PatchParams::apply("temper-test").force();
        known.patch(&name, &apply, &Patch::Apply(&definition)).await.unwrap();
        let is_there = |definition: CustomResourceDefinition| {
            let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
            conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
        };
        while !is_there(known.get(&name).await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A running agent.
pub(crate) struct Pod {
    pub(crate) process: Child,
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Pod {
    /// The exit code, once it has ended by itself.
    pub(crate) fn wait(&mut self) -> i32 {
        let deadline = Instant::now() + LONG;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "the agent does not end: {:?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// All that it has put out.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    /// Waits for a line with this text, and says when it came.
    pub(crate) fn says(&mut self, text: &str) -> Instant {
        let deadline = Instant::now() + LONG;
        loop {
            let lines = self.lines.lock().unwrap();
            if let Some((at, _)) = lines.iter().find(|(_, line)| line.contains(text)) {
                return *at;
            }
            drop(lines);
            assert!(Instant::now() < deadline, "it never says {text:?}: {:?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
