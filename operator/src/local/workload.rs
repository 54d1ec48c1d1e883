//! What of a pod template means something on this machine: the training container's command, environment, working
//! folder, limits and grace. What does not is said, once.

use std::path::PathBuf;

use k8s_openapi::{
    api::core::v1::{Container, EnvVar, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};
use temper_advisor::Invalid;
use temper_crds::job::Template;
use temper_runner::agent::protocol;

use super::slots::Request;

/// How one trial is run on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment, besides the executor's own.
    pub env: Vec<Variable>,
    /// Where it runs; absent: in the current folder.
    pub working_dir: Option<PathBuf>,
    /// Seconds between SIGTERM and SIGKILL.
    pub grace_seconds: f64,
    /// What it asks for.
    pub request: Request,
    /// What of the template does nothing here, one sentence each.
    pub ignored: Vec<String>,
}

/// A variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The same for every trial.
    Fixed(protocol::EnvVar),
    /// The trial's name.
    TrialName(String),
}

impl Workload {
    /// Reads `spec.trial.template`.
    ///
    /// # Errors
    /// All that cannot be run here, with paths that begin at the training container.
    pub fn read(template: &Template) -> Result<Self, Vec<Invalid>> {
        let (pod, container) = (template.pod().spec.clone().unwrap_or_default(), template.container());
        let mut errors = Vec::new();
        let working_dir = container.working_dir.as_ref().map(PathBuf::from);
        if let Some(dir) = working_dir.as_ref().filter(|dir| !dir.is_dir()) {
            errors.push(Invalid::new(
                "workingDir",
                format!(
                    "there is no folder {} on this machine; leave it out to run in the current folder",
                    dir.display()
                ),
            ));
        }
        let cpus = limit(container, "cpu").map(|quantity| {
            cores(quantity).ok_or_else(|| {
                Invalid::new(
                    "resources.limits.cpu",
                    format!("{:?} is no number of CPUs above 0, such as 2, 0.5 or 500m", quantity.0),
                )
            })
        });
        let gpus = limit(container, "nvidia.com/gpu").map(|quantity| {
            quantity.0.parse::<u32>().map_err(|_| {
                Invalid::new(
                    "resources.limits[nvidia.com/gpu]",
                    format!("{:?} is no whole number of GPUs", quantity.0),
                )
            })
        });
        let mut take = |error: Invalid| errors.push(error);
        let cpus = cpus.and_then(|cpus| cpus.map_err(&mut take).ok());
        let gpus = gpus.and_then(|gpus| gpus.map_err(&mut take).ok()).unwrap_or(0);
        if !errors.is_empty() {
            return Err(errors);
        }
        let (env, mut ignored) = environment(container);
        ignored.extend(ignored_of_pod(&pod, container));
        Ok(Self {
            command: template.command(),
            env,
            working_dir,
            grace_seconds: template.grace_seconds() as f64,
            request: Request { cpus, gpus },
            ignored,
        })
    }

    /// The environment for the trial of this name.
    pub fn environment(&self, trial_name: &str) -> Vec<protocol::EnvVar> {
        self.env
            .iter()
            .map(|variable| match variable {
                Variable::Fixed(variable) => variable.clone(),
                Variable::TrialName(name) => {
                    protocol::EnvVar { name: name.clone(), value: trial_name.to_owned() }
                }
            })
            .collect()
    }

    /// Names of the variables that the template sets.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.env.iter().map(|variable| match variable {
            Variable::Fixed(variable) => variable.name.as_str(),
            Variable::TrialName(name) => name,
        })
    }
}

/// The limit, or where there is none the request.
fn limit<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    let resources = container.resources.as_ref()?;
    let find = |of: &'a Option<std::collections::BTreeMap<String, Quantity>>| of.as_ref()?.get(resource);
    find(&resources.limits).or_else(|| find(&resources.requests))
}

/// `2`, `0.5`, `500m`; Kubernetes allows larger suffixes too, which no number of CPUs needs.
fn cores(quantity: &Quantity) -> Option<f64> {
    let text = quantity.0.trim();
    let cores = match text.strip_suffix('m') {
        Some(millis) => millis.parse::<f64>().ok()? / 1_000.0,
        None => text.parse().ok()?,
    };
    (cores.is_finite() && cores > 0.0).then_some(cores)
}

