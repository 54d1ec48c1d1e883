use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use temper_crds::trial::TrialStatus;

use super::*;
use crate::agent::{
    pod::testing::{orders, pod, report, running, trial, worker},
    protocol::{Assignment, Checkpoint, Ended, FailureReason, Outcome},
};

/// A session with given time, its agent and its API server.
struct World {
    session: Session,
    start: Instant,
    millis: u64,
}

const PASSING: Failure = Failure::Passing(String::new());

impl World {
    fn new(orders: PodOrders) -> Self {
        Self { session: Session::new(orders, Vec::new(), pod()), start: Instant::now(), millis: 0 }
    }

    /// For one trial, which the agent has begun.
    fn begun() -> Self {
        let mut world = Self::new(orders());
        world.sees(trial(3));
        assert_eq!(world.assigned().map(|assignment| assignment.attempt), Some(1));
        world.says(&Message::Started { trial: 3, attempt: 1, pid: 7 });
        world
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.millis)
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis.cast_signed()).unwrap()
    }

    fn sees(&mut self, trial: Trial) {
        let (now, at) = (self.now(), self.at());
        self.session.changed(trial, now, at);
    }

    fn synced(&mut self, trials: Vec<Trial>) {
        let (now, at) = (self.now(), self.at());
        self.session.synced(trials, now, at);
    }

    fn removed(&mut self, trial: &Trial) {
        let (now, at) = (self.now(), self.at());
        self.session.removed(trial, now, at);
    }

    fn says(&mut self, message: &Message) {
        let (now, at) = (self.now(), self.at());
        self.session.message(message, now, at);
    }

    fn ends(&mut self, outcome: Outcome) {
        let ended = Ended {
            trial: 3,
            attempt: 1,
            outcome,
            exit_code: Some(0),
            reports: Vec::new(),
            last: None,
            checkpoint: None,
            seconds: 1.0,
        };
        self.says(&Message::Ended(Box::new(ended)));
    }

    fn lets_go(&mut self) {
        self.session.let_go();
        let (now, at) = (self.now(), self.at());
        self.session.turn(now, at);
    }

    /// What is written up to then, each time with this result.
    fn writes(&mut self, until: u64, result: &Result<(), Failure>) -> Vec<(u64, TrialReport)> {
        let mut written = Vec::new();
        let limit = self.start + Duration::from_millis(until);
        while let Some(due) = self.session.due().filter(|due| *due <= limit) {
            self.millis = self.millis.max((due - self.start).as_millis() as u64);
            let (now, at) = (self.now(), self.at());
            let Some(write) = self.session.begin_write(now) else { break };
            assert_eq!(self.session.begin_write(now), None, "one at a time");
            self.session.written(&write, result.clone(), 0.0, now, at);
            written.push((self.millis, write.report));
        }
        self.millis = self.millis.max(until);
        written
    }

    fn news(&mut self) -> Vec<News> {
        self.session.take_news().into()
    }

    fn assigned(&mut self) -> Option<Assignment> {
        match &self.news()[..] {
            [] => None,
            [News::Order(Order::Assign(assignment))] => Some((**assignment).clone()),
            other => panic!("{other:?}"),
        }
    }
}

fn with(index: u32, change: impl FnOnce(&mut Trial)) -> Trial {
    let mut trial = trial(index);
    change(&mut trial);
    trial
}

fn reported(index: u32, attempt: u32, state: ReportState) -> Trial {
    let report = TrialReport { state, ..running(attempt, 5) };
    with(index, |trial| trial.status = Some(TrialStatus { report: Some(report), conditions: Vec::new() }))
}

fn metric(resource: u64) -> Message {
    report(resource, &[("accuracy", 0.5)])
}

const ACK: News = News::Order(Order::Ack);

fn is_unwanted(news: &[News]) -> bool {
    matches!(news, [News::Over(Over::Unwanted(_))])
}

