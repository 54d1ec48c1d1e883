//! Spans of what the operator does, sent to a collector by OTLP over HTTP where one is named.
//!
//! The spans stand under a target of their own, so that the log goes without them and nothing is made of them while
//! nobody collects. They wait in a queue of bounded size and are sent from a thread beside the operator's own: a
//! collector that is slow or away costs spans and no time.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::{Key, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::spans::TARGET;

/// What the operator is called where the environment (`OTEL_SERVICE_NAME`) does not say otherwise.
const SERVICE: &str = "temper-operator";
/// How long a request to the collector may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How long the operator waits at its end for the last spans to be taken.
const LAST: Duration = Duration::from_secs(3);

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum NoTraces {
    /// The system's certificates cannot be read.
    #[error("cannot read the system's certificates, by which the collector is known: {0}")]
    Certificates(String),
    /// The endpoint is none, or something in the environment is not understood.
    #[error("cannot send traces to {endpoint:?}, which should be as http://collector:4318")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

/// The way to a collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends to the collector at `endpoint`, to which `/v1/traces` is added, as the OTLP specification has it; to
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, where that is set. Headers, sampler, resource and the sizes and
    /// times of batches are what the SDK's own variables say (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`,
    /// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_...`).
    ///
    /// # Errors
    /// [`NoTraces`].
    pub fn to(endpoint: &str, runtime: Handle) -> Result<Self, NoTraces> {
        let own = std::env::var("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").ok().filter(|own| !own.is_empty());
        let endpoint = own.unwrap_or_else(|| format!("{}/v1/traces", endpoint.trim_end_matches('/')));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(&endpoint, runtime)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&endpoint)
            .build()
            .map_err(|source| NoTraces::Endpoint { endpoint, source })?;
        Ok(Self(SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build()))
    }

    /// Passes on the spans of [`TARGET`].
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target(TARGET, Level::TRACE))
    }

    /// Sends what waits, for a few seconds at most. Not to be called from a thread of the runtime.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST) {
            tracing::warn!(%error, "the last traces were not taken");
        }
    }
}

fn resource() -> Resource {
    let resource = Resource::builder().build();
    let is_named = resource
        .get(&Key::from_static_str("service.name"))
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { resource } else { Resource::builder().with_service_name(SERVICE).build() }
}

/// Makes the requests on the operator's runtime: the thread that has the spans to send has none.
#[derive(Clone, Debug)]
struct Sender {
    client: HyperClient<HttpsConnector<HttpConnector>>,
    runtime: Handle,
}

impl Sender {
    fn new(endpoint: &str, runtime: Handle) -> Result<Self, NoTraces> {
        // Most collectors stand beside the operator and speak plain HTTP: then there may be no certificates to read.
        let roots = if endpoint.starts_with("https:") { certificates()? } else { RootCertStore::empty() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| NoTraces::Certificates(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self { client: HyperClient::new(https, REQUEST, None), runtime })
    }
}

fn certificates() -> Result<RootCertStore, NoTraces> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(NoTraces::Certificates(if errors.is_empty() {
            "none was found".to_owned()
        } else {
            errors.join("; ")
        }));
    }
    Ok(roots)
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
