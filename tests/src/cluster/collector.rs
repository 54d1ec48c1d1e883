//! A collector of traces: takes OTLP over HTTP and keeps what it is sent.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1,
};
use prost::Message as _;

/// One span.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields say it")]
pub struct Span {
    pub name: String,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    attributes: Vec<(String, String)>,
}

impl Span {
    /// An attribute's value, as text.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Listens on this machine until the program ends.
#[derive(Debug)]
pub struct Collector {
    endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// A new one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = spans.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                thread::spawn(move || while take(&stream, &kept).is_some() {});
            }
        });
        Self { endpoint: format!("http://{address}"), spans }
    }

    /// As an operator is told it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What it was sent so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names of the spans of which this holds.
    pub fn names(&self, holds: impl Fn(&Span) -> bool) -> BTreeSet<String> {
        self.spans().into_iter().filter(holds).map(|span| span.name).collect()
    }
}

/// Takes one request; `None` when there is none any more, or it is none that a collector understands.
fn take(mut stream: &TcpStream, kept: &Mutex<Vec<Span>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    })?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(body.as_slice()).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans).map(span);
    kept.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
    Some(())
}

fn span(span: v1::Span) -> Span {
    let attributes = span.attributes.into_iter().filter_map(|attribute| {
        let value = match attribute.value?.value? {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        Some((attribute.key, value))
    });
    Span { name: span.name, id: span.span_id, parent: span.parent_span_id, attributes: attributes.collect() }
}
