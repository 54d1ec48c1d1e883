use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Instant,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::KeyValue, common::v1::any_value::Value,
};
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};
use tracing::{Instrument as _, field::Empty};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// A collector on this machine: what it is sent, decoded.
fn collector() -> (String, Receiver<(String, ExportTraceServiceRequest)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || serve(stream.unwrap(), &sender));
        }
    });
    (endpoint, received)
}

/// Answers requests of one connection until it is closed.
fn serve(mut stream: TcpStream, sender: &Sender<(String, ExportTraceServiceRequest)>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        let line = head.lines().next().unwrap_or_default().to_owned();
        if sender.send((line, ExportTraceServiceRequest::decode(body.as_slice()).unwrap())).is_err() {
            return;
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn spans_reach_the_collector_with_their_names_attributes_and_parents_and_the_log_does_not() {
    let (endpoint, received) = collector();
    let runtime = runtime();
    let traces = Traces::to(&endpoint, runtime.handle().clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(traces.layer());
    tracing::subscriber::with_default(subscriber, || {
        let outer = tracing::info_span!(target: TARGET, "reconcile", temper.job.name = "fashion");
        let request = async {
            let inner = tracing::info_span!(target: TARGET, "request", otel.name = "create pods", otel.kind = "client", http.response.status_code = Empty);
            inner.record("http.response.status_code", 201_u16);
            async { tracing::info!("said in the log") }.instrument(inner).await;
        };
        futures::executor::block_on(request.instrument(outer));
        drop(tracing::info_span!("somebody else's"));
    });
    traces.end();
    let (line, request) = received.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(line, "POST /v1/traces HTTP/1.1");
    let sent = &request.resource_spans[0];
    let service = text(&sent.resource.as_ref().unwrap().attributes, "service.name");
    assert_eq!(service.as_deref(), Some("temper-operator"));
    let mut spans: Vec<_> = sent.scope_spans.iter().flat_map(|scope| &scope.spans).collect();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["reconcile", "create pods"]);
    assert_eq!(text(&spans[0].attributes, "temper.job.name").as_deref(), Some("fashion"));
    assert_eq!(text(&spans[1].attributes, "http.response.status_code").as_deref(), Some("201"));
    assert_eq!(spans[1].parent_span_id, spans[0].span_id);
    assert_eq!(spans[1].events.len(), 0, "the log is the log");
}

/// Makes more spans than wait at once, and ends; how long that took.
fn work(endpoint: &str) -> (Duration, Duration) {
    let runtime = runtime();
    let traces = Traces::to(endpoint, runtime.handle().clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(traces.layer());
    let began = Instant::now();
    tracing::subscriber::with_default(subscriber, || {
        for index in 0..20_000 {
            drop(tracing::info_span!(target: TARGET, "suggest", temper.trial.index = index));
        }
    });
    let worked = began.elapsed();
    traces.end();
    (worked, began.elapsed())
}

#[test]
fn a_collector_that_is_away_or_never_answers_costs_no_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), closed] {
        let (worked, ended) = work(&format!("http://{address}"));
        assert!(worked < Duration::from_secs(3), "{worked:?} for 20,000 spans");
        assert!(ended < worked + LAST + Duration::from_secs(2), "it waited {ended:?}");
    }
}

#[test]
fn an_endpoint_that_is_none_is_said() {
    let runtime = runtime();
    let error = Traces::to("not a url", runtime.handle().clone()).err().unwrap().to_string();
    assert!(error.contains("\"not a url/v1/traces\"") && error.contains("http://collector:4318"), "{error}");
}
