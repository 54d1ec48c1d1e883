//! `/health`, `/ready` and `/metrics`.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::metrics::Metrics;

/// What is told about this process.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    metrics: Arc<Metrics>,
    stage: Arc<Mutex<Stage>>,
}

/// How far this operator has come.
#[derive(Debug)]
enum Stage {
    /// It could not work yet; why.
    Begins(String),
    /// It has read the cluster, and works when it gets the lease.
    StandsBy,
    /// It leads; so many watches have not told yet what there is.
    Reads(usize),
    Works,
}

impl Probes {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let begins = Stage::Begins("reading the cluster's definitions".to_owned());
        Self { metrics, stage: Arc::new(Mutex::new(begins)) }
    }

    /// It cannot work yet; why.
    pub(super) fn lacks(&self, what: String) {
        *self.stage() = Stage::Begins(what);
    }

    /// It has read the cluster. Standing by is being ready: a rollout waits for no more.
    pub(super) fn stands_by(&self) {
        *self.stage() = Stage::StandsBy;
    }

    /// It leads, and is ready once so many watches have told what there is.
    pub(super) fn leads(&self, watches: usize) {
        *self.stage() = Stage::Reads(watches);
    }

    /// One more of the watches has told everything for the first time.
    pub(super) fn synced(&self) {
        let mut stage = self.stage();
        if let Stage::Reads(left) = *stage {
            *stage = if left > 1 { Stage::Reads(left - 1) } else { Stage::Works };
        }
    }

    /// What it does, when it is ready; else what it waits for.
    fn ready(&self) -> Result<&'static str, String> {
        match &*self.stage() {
            Stage::Begins(what) => Err(what.clone()),
            Stage::StandsBy => Ok("standing by"),
            Stage::Reads(_) => Err("leading, reading the cluster".to_owned()),
            Stage::Works => Ok("leading"),
        }
    }

    /// What a panic elsewhere left behind is whole: each change is one assignment.
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the address cannot be used.
pub(super) async fn serve(address: SocketAddr, probes: Probes) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    // Which port it is, where any would do.
    tracing::info!(address = %listener.local_addr()?, "serves /health, /ready and /metrics");
    let router = Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the server for probes and metrics ended");
        }
    });
    Ok(())
}

async fn ready(State(probes): State<Probes>) -> Response {
    match probes.ready() {
        Ok(does) => format!("ok: {does}\n").into_response(),
        Err(waits_for) => (StatusCode::SERVICE_UNAVAILABLE, format!("{waits_for}\n")).into_response(),
    }
}

async fn metrics(State(probes): State<Probes>) -> Response {
    match probes.metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes() -> Probes {
        Probes::new(Arc::new(Metrics::new()))
    }

    #[test]
    fn a_standby_is_ready_once_it_has_read_the_cluster_and_says_before_what_it_lacks() {
        let probes = probes();
        assert_eq!(probes.ready(), Err("reading the cluster's definitions".to_owned()));
        probes.lacks("cannot list pods in namespace team: forbidden".to_owned());
        assert_eq!(probes.ready(), Err("cannot list pods in namespace team: forbidden".to_owned()));
        probes.stands_by();
        assert_eq!(probes.ready(), Ok("standing by"));
    }

    #[test]
    fn a_leader_is_ready_once_each_of_its_watches_has_told_everything() {
        let probes = probes();
        probes.stands_by();
        probes.leads(3);
        for _ in 0..3 {
            assert_eq!(probes.ready(), Err("leading, reading the cluster".to_owned()));
            probes.clone().synced();
        }
        assert_eq!(probes.ready(), Ok("leading"));
        probes.synced();
        assert_eq!(probes.ready(), Ok("leading"), "and stays so");
    }

    #[tokio::test]
    async fn what_it_waits_for_is_the_answer_to_who_asks_whether_it_is_ready() {
        let probes = probes();
        probes.lacks("cannot list trials: forbidden".to_owned());
        let answer = async |probes: &Probes| {
            let answer = ready(State(probes.clone())).await;
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(answer(&probes).await, (503, "cannot list trials: forbidden\n".to_owned()));
        probes.stands_by();
        assert_eq!(answer(&probes).await, (200, "ok: standing by\n".to_owned()));
    }
}
