//! `temper operator`.

use std::net::SocketAddr;

use anyhow::Context;
use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::{Exit, Failure, Shell};
use crate::{
    cluster::{self, AgentImage, Delivery, traces::Traces},
    spans,
};

/// Tend the tuning jobs of a cluster: the operator that the Helm chart installs
///
/// Reaches the cluster by the service account of its pod, or by the kubeconfig of whoever starts it. Several may run at
/// once: one leads, the others stand by.
#[derive(clap::Args)]
#[command(after_help = "\
# On this machine, for the cluster of the current context
temper operator --runner-image ghcr.io/temper-rs/temper:0.1.0 --lease-namespace default
# What it logs
TEMPER_LOG=debug temper operator")]
#[allow(clippy::doc_markdown, reason = "the comments are the help of the options")]
pub(super) struct Operator {
    /// Namespaces whose jobs it tends, with commas between; all when absent.
    #[arg(long, env = "TEMPER_NAMESPACES", value_name = "NAMES", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// Image whose /temper-runner is put into trial pods.
    #[arg(long, env = "TEMPER_RUNNER_IMAGE", value_name = "IMAGE")]
    runner_image: String,
    /// How that image is pulled: Always, IfNotPresent or Never.
    #[arg(
        long,
        env = "TEMPER_RUNNER_IMAGE_PULL_POLICY",
        value_name = "POLICY",
        default_value = "IfNotPresent",
        value_parser = ["Always", "IfNotPresent", "Never"],
        hide_possible_values = true
    )]
    runner_image_pull_policy: String,
    /// How it gets there: image-volume, init-container, or auto: an image volume where API server and nodes have them.
    #[arg(
        long,
        env = "TEMPER_RUNNER_DELIVERY",
        value_enum,
        value_name = "WAY",
        default_value = "auto",
        hide_possible_values = true
    )]
    runner_delivery: RunnerDelivery,
    /// Service account of trial pods whose template names none.
    #[arg(long, env = "TEMPER_TRIAL_SERVICE_ACCOUNT", value_name = "NAME", default_value = "temper-trial")]
    trial_service_account: String,
    /// Role that trial pods are given.
    #[arg(long, env = "TEMPER_TRIAL_CLUSTER_ROLE", value_name = "NAME", default_value = "temper-trial")]
    trial_cluster_role: String,
    /// Where /health, /ready and /metrics are served.
    #[arg(long, env = "TEMPER_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Name of the lease that makes one operator lead.
    #[arg(long, env = "TEMPER_LEASE_NAME", value_name = "NAME", default_value = "temper-operator")]
    lease_name: String,
    /// Its namespace; the operator's own when absent.
    #[arg(long, env = "TEMPER_LEASE_NAMESPACE", value_name = "NAME")]
    lease_namespace: Option<String>,
    /// How the log is written: text or json.
    #[arg(
        long,
        env = "TEMPER_LOG_FORMAT",
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    log_format: LogFormat,
    /// Collector that traces are sent to, by OTLP over HTTP, as http://collector:4318; none when absent. The SDK's other
    /// variables (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, ...) hold.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RunnerDelivery {
    Auto,
    ImageVolume,
    InitContainer,
}

impl From<RunnerDelivery> for Option<Delivery> {
    fn from(chosen: RunnerDelivery) -> Self {
        match chosen {
            RunnerDelivery::Auto => None,
            RunnerDelivery::ImageVolume => Some(Delivery::ImageVolume),
            RunnerDelivery::InitContainer => Some(Delivery::InitContainer),
        }
    }
}

impl Operator {
    pub(super) fn run(self, _: Shell) -> Result<Exit, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the threads of the operator")?;
        let endpoint = self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        let traces = endpoint.map(|endpoint| Traces::to(endpoint, runtime.handle().clone()));
        let traces = traces.transpose().map_err(Failure::wrong_input)?;
        self.log(traces.as_ref())?;
        let ended = runtime.block_on(async {
            let client = kube::Client::try_default().await.map_err(|error| {
                Failure::wrong_input(error)
                    .hint("the operator needs a cluster: a pod's service account, or KUBECONFIG")
            })?;
            let namespace = self.lease_namespace.clone().unwrap_or_else(|| {
                std::env::var("POD_NAMESPACE").unwrap_or_else(|_| client.default_namespace().to_owned())
            });
            cluster::run(client, self.options(namespace)).await.context("the operator ended")?;
            Ok(Exit::Done)
        });
        if let Some(traces) = traces {
            traces.end();
        }
        ended
    }

    fn options(self, lease_namespace: String) -> cluster::Options {
        let identity = std::env::var("POD_NAME").unwrap_or_else(|_| {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            format!("{host}-{}", std::process::id())
        });
        cluster::Options {
            namespaces: self.namespaces.into_iter().filter(|name| !name.is_empty()).collect(),
            agent: AgentImage {
                image: self.runner_image,
                pull_policy: self.runner_image_pull_policy,
                service_account: self.trial_service_account,
            },
            delivery: self.runner_delivery.into(),
            trial_cluster_role: self.trial_cluster_role,
            listen: self.listen,
            lease_name: self.lease_name,
            lease_namespace,
            identity,
        }
    }

    fn log(&self, traces: Option<&Traces>) -> Result<(), Failure> {
        let filter = std::env::var("TEMPER_LOG").unwrap_or_else(|_| "info".to_owned());
        let filter = EnvFilter::try_new(&filter)
            .with_context(|| {
                format!("TEMPER_LOG: {filter:?} is no filter such as info, or temper_operator=debug")
            })
            .map_err(Failure::wrong_input)?;
        // Spans are for traces: the log says in each line what it is about.
        let no_spans = format!("{}=off", spans::TARGET).parse().context("a filter for spans")?;
        let filter = filter.add_directive(no_spans);
        let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let log = match self.log_format {
            LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
            LogFormat::Json => log.json().flatten_event(true).boxed(),
        };
        tracing_subscriber::registry().with(log.with_filter(filter)).with(traces.map(Traces::layer)).init();
        Ok(())
    }
}
