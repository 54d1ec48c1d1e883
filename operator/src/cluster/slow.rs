//! Why a pod does not start that is on a node and whose containers say nothing: a volume that is not there, a network
//! that cannot be set up. Only the events about it say so, and they are read when it has waited for a while.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Event;
use kube::{Api, api::ListParams};
use rand::RngExt as _;
use tracing::Instrument as _;

use super::{
    effects::Done,
    job::Tended,
    observe::{PodView, Standing, Trouble},
};

/// A pod that does not start for so long is asked about: most have their image by then, or say that they wait for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions of one job: its pods are alike, and what keeps one keeps the others.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(10);
/// Until the same pod is asked about again: the reason may have become another, or gone.
const AGAIN: Duration = Duration::from_secs(30);
/// An API server reads all events of a namespace to answer a question, and pods are slow most of all while it has too
/// much to do. So one question is asked at a time, by all jobs, and then none for so many times as long as it took.
const REST: u32 = 20;

/// Whose turn it is to ask, of all jobs.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<Option<Instant>>);

impl Questions {
    /// Has the turn from now on, for as long as a question may take; else when it may be free.
    fn begin(&self, now: Instant) -> Result<(), Instant> {
        let mut free_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *free_at {
            Some(at) if at > now => Err(at),
            _ => {
                *free_at = Some(now + AGAIN);
                Ok(())
            }
        }
    }

    fn end(&self, now: Instant, took: Duration) {
        let rest = (took * REST).min(AGAIN);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + rest);
    }
}

/// A job's pods that wait and do not say why.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// By name.
    waiting: BTreeMap<String, Waiting>,
    /// No question is asked earlier.
    not_before: Option<Instant>,
    is_asking: bool,
}

#[derive(Debug)]
struct Waiting {
    uid: String,
    ask_at: Instant,
    /// What was answered last.
    trouble: Option<Trouble>,
}

impl Slow {
    /// Takes in how a pod stands.
    fn look_at(&mut self, pod: &PodView, now: Instant) {
        let waits = pod.is_placed && matches!(pod.standing, Standing::Waiting { trouble: None });
        if !waits || pod.leaving.is_some() {
            self.waiting.remove(&pod.name);
            return;
        }
        let fresh = || Waiting { uid: pod.uid.clone(), ask_at: now + PATIENCE, trouble: None };
        let waiting = self.waiting.entry(pod.name.clone()).or_insert_with(fresh);
        if waiting.uid != pod.uid {
            *waiting = fresh();
        }
    }

    /// What keeps a pod from starting, as far as it is known.
    pub(super) fn trouble(&self, pod: &str) -> Option<&Trouble> {
        self.waiting.get(pod)?.trouble.as_ref()
    }

    /// When the next question is to be asked.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.is_asking {
            return None;
        }
        let first = self.waiting.values().map(|waiting| waiting.ask_at).min()?;
        Some(self.not_before.map_or(first, |not_before| first.max(not_before)))
    }

    /// The pod to ask about now, by name and UID, if nobody else asks.
    fn next(&mut self, questions: &Questions, now: Instant) -> Option<(String, String)> {
        self.due().filter(|due| *due <= now)?;
        if let Err(free_at) = questions.begin(now) {
            // Not all at the same moment.
            self.not_before = Some(free_at + BETWEEN_QUESTIONS.mul_f64(rand::rng().random_range(0.0..0.1)));
            return None;
        }
        let (name, waiting) = self.waiting.iter().min_by_key(|(_, waiting)| waiting.ask_at)?;
        self.is_asking = true;
        self.not_before = Some(now + BETWEEN_QUESTIONS);
        Some((name.clone(), waiting.uid.clone()))
    }

    /// The events of a pod were read.
    pub(super) fn answered(&mut self, pod: &str, trouble: Option<Trouble>, now: Instant) {
        self.is_asking = false;
        if let Some(waiting) = self.waiting.get_mut(pod) {
            waiting.trouble = trouble;
            waiting.ask_at = now + AGAIN;
        }
    }
}

impl Tended {
    /// Takes in how a pod stands; how it stood before.
    pub(super) fn keep_pod(&mut self, pod: PodView) -> Option<PodView> {
        self.slow.look_at(&pod, Instant::now());
        self.pods.insert(pod.name.clone(), pod)
    }

    /// A pod is gone; how it stood before.
    pub(super) fn forget_pod(&mut self, name: &str) -> Option<PodView> {
        self.slow.waiting.remove(name);
        self.pods.remove(name)
    }

    /// Asks why a pod does not start, if it is time to.
    pub(super) fn ask_why_slow(&mut self) {
        let shared = self.shared.clone();
        let Some((pod, uid)) = self.slow.next(&shared.questions, Instant::now()) else { return };
        let events: Api<Event> = self.api();
        // Before it had a node it said itself what it waits for.
        let about = format!("involvedObject.uid={uid},type=Warning,reason!=FailedScheduling");
        let about = ListParams::default().fields(&about);
        self.effects.spawn(
            async move {
                let _permit = shared.requests.acquire().await;
                let asked = Instant::now();
                let found = shared.writer.until_answered("list", "events", || events.list(&about)).await;
                shared.questions.end(Instant::now(), asked.elapsed());
                let trouble = match found {
                    Ok(events) => latest(&events.items),
                    // Whoever installed the operator may not let it look.
                    Err(refused) => {
                        tracing::debug!(pod, %refused, "cannot read why the pod does not start");
                        None
                    }
                };
                Done::Asked { pod, trouble }
            }
            .in_current_span(),
        );
    }
}

