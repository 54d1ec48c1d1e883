//! The cluster that commands talk to. Nothing is started or connected before a command needs it.

mod jobs;
mod trouble;

use std::{future::Future, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use temper_advisor::suggest::did_you_mean;
use temper_crds::TuningJob;
use tokio::runtime::Runtime;

pub(super) use jobs::Found;
pub(super) use trouble::Unreachable;

use super::{Failure, Shell};

/// A cluster in the same building answers within milliseconds, one across the world within a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which cluster, and which namespace of it: as kubectl has it.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ClusterOptions {
    /// Namespace of the job [default: that of the context].
    #[arg(short, long, value_name = "NAME", help_heading = "On a cluster")]
    namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one].
    #[arg(long, value_name = "NAME", help_heading = "On a cluster")]
    context: Option<String>,
    /// The kubeconfig [default: $KUBECONFIG, or ~/.kube/config].
    #[arg(long, value_name = "FILE", help_heading = "On a cluster")]
    kubeconfig: Option<PathBuf>,
}

/// A cluster that can be asked.
pub(super) struct Connection {
    runtime: Runtime,
    client: Client,
    namespace: String,
    server: String,
}

impl ClusterOptions {
    /// Whether any of them is said.
    pub(super) fn is_given(&self) -> bool {
        self.namespace.is_some() || self.context.is_some() || self.kubeconfig.is_some()
    }

    /// Makes ready to talk to it; nothing is sent yet.
    pub(super) fn connect(&self, shell: Shell) -> Result<Connection, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot prepare to talk to a cluster")?;
        let mut config = runtime.block_on(self.config())?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        shell.detail(&format!("looking at namespace {namespace} of {server}"));
        let client = {
            let _context = runtime.enter();
            Client::try_from(config)
                .with_context(|| format!("cannot prepare to talk to {server}"))
                .map_err(Failure::wrong_input)?
        };
        Ok(Connection { runtime, client, namespace, server })
    }

    async fn config(&self) -> Result<Config, Failure> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let kubeconfig = match (&self.kubeconfig, &self.context) {
            (Some(path), _) => Kubeconfig::read_from(path)
                .with_context(|| format!("cannot read {}", path.display()))
                .map_err(Failure::wrong_input)?,
            (None, Some(_)) => {
                Kubeconfig::read().context("cannot read the kubeconfig").map_err(Failure::wrong_input)?
            }
            // In a pod there is none.
            (None, None) => return Config::infer().await.map_err(|error| trouble::no_cluster(&error)),
        };
        if let Some(context) = &self.context {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|known| known.name.as_str()).collect();
            if !known.contains(&context.as_str()) {
                let near = did_you_mean(context, known.iter().copied());
                let error = anyhow!("the kubeconfig has no context {context:?}{near}");
                return Err(Failure::wrong_input(error).hint(format!("it has {}", known.join(", "))));
            }
        }
        Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .context("the kubeconfig does not lead to a cluster")
            .map_err(Failure::wrong_input)
    }
}

impl Connection {
    /// Where the command looks when nothing else is said.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Objects of that namespace.
    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn jobs(&self) -> Api<TuningJob> {
        self.api()
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask<T>(&self, question: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        self.runtime.block_on(question).map_err(|error| self.explain(error))
    }

    /// Waits for whatever else needs the runtime.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// What an error of the API server, or of the way to it, means.
    pub(super) fn explain(&self, error: kube::Error) -> Failure {
        trouble::explain(error, &self.server)
    }
}
