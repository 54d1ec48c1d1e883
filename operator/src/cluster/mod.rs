//! The cluster's executor: the custom resources are the record, pods the workers.
//!
//! ```text
//! watches ──► mailboxes ──► one task a job: take in ──► plan (on a thread of its own) ──► turns ──► requests
//!                               ▲                                                                       │
//!                               └───────────────────────── what has come of them ───────────────────────┘
//! ```
//! - `watch`, `mailbox`: what has changed of each job; `observe`: what that says, as observations
//! - `job`: one job's task; `open`: how it begins; `take`: what it takes in; `turns`, `carry`, `begin`, `compact`: what was
//!   decided, as requests; `effects`: those that are under way; `slow`: why a pod does not start; `lost`: trials of which
//!   nothing more would be heard; `report`, `pace`: its status and events
//! - `warm_start`: what a job learns from finished ones before it begins
//! - `recall`: a job's state from its objects, when an operator takes it up
//! - `names`, `trial`, `pod`, `delivery`, `status`, `ours`: what the objects and the requests look like; pure
//! - `runtimes`: which way the agent gets into a pod
//! - `leader`, `fence`, `writer`: one operator writes, and does so until it is answered
//! - `clock`: whose times are compared
//! - `read`, `follow`, `logs`: what the objects say to whoever looks at a job
//! - [`traces`]: spans of its work, sent to a collector
//! - `permissions`: what trial pods may do; `version`, `reach`: what must be there before the operator is ready; `http`,
//!   `metrics`: what it says of itself

mod begin;
mod carry;
mod clock;
mod compact;
mod delivery;
mod effects;
mod fence;
mod follow;
mod http;
mod job;
mod leader;
mod logs;
mod lost;
mod mailbox;
mod metrics;
mod names;
mod observe;
mod open;
mod ours;
mod pace;
mod permissions;
mod pod;
mod reach;
mod read;
mod recall;
mod report;
mod runtimes;
mod slow;
mod status;
mod take;
mod tasks;
#[cfg(test)]
mod tests;
pub mod traces;
mod trial;
mod turns;
mod version;
mod warm_start;
mod watch;
mod workers;
mod writer;

use std::{net::SocketAddr, sync::Arc};

use kube::{
    Client,
    runtime::events::{Recorder, Reporter},
};
use tokio::sync::Semaphore;

pub use delivery::Delivery;
pub use follow::Follow;
pub use logs::{NoOutput, Output};
pub use pod::AgentImage;
pub use read::{Objects, Unreadable, trouble};

use self::{
    fence::Fence, http::Probes, job::Shared, leader::Candidate, metrics::Metrics, pace::Pace,
    permissions::Permissions, runtimes::Deliveries, slow::Questions, watch::Namespaces, writer::Writer,
};

/// Decisions made at once. Each has its thread: they are many, so that slow ones leave places for the others, and the
/// operating system shares the processors among them.
const DECISIONS_AT_ONCE: usize = 64;
/// Requests that are on their way at once.
const REQUESTS_AT_ONCE: usize = 128;

/// How the operator runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespaces whose jobs it tends; empty: all.
    pub namespaces: Vec<String>,
    /// What it puts into trial pods.
    pub agent: AgentImage,
    /// How that gets there; `None`: as the cluster allows.
    pub delivery: Option<Delivery>,
    /// The role that trial pods are given.
    pub trial_cluster_role: String,
    /// Where probes and metrics are served.
    pub listen: SocketAddr,
    /// Name of the lease.
    pub lease_name: String,
    /// Its namespace.
    pub lease_namespace: String,
    /// Who this operator is among those that want the lease.
    pub identity: String,
}

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address for probes and metrics cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cluster's definitions are not the ones that this operator is for.
    #[error(transparent)]
    Definitions(#[from] version::Unfit),
    /// Another operator leads, or may: this one must not go on.
    #[error("the lease {0} was lost; another operator takes over")]
    LeaseLost(String),
    /// The process cannot hear of signals.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs until it is asked to end (SIGTERM, SIGINT) or must.
///
/// # Errors
/// [`OperatorError`].
pub async fn run(client: Client, options: Options) -> Result<(), OperatorError> {
    let metrics = Arc::new(Metrics::new());
    let probes = Probes::new(metrics.clone());
    let listen = |source| OperatorError::Listen { address: options.listen, source };
    http::serve(options.listen, probes.clone()).await.map_err(listen)?;
    let mut end = Box::pin(asked_to_end().map_err(OperatorError::Signals)?);
    let namespaces = Namespaces::of(&options.namespaces);
    let lease = (options.lease_namespace.as_str(), options.lease_name.as_str());
    let reached = async {
        version::check(&client, &probes).await?;
        reach::reach(&client, &namespaces, lease, &probes).await;
        Ok::<_, version::Unfit>(())
    };
    tokio::select! {
        reached = reached => reached?,
        () = &mut end => return Ok(()),
    }
    let deliveries = Deliveries::begin(&client, options.delivery, &options.agent, &options.lease_namespace);
    let fence = Fence::new();
    let mut candidate = Candidate::new(
        client.clone(),
        &options.lease_namespace,
        &options.lease_name,
        &options.identity,
        fence.clone(),
    );
    probes.stands_by();
    tokio::select! {
        // In this order: from the moment on that the lease is held it is to be renewed.
        () = async { deliveries.known().await; candidate.wait().await } => {}
        () = &mut end => return Ok(()),
    }
    tracing::info!(identity = options.identity, "leading");
    metrics.leads(true);
    let permissions =
        Permissions::new(options.agent.service_account.clone(), options.trial_cluster_role.clone());
    let reporter = Reporter { controller: names::MANAGER.into(), instance: Some(options.identity.clone()) };
    let shared = Arc::new(Shared {
        writer: Writer { fence: fence.clone(), metrics: metrics.clone() },
        recorder: Recorder::new(client.clone(), reporter),
        agent: options.agent.clone(),
        deliveries,
        permissions,
        metrics: metrics.clone(),
        deciders: Semaphore::new(DECISIONS_AT_ONCE),
        requests: Semaphore::new(REQUESTS_AT_ONCE),
        awaited: warm_start::Awaited::default(),
        pace: Pace::default(),
        questions: Questions::default(),
        client,
    });
    tokio::select! {
        () = tasks::tend_all(shared, namespaces, &probes) => {}
        () = candidate.hold() => {
            fence.close();
            metrics.leads(false);
            return Err(OperatorError::LeaseLost(options.lease_name));
        }
        () = &mut end => tracing::info!("asked to end"),
    }
    candidate.give_back().await;
    Ok(())
}

fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
