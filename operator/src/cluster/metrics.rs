//! What Prometheus is told. No label has unbounded values.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    verb: &'static str,
    resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    verb: &'static str,
    resource: &'static str,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Algorithm {
    algorithm: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// All metrics of one operator.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    reconcile: Histogram,
    decision: Histogram,
    suggestion: Family<Algorithm, Histogram>,
    api_latency: Family<Request, Histogram>,
    api_requests: Family<Answer, Counter>,
    trials_finished: Family<Outcome, Counter>,
    trials: Family<State, Gauge>,
    jobs: Family<State, Gauge>,
    queue_depth: Gauge,
    leader: Gauge,
    resident: Gauge,
    cpu: Gauge<f64, AtomicU64>,
}

/// From 0.1 ms to 52 s.
fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 3.0, 13))
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::default();
        let mut metrics = Self {
            reconcile: latencies(),
            decision: latencies(),
            suggestion: Family::new_with_constructor(latencies),
            api_latency: Family::new_with_constructor(latencies),
            api_requests: Family::default(),
            trials_finished: Family::default(),
            trials: Family::default(),
            jobs: Family::default(),
            queue_depth: Gauge::default(),
            leader: Gauge::default(),
            resident: Gauge::default(),
            cpu: Gauge::default(),
            registry: Registry::default(),
        };
        let seconds = || Unit::Seconds;
        registry.register_with_unit(
            "temper_reconcile",
            "One turn of a job: what has changed is taken in and decided on, and what follows is sent off, without the \
             requests themselves",
            seconds(),
            metrics.reconcile.clone(),
        );
        registry.register_with_unit(
            "temper_decision",
            "One decision about a job, suggestions included, without the wait for its turn",
            seconds(),
            metrics.decision.clone(),
        );
        registry.register_with_unit(
            "temper_suggestion",
            "A decision that made suggestions, divided by their number",
            seconds(),
            metrics.suggestion.clone(),
        );
        registry.register_with_unit(
            "temper_api_request",
            "One request to the API server",
            seconds(),
            metrics.api_latency.clone(),
        );
        registry.register("temper_api_requests", "Requests to the API server", metrics.api_requests.clone());
        registry.register("temper_trials_finished", "Trials that ended", metrics.trials_finished.clone());
        registry.register("temper_trials", "Trials that are not over", metrics.trials.clone());
        registry.register("temper_jobs", "Jobs", metrics.jobs.clone());
        registry.register(
            "temper_queue_depth",
            "Jobs with changes that were not looked at yet, or that were not read yet",
            metrics.queue_depth.clone(),
        );
        registry.register("temper_leader", "1 where this operator holds the lease", metrics.leader.clone());
        registry.register("process_resident_memory_bytes", "Resident memory", metrics.resident.clone());
        registry.register("process_cpu_seconds_total", "Processor time used", metrics.cpu.clone());
        metrics.registry = registry;
        metrics
    }

    /// As Prometheus reads it.
    pub(super) fn text(&self) -> Result<String, std::fmt::Error> {
        let (resident, cpu) = process();
        self.resident.set(resident);
        self.cpu.set(cpu);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// `code` 0: there was no answer.
    pub(super) fn api_request(&self, verb: &'static str, resource: &'static str, code: u16, took: Duration) {
        self.api_latency.get_or_create(&Request { verb, resource }).observe(took.as_secs_f64());
        self.api_requests.get_or_create(&Answer { verb, resource, code }).inc();
    }

    pub(super) fn reconciled(&self, took: Duration) {
        self.reconcile.observe(took.as_secs_f64());
    }

    /// A decision that made so many suggestions.
    pub(super) fn decided(&self, algorithm: &str, suggestions: u32, took: Duration) {
        self.decision.observe(took.as_secs_f64());
        if suggestions > 0 {
            let each = took.as_secs_f64() / f64::from(suggestions);
            let histogram = self.suggestion.get_or_create(&Algorithm { algorithm: algorithm.to_owned() });
            (0..suggestions).for_each(|_| histogram.observe(each));
        }
    }

    pub(super) fn trial_finished(&self, outcome: &'static str) {
        self.trials_finished.get_or_create(&Outcome { outcome }).inc();
    }

    /// So many more (or fewer) trials are in a state.
    pub(super) fn trials_changed(&self, state: &'static str, by: i64) {
        self.trials.get_or_create(&State { state }).inc_by(by);
    }

    pub(super) fn jobs_changed(&self, state: &'static str, by: i64) {
        self.jobs.get_or_create(&State { state }).inc_by(by);
    }

    /// So many more (or fewer) jobs wait to be looked at.
    pub(super) fn waiting(&self, by: i64) {
        self.queue_depth.inc_by(by);
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}

/// Resident bytes and seconds of processor time, from `/proc`; zeros where there is none.
fn process() -> (i64, f64) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let pages: i64 = read("statm").split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    // Fields 14 and 15 of proc(5), counted after the name in brackets, in ticks of a hundredth of a second.
    let stat = read("stat");
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    (pages * rustix::param::page_size().cast_signed() as i64, ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new();
        metrics.api_request("create", "pods", 200, Duration::from_millis(3));
        metrics.decided("TPE", 2, Duration::from_millis(8));
        metrics.trials_changed("running", 3);
        metrics.trials_changed("running", -1);
        metrics.trial_finished("completed");
        let text = metrics.text().unwrap();
        for line in [
            "temper_api_requests_total{verb=\"create\",resource=\"pods\",code=\"200\"} 1",
            "temper_suggestion_seconds_count{algorithm=\"TPE\"} 2",
            "temper_trials{state=\"running\"} 2",
            "temper_trials_finished_total{outcome=\"completed\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        let resident = text.lines().find(|line| line.starts_with("process_resident_memory_bytes ")).unwrap();
        assert!(resident.split(' ').nth(1).unwrap().parse::<f64>().unwrap() > 1e6);
    }
}