/// What the latest of a pod's warnings says.
fn latest(warnings: &[Event]) -> Option<Trouble> {
    let when = |event: &Event| {
        let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let precise = series.or(event.event_time.as_ref()).map(|time| time.0);
        precise
            .max(event.last_timestamp.as_ref().map(|time| time.0))
            .max(event.metadata.creation_timestamp.as_ref().map(|time| time.0))
    };
    let latest = warnings.iter().max_by_key(|event| when(event))?;
    let reason = latest.reason.clone().unwrap_or_else(|| "Waiting".to_owned());
    let message = latest.message.as_deref().unwrap_or_default().trim();
    Some(Trouble { message: format!("its pod does not start: {reason}: {message}"), reason })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::observe::Role;

    fn pod(name: &str, standing: Standing) -> PodView {
        let role = Role::Worker(0);
        PodView {
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            role,
            is_placed: true,
            standing,
            is_left_over: false,
            leaving: None,
        }
    }

    const WAITS: Standing = Standing::Waiting { trouble: None };

    fn missing() -> Trouble {
        Trouble { reason: "FailedMount".to_owned(), message: "not found".to_owned() }
    }

    #[test]
    fn a_pod_is_asked_about_only_when_it_has_waited_for_a_while() {
        let (mut slow, questions, begin) = (Slow::default(), Questions::default(), Instant::now());
        slow.look_at(&pod("a", WAITS), begin);
        slow.look_at(&pod("b", WAITS), begin);
        assert_eq!(slow.next(&questions, begin), None);
        slow.look_at(&pod("a", Standing::Running), begin);
        assert_eq!(slow.due(), Some(begin + PATIENCE));
        let asked = slow.next(&questions, begin + PATIENCE);
        assert_eq!(asked, Some(("b".to_owned(), "uid-of-b".to_owned())));
        assert_eq!(slow.due(), None, "one question at a time");
        slow.answered("b", Some(missing()), begin + PATIENCE);
        assert_eq!(slow.trouble("b"), Some(&missing()));
        assert_eq!(slow.due(), Some(begin + PATIENCE + AGAIN));
        slow.look_at(&pod("b", Standing::Running), begin);
        assert_eq!((slow.trouble("b"), slow.due()), (None, None));
    }

    #[test]
    fn a_thousand_pods_that_wait_are_asked_about_one_after_another() {
        let (mut slow, questions, begin) = (Slow::default(), Questions::default(), Instant::now());
        for number in 0..1_000 {
            slow.look_at(&pod(&format!("p{number}"), WAITS), begin);
        }
        let mut asked = std::collections::BTreeSet::new();
        for second in 0..60 {
            let now = begin + Duration::from_secs(second);
            if let Some((name, _)) = slow.next(&questions, now) {
                questions.end(now, Duration::ZERO);
                slow.answered(&name, None, now);
                asked.insert(name);
            }
        }
        assert_eq!(asked.len(), 5);
    }

    #[test]
    fn the_longer_answers_take_the_less_is_asked_by_all_jobs_together() {
        let (questions, begin) = (Questions::default(), Instant::now());
        let mut jobs: Vec<Slow> = (0..100).map(|_| Slow::default()).collect();
        for (number, slow) in jobs.iter_mut().enumerate() {
            slow.look_at(&pod(&format!("p{number}"), WAITS), begin);
        }
        let took = Duration::from_secs(1);
        let mut asked = 0;
        for second in 0..100 {
            let now = begin + Duration::from_secs(second);
            for slow in &mut jobs {
                if let Some((name, _)) = slow.next(&questions, now) {
                    questions.end(now, took);
                    slow.answered(&name, None, now);
                    asked += 1;
                }
            }
        }
        assert!((4..=5).contains(&asked), "{asked} of 100 s");
    }

    #[test]
    fn what_has_no_node_yet_is_not_asked_about() {
        let (mut slow, begin) = (Slow::default(), Instant::now());
        slow.look_at(&PodView { is_placed: false, ..pod("a", WAITS) }, begin);
        assert_eq!(slow.due(), None);
        slow.look_at(&pod("a", WAITS), begin + PATIENCE);
        assert_eq!(slow.due(), Some(begin + PATIENCE * 2));
    }

    #[test]
    fn another_pod_of_the_same_name_waits_anew() {
        let (mut slow, questions, begin) = (Slow::default(), Questions::default(), Instant::now());
        slow.look_at(&pod("a", WAITS), begin);
        let _ = slow.next(&questions, begin + PATIENCE);
        slow.answered("a", Some(missing()), begin + PATIENCE);
        slow.look_at(&PodView { uid: "other".to_owned(), ..pod("a", WAITS) }, begin + PATIENCE);
        assert_eq!(slow.trouble("a"), None);
    }

    #[test]
    fn the_latest_warning_is_told() {
        let event = |reason: &str, last: &str| -> Event {
            serde_json::from_value(json!({
                "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
                "involvedObject": {}, "reason": reason, "message": "because ", "lastTimestamp": last,
            }))
            .unwrap()
        };
        let early = event("FailedCreatePodSandBox", "2026-01-01T00:00:10Z");
        let late = event("FailedMount", "2026-01-01T00:00:20Z");
        let told = latest(&[late, early]).unwrap();
        assert_eq!(told.reason, "FailedMount");
        assert_eq!(told.message, "its pod does not start: FailedMount: because");
        assert_eq!(latest(&[]), None);
    }
}
