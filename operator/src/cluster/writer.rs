//! Requests to the API server that are repeated until they are answered.

use std::{future::Future, sync::Arc, time::Duration};

use kube::core::Status;
use rand::RngExt as _;
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span, field::Empty};

use super::{fence::Fence, metrics::Metrics};
use crate::spans;

/// First wait after an answer that says nothing about the request; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why a request was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The API server understood it and said no.
    #[error("{}", .0.message)]
    Answered(Box<Status>),
    /// Somebody else may hold the lease.
    #[error("this operator no longer holds the lease")]
    NotLeader,
    /// The request could not be made.
    #[error("{0}")]
    Impossible(String),
}

impl Refused {
    /// The HTTP status code of the answer.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status.code),
            _ => None,
        }
    }

    /// What it is about changed, or went, or was made, by somebody else.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Answered(status) => matches!(status.code, 404 | 409) || is_failed_test(status),
            _ => false,
        }
    }

    /// Whoever watches over what is made has said no, or could not be asked. That may pass, and does not make the object
    /// wrong, whatever the code.
    pub(super) fn is_by_admission(&self) -> bool {
        match self {
            Self::Answered(status) => is_by_webhook(status) || status.message.contains("denied request"),
            _ => false,
        }
    }

    /// Something else has the name of what was to be made.
    pub(super) fn says_already_there(&self) -> bool {
        matches!(self, Self::Answered(status) if status.reason == "AlreadyExists")
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }
}

/// An admission webhook has denied it or cannot be reached.
fn is_by_webhook(status: &Status) -> bool {
    ["denied the request", "failed calling webhook"].iter().any(|words| status.message.contains(words))
}

/// A JSON patch whose `test` did not hold.
fn is_failed_test(status: &Status) -> bool {
    status.code == 422
        && status.message.contains("the server rejected our request due to an error in our request")
        || status.message.contains("testing path")
        || status.message.contains("test operation failed")
}

/// Makes requests.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) fence: Fence,
    pub(super) metrics: Arc<Metrics>,
}

impl Writer {
    /// Makes a request until the API server has answered it, however long it is away. Never without the lease.
    ///
    /// A request that was carried out and whose answer was lost is made again: what is written must bear that.
    pub(super) async fn until_answered<T, F>(
        &self,
        verb: &'static str,
        resource: &'static str,
        request: impl FnMut() -> F,
    ) -> Result<T, Refused>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let span = tracing::info_span!(
            target: spans::TARGET,
            "request",
            otel.name = format!("{verb} {resource}"),
            otel.kind = "client",
            otel.status_code = Empty,
            http.response.status_code = Empty,
            http.request.resend_count = Empty,
        );
        self.ask(verb, resource, request).instrument(span).await
    }

    async fn ask<T, F>(
        &self,
        verb: &'static str,
        resource: &'static str,
        mut request: impl FnMut() -> F,
    ) -> Result<T, Refused>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let span = Span::current();
        let mut resent = 0_u32;
        let mut wait = FIRST_WAIT;
        loop {
            if !self.fence.is_open() {
                return Err(Refused::NotLeader);
            }
            let asked = Instant::now();
            let answer = tokio::time::timeout(Duration::from_secs(30), request()).await;
            let code = match &answer {
                Ok(Ok(_)) => 200,
                Ok(Err(kube::Error::Api(status))) => status.code,
                _ => 0,
            };
            self.metrics.api_request(verb, resource, code, asked.elapsed());
            span.record("http.response.status_code", code);
            let why = match answer {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(kube::Error::Api(status))) if !is_passing(&status) => {
                    span.record("otel.status_code", "ERROR");
                    return Err(Refused::Answered(status));
                }
                Ok(Err(error @ (kube::Error::SerdeError(_) | kube::Error::BuildRequest(_)))) => {
                    return Err(Refused::Impossible(error.to_string()));
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer within 30 s".to_owned(),
            };
            tracing::warn!(verb, resource, why, "the API server did not take a request; it is made again");
            resent += 1;
            span.record("http.request.resend_count", resent);
            sleep(wait.mul_f64(jitter())).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Between a half and one and a half: what many do at the same time they do not do again at the same time.
pub(super) fn jitter() -> f64 {
    rand::rng().random_range(0.5..1.5)
}

/// Answers that say something about the API server and not about the request.
fn is_passing(status: &Status) -> bool {
    matches!(status.code, 408 | 429 | 500 | 502 | 503 | 504) && !is_by_webhook(status)
}