#[test]
fn a_trial_that_ends_within_a_second_is_one_write() {
    let mut world = World::begun();
    for resource in 1..=9 {
        world.says(&metric(resource));
        assert_eq!(world.writes(resource * 100, &Ok(())), []);
    }
    world.ends(Outcome::Succeeded);
    let writes = world.writes(60_000, &Ok(()));
    let [(900, report)] = &writes[..] else { panic!("{writes:?}") };
    assert_eq!((report.state, report.series.len()), (ReportState::Succeeded, 9));
    assert_eq!(report.pod, pod());
    assert_eq!(world.news()[0], ACK);
}

#[test]
fn a_silent_trial_is_said_to_run_after_a_second_and_its_first_metric_is_written_at_once() {
    let mut world = World::begun();
    let writes = world.writes(5000, &Ok(()));
    assert_eq!(
        writes.iter().map(|(at, report)| (*at, report.state)).collect::<Vec<_>>(),
        [(1000, ReportState::Running)]
    );
    world.says(&metric(1));
    world.says(&metric(2));
    let times: Vec<u64> = world.writes(5500, &Ok(())).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [5000]);
    world.says(&metric(3));
    let writes = world.writes(9000, &Ok(()));
    assert_eq!(
        writes.iter().map(|(at, report)| (*at, report.resource)).collect::<Vec<_>>(),
        [(6000, Some(3))]
    );
}

#[test]
fn the_last_report_arrives_when_the_server_is_back_and_only_then_the_agent_may_go() {
    let mut world = World::begun();
    world.says(&metric(1));
    world.ends(Outcome::Succeeded);
    let tries = world.writes(180_000, &Err(PASSING));
    assert!((50..100).contains(&tries.len()), "{} tries in three minutes", tries.len());
    assert_eq!(world.news(), []);
    let writes = world.writes(190_000, &Ok(()));
    assert_eq!(writes.len(), 1);
    assert_eq!((writes[0].1.state, writes[0].1.resource), (ReportState::Succeeded, Some(1)));
    assert_eq!(world.news()[0], ACK);
}

#[test]
fn the_agent_hears_once_which_checkpoint_is_on_record_and_only_when_it_is() {
    let mut world = World::begun();
    let saved = |resource: u64| {
        Message::Checkpoint(Checkpoint { uri: format!("pvc://claim/3/{resource}-1-1"), resource })
    };
    world.says(&metric(1));
    world.says(&saved(1));
    world.writes(5000, &Err(PASSING));
    assert_eq!(world.news(), []);
    world.writes(15_000, &Ok(()));
    let recorded = |checkpoint: &str| [News::Order(Order::Recorded { checkpoint: checkpoint.into() })];
    assert_eq!(world.news(), recorded("pvc://claim/3/1-1-1"));
    world.says(&metric(2));
    world.writes(20_000, &Ok(()));
    assert_eq!(world.news(), []);
    world.says(&saved(2));
    world.writes(25_000, &Ok(()));
    assert_eq!(world.news(), recorded("pvc://claim/3/2-1-1"));
}

#[test]
fn what_is_wanted_of_it_becomes_orders_each_once() {
    let desired = |desired, reason: Option<&str>| {
        with(3, |trial| {
            trial.spec.desired = desired;
            trial.spec.reason = reason.map(str::to_owned);
        })
    };
    let mut world = World::begun();
    world.sees(trial(3));
    assert_eq!(world.news(), []);
    world.sees(desired(Desired::Pause, None));
    world.sees(desired(Desired::Pause, Some("Scheduler")));
    assert_eq!(world.news(), [News::Order(Order::Pause)]);
    world.sees(trial(3));
    assert_eq!(world.news(), [], "what is being paused goes on as another attempt");
    world.sees(desired(Desired::Stop, Some("Scheduler")));
    assert_eq!(world.news(), [News::Order(Order::Stop { reason: "Scheduler".into() })]);
}