fn environment(container: &Container) -> (Vec<Variable>, Vec<String>) {
    let mut ignored = Vec::new();
    let field_path =
        |variable: &EnvVar| Some(variable.value_from.as_ref()?.field_ref.as_ref()?.field_path.clone());
    let mut env = Vec::new();
    for variable in container.env.iter().flatten() {
        let name = variable.name.clone();
        if variable.value_from.is_none() {
            let value = variable.value.clone().unwrap_or_default();
            env.push(Variable::Fixed(protocol::EnvVar { name, value }));
        } else if field_path(variable).as_deref() == Some("metadata.name") {
            env.push(Variable::TrialName(name));
        } else {
            ignored.push(format!(
                "env {name}: its valueFrom can be read in a cluster only; set {name} in the shell to pass it on"
            ));
        }
    }
    if container.env_from.as_ref().is_some_and(|sources| !sources.is_empty()) {
        ignored.push(
            "envFrom: config maps and secrets are in a cluster only; set what is needed in the shell".into(),
        );
    }
    (env, ignored)
}

fn ignored_of_pod(pod: &PodSpec, container: &Container) -> Vec<String> {
    let mut ignored = Vec::new();
    if let Some(image) = &container.image {
        ignored
            .push(format!("image {image}: the command runs on this machine as it is, without a container"));
    }
    let others: Vec<&str> = pod
        .init_containers
        .iter()
        .flatten()
        .chain(&pod.containers)
        .filter(|other| other.name != container.name)
        .map(|other| other.name.as_str())
        .collect();
    if !others.is_empty() {
        ignored.push(format!("containers {}: only {} is run here", others.join(", "), container.name));
    }
    let mounts: Vec<&str> =
        container.volume_mounts.iter().flatten().map(|mount| mount.mount_path.as_str()).collect();
    if !mounts.is_empty() {
        ignored.push(format!("volumes at {}: nothing is mounted here", mounts.join(", ")));
    }
    ignored
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(container: &Value) -> Result<Workload, Vec<Invalid>> {
        Workload::read(&template(&json!({"containers": [container]})))
    }

    fn template(pod: &Value) -> Template {
        Template::new(serde_json::from_value(json!({"spec": pod})).unwrap()).unwrap()
    }

    #[test]
    fn a_command_alone_is_enough() {
        let workload =
            read(&json!({"name": "trial", "command": ["python", "train.py"], "args": ["--lr=1"]})).unwrap();
        assert_eq!(workload.command, ["python", "train.py", "--lr=1"]);
        assert!((workload.grace_seconds - Template::DEFAULT_GRACE_SECONDS as f64).abs() < 1e-9);
        assert_eq!(workload.request, Request::default());
        assert_eq!(workload.ignored, [""; 0]);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let container = json!({"name": "trial", "command": ["x"], "workingDir": "/no/such/folder",
            "resources": {"limits": {"cpu": "many", "nvidia.com/gpu": "0.5"}}});
        let errors = read(&container).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["workingDir", "resources.limits.cpu", "resources.limits[nvidia.com/gpu]"]);
    }

    #[test]
    fn cpus_are_read_as_kubernetes_writes_them() {
        let cores = |text: &str| cores(&Quantity(text.into()));
        assert_eq!(cores("2"), Some(2.0));
        assert_eq!(cores("0.5"), Some(0.5));
        assert_eq!(cores("250m"), Some(0.25));
        assert_eq!((cores("0"), cores("-1"), cores("1Gi"), cores("")), (None, None, None, None));
    }

    #[test]
    fn a_request_counts_where_there_is_no_limit() {
        let container = json!({"name": "trial", "command": ["x"],
            "resources": {"limits": {"nvidia.com/gpu": "2"}, "requests": {"cpu": "4", "nvidia.com/gpu": "1"}}});
        assert_eq!(read(&container).unwrap().request, Request { cpus: Some(4.0), gpus: 2 });
    }

    #[test]
    fn the_trial_gets_its_name_where_it_asks_for_it() {
        let container = json!({"name": "trial", "command": ["x"], "env": [
            {"name": "A", "value": "1"},
            {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]});
        let workload = read(&container).unwrap();
        let env: Vec<_> = workload
            .environment("job-7")
            .into_iter()
            .map(|env| format!("{}={}", env.name, env.value))
            .collect();
        assert_eq!(env, ["A=1", "ME=job-7"]);
        assert_eq!(workload.ignored.len(), 1);
        assert!(workload.ignored[0].contains("TOKEN"));
    }

    #[test]
    fn what_does_nothing_here_is_said() {
        let template = template(&json!({
            "initContainers": [{"name": "fetch", "image": "curl"}],
            "containers": [
                {"name": "log", "image": "fluent"},
                {"name": "trial", "image": "pytorch:2", "command": ["x"], "envFrom": [{"secretRef": {"name": "s"}}],
                 "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}));
        let workload = Workload::read(&template).unwrap();
        assert_eq!(workload.command, ["x"], "the container called trial is run, wherever it stands");
        let said = workload.ignored.join("\n");
        for word in ["pytorch:2", "fetch, log", "/data", "envFrom"] {
            assert!(said.contains(word), "{word} is missing in {said}");
        }
    }
}
