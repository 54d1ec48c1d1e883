//! The job that a command looks at: on this machine, or on a cluster.

use std::{path::PathBuf, thread, time::Duration};

use anyhow::anyhow;

use super::{
    Failure, Invoked, Shell,
    cluster::{ClusterOptions, Connection, Found},
    store::Store,
};
use crate::{cluster::Follow, view::JobView};

/// The options of every command that looks at a job.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct JobOption {
    /// A job on the cluster; without it, and without an option that says which cluster, the job is one on this machine.
    #[arg(value_name = "JOB")]
    job: Option<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterOptions,
    /// Where a job on this machine is kept [default: the one store in ./.temper].
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["job", "namespace", "context", "kubeconfig"]
    )]
    store: Option<PathBuf>,
}

/// Where a job is kept.
pub(super) enum Source {
    /// On this machine.
    Local(Box<Store>),
    /// On a cluster.
    Cluster(Box<Connection>, Found),
}

impl JobOption {
    /// Whether it is one on a cluster.
    pub(super) fn is_on_cluster(&self, shell: Shell) -> bool {
        let is_said = self.job.is_some() || self.cluster.is_given();
        self.store.is_none() && (is_said || shell.invoked() == Invoked::KubectlPlugin)
    }

    /// Whether it names none.
    pub(super) fn names_no_job(&self) -> bool {
        self.job.is_none()
    }

    /// Finds it.
    pub(super) fn open(&self, shell: Shell) -> Result<Source, Failure> {
        if !self.is_on_cluster(shell) {
            return Ok(Source::Local(Box::new(Store::open(self.store.as_deref(), shell)?)));
        }
        let job = self.job.as_deref();
        if let Some(path) = job.filter(|job| job.contains('/')) {
            return Err(Failure::wrong_input(anyhow!("{path:?} is no name of a job on a cluster"))
                .hint(format!("a job on this machine: --store {path}")));
        }
        let or_local = |failure: Failure| match job.and_then(Store::of_job) {
            Some(path) => failure.hint(format!("the one on this machine: --store {}", path.display())),
            None => failure,
        };
        let connection = self.cluster.connect(shell).map_err(or_local)?;
        let found = connection.find(job).map_err(or_local)?;
        Ok(Source::Cluster(Box::new(connection), found))
    }
}

impl Source {
    /// The options that name it, as a user would write them.
    pub(super) fn named(&self) -> String {
        match self {
            Self::Local(store) => format!("--store {}", store.path().display()),
            Self::Cluster(connection, found) => format!("{} -n {}", found.name, connection.namespace()),
        }
    }

    /// Whether somebody runs the job now.
    pub(super) fn is_running(&self) -> Result<bool, Failure> {
        match self {
            Self::Local(store) => store.is_running(),
            // That nobody has taken it up is said by its view.
            Self::Cluster(..) => Ok(true),
        }
    }

    /// The job as it stands.
    pub(super) fn view(&self) -> Result<JobView, Failure> {
        match self {
            Self::Local(store) => store.view(),
            Self::Cluster(connection, found) => connection.view(found, None),
        }
    }

    /// For looking again and again.
    pub(super) fn watch(&self) -> Watched<'_> {
        let follow = match self {
            Self::Local(_) => None,
            Self::Cluster(connection, found) => Some(connection.follow(found)),
        };
        Watched { source: self, follow }
    }
}

/// A job that is looked at again and again.
pub(super) struct Watched<'a> {
    source: &'a Source,
    follow: Option<Follow>,
}

impl Watched<'_> {
    /// The job as it stands.
    pub(super) fn view(&self) -> Result<JobView, Failure> {
        match self.source {
            Source::Local(store) => store.view(),
            Source::Cluster(connection, found) => connection.view(found, self.follow.as_ref()),
        }
    }

    /// Waits, and takes in meanwhile what changes.
    pub(super) fn pause(&self, how_long: Duration) {
        match self.source {
            Source::Local(_) => thread::sleep(how_long),
            Source::Cluster(connection, _) => connection.wait(async { tokio::time::sleep(how_long).await }),
        }
    }
}