#[test]
fn a_trial_that_is_to_end_before_it_has_begun_is_not_begun() {
    for (desired, state) in [(Desired::Stop, ReportState::Stopped), (Desired::Pause, ReportState::Paused)] {
        let mut world = World::new(orders());
        world.sees(with(3, |trial| trial.spec.desired = desired));
        assert_eq!(world.news(), []);
        let writes = world.writes(0, &Ok(()));
        assert_eq!(writes.iter().map(|(_, report)| report.state).collect::<Vec<_>>(), [state]);
        assert!(writes[0].1.finished_at.is_some() && writes[0].1.started_at.is_none());
        assert!(matches!(world.news()[..], [News::Over(Over::NothingToDo(_))]));
    }
}

#[test]
fn an_attempt_that_is_not_wanted_any_more_is_dropped_and_nothing_written() {
    let attempt = with(3, |trial| trial.spec.attempt = 2);
    let other_pod = with(3, |trial| trial.spec.pod = Some(PodReference { name: "other".into(), uid: None }));
    let other_uid = with(3, |trial| {
        trial.spec.pod = Some(PodReference { name: "this".into(), uid: Some("other-uid".into()) });
    });
    for newer in [attempt, other_pod, other_uid] {
        let mut world = World::begun();
        world.says(&metric(1));
        world.sees(newer.clone());
        assert!(is_unwanted(&world.news()), "{:?}", newer.spec);
        world.sees(newer);
        world.ends(Outcome::Stopped);
        assert_eq!(world.writes(60_000, &Ok(())), []);
        assert_eq!(world.news(), []);
    }
    for drop in [
        (|world: &mut World| world.removed(&trial(3))) as fn(&mut World),
        |world| world.synced(Vec::new()),
        |world| world.synced(vec![with(3, |trial| trial.metadata.uid = Some("anew".into()))]),
    ] {
        let mut world = World::begun();
        drop(&mut world);
        assert!(is_unwanted(&world.news()));
        assert_eq!(world.session.due(), None);
    }
}

#[test]
fn a_refusal_ends_the_attempt() {
    let refused = |failure: Failure| {
        let mut world = World::begun();
        world.says(&metric(1));
        assert_eq!(world.writes(5000, &Err(failure)).len(), 1);
        world.news()
    };
    assert!(is_unwanted(&refused(Failure::Gone("gone".into()))));
    assert_eq!(refused(Failure::Refused("policy".into())), [News::Over(Over::Refused("policy".into()))]);
}

#[test]
fn a_pod_for_one_trial_waits_for_it_and_does_not_run_it_again() {
    let mut world = World::new(orders());
    world.synced(Vec::new());
    world.sees(with(3, |trial| trial.spec.pod = None));
    assert_eq!(world.news(), [], "it may come to name this pod");
    world.sees(trial(3));
    assert!(world.assigned().is_some());

    let mut world = World::new(orders());
    world.synced(vec![with(3, |trial| {
        trial.spec.pod = Some(PodReference { name: "other".into(), uid: None });
    })]);
    assert!(is_unwanted(&world.news()), "it has gone on elsewhere");

    let mut world = World::new(orders());
    world.synced(vec![reported(3, 1, ReportState::Failed)]);
    assert!(matches!(world.news()[..], [News::Over(Over::NothingToDo(_))]));
}

#[test]
fn a_later_attempt_continues_the_report() {
    let mut world = World::new(orders());
    let mut later = reported(3, 1, ReportState::Failed);
    later.spec.attempt = 2;
    world.synced(vec![later]);
    let assignment = world.assigned().unwrap();
    assert_eq!((assignment.attempt, assignment.reported_to), (2, Some(5)));
    world.says(&Message::Started { trial: 3, attempt: 2, pid: 7 });
    world.says(&metric(6));
    world.ends(Outcome::Succeeded);
    let writes = world.writes(0, &Ok(()));
    assert_eq!(writes[0].1.series.iter().map(|point| point.resource).collect::<Vec<_>>(), [5, 6]);
    assert_eq!((writes[0].1.attempt, writes[0].1.state), (2, ReportState::Succeeded));
}

