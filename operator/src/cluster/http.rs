//! `/health`, `/ready` and `/metrics`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
    pub(super) metrics: Arc<Metrics>,
    ready: Arc<AtomicBool>,
}

impl Probes {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ready: Arc::new(AtomicBool::new(false)) }
    }

    /// From now on `/ready` says yes: what it leads is synced, or it stands by.
    pub(super) fn is_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the address cannot be used.
pub(super) async fn serve(address: SocketAddr, probes: Probes) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
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
    if probes.ready.load(Ordering::Relaxed) {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not yet synced with the API server\n").into_response()
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