#[test]
fn a_worker_runs_one_trial_after_another_in_order() {
    let mut world = World::new(worker());
    world.synced(vec![trial(7), trial(5), reported(4, 1, ReportState::Succeeded)]);
    assert_eq!(world.assigned().unwrap().trial, 5);
    world.sees(trial(6));
    world.says(&Message::Started { trial: 5, attempt: 1, pid: 7 });
    world.ends(Outcome::Failed { reason: FailureReason::ExitCode, message: "1".into() });
    assert_eq!(world.news(), []);
    world.writes(0, &Ok(()));
    let news = world.news();
    assert_eq!(news[0], ACK);
    assert!(matches!(&news[1], News::Order(Order::Assign(next)) if next.trial == 6), "{news:?}");
    assert_eq!(news.len(), 2);
    // The version from before its end comes late.
    world.sees(trial(5));
    world.ends(Outcome::Succeeded);
    world.writes(0, &Ok(()));
    assert!(matches!(&world.news()[1], News::Order(Order::Assign(next)) if next.trial == 7));
}

#[test]
fn a_worker_drops_what_is_not_wanted_and_goes_on() {
    let mut world = World::new(worker());
    world.synced(vec![trial(5), trial(6)]);
    assert_eq!(world.assigned().unwrap().trial, 5);
    world.removed(&trial(5));
    assert!(is_unwanted(&world.news()));
    world.writes(60_000, &Ok(()));
    assert_eq!(world.news(), [], "the command may still be there");
    world.lets_go();
    assert_eq!(world.assigned().unwrap().trial, 6);
    world.sees(with(6, |trial| trial.spec.attempt = 2));
    assert!(is_unwanted(&world.news()));
    world.lets_go();
    assert_eq!(world.assigned().map(|next| (next.trial, next.attempt)), Some((6, 2)));
}

#[test]
fn the_answer_to_a_write_of_an_attempt_that_was_dropped_is_not_that_of_the_next() {
    let mut world = World::new(worker());
    world.synced(vec![trial(5), trial(6)]);
    world.news();
    world.ends(Outcome::Succeeded);
    let now = world.now();
    let write = world.session.begin_write(now).unwrap();
    world.removed(&trial(5));
    world.lets_go();
    world.news();
    world.ends(Outcome::Succeeded);
    let (now, at) = (world.now(), world.at());
    world.session.written(&write, Ok(()), 0.0, now, at);
    assert_eq!(world.news(), []);
    assert_eq!(world.writes(0, &Ok(())).len(), 1);
    assert_eq!(world.news(), [ACK]);
}

proptest! {
    /// Whatever the command reports whenever, and whichever writes fail.
    #[test]
    fn at_most_one_write_a_second_and_at_the_end_everything_is_there(
        steps in vec((0_u64..1500, 1_u64..4), 0..40),
        failures in vec(any::<bool>(), 40),
    ) {
        let mut world = World::begun();
        let (mut resource, mut told, mut times) = (0, Vec::new(), Vec::new());
        let mut last: Option<TrialReport> = None;
        for ((wait, step), fails) in steps.into_iter().zip(failures) {
            let until = world.millis + wait;
            let result = if fails { Err(PASSING) } else { Ok(()) };
            for (at, report) in world.writes(until, &result) {
                times.push(at);
                last = Some(report);
            }
            resource += step;
            told.push(resource);
            world.says(&metric(resource));
        }
        prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 1000), "{:?}", times);
        world.ends(Outcome::Succeeded);
        let writes = world.writes(world.millis, &Ok(()));
        prop_assert_eq!(writes.len(), 1);
        let report = &writes[0].1;
        prop_assert_eq!(report.state, ReportState::Succeeded);
        let resources: Vec<u64> = report.series.iter().map(|point| point.resource).collect();
        prop_assert_eq!(&resources, &told);
        prop_assert_eq!(report.resource, told.last().copied());
        if let Some(earlier) = last {
            prop_assert!(told.starts_with(&earlier.series.iter().map(|point| point.resource).collect::<Vec<_>>()));
        }
    }
}
