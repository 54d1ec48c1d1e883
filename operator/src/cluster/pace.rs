//! How often jobs say where they stand: what changes a condition at once, and counts as often as the API server has
//! room for among all jobs.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use temper_crds::tuning_job::TuningJobStatus;

/// A job's status is not written more often: whoever watches it sees no more.
const BETWEEN: Duration = Duration::from_secs(1);
/// Nor are those of all jobs together: ten a second. With a thousand jobs at work each one's counts are written every
/// hundred seconds, and the API server has its time for their trials.
const BETWEEN_ALL: Duration = Duration::from_millis(100);

/// Shared by all jobs: who may write next.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// The first instant from `earliest` on that is nobody else's. Now it is the caller's.
    fn reserve(&self, earliest: Instant) -> Instant {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.map_or(earliest, |free| free.max(earliest));
        *free = Some(at + BETWEEN_ALL);
        at
    }
}

/// One job's part of it.
#[derive(Debug, Default)]
pub(super) struct Turn {
    written: Option<Instant>,
    reserved: Option<Instant>,
}

impl Turn {
    /// When a status is to be written, given the one that was written last: now or before when at once, `None` when it
    /// says nothing new.
    pub(super) fn of(
        &mut self,
        pace: &Pace,
        last: Option<&TuningJobStatus>,
        status: &TuningJobStatus,
        now: Instant,
    ) -> Option<Instant> {
        let Some(last) = last else { return Some(now) };
        if last == status {
            return None;
        }
        let soonest = self.written.map_or(now, |written| written + BETWEEN);
        Some(match news(last, status) {
            News::Standing => now,
            News::Progress => soonest,
            News::Counts => *self.reserved.get_or_insert_with(|| pace.reserve(soonest.max(now))),
        })
    }

    pub(super) fn written(&mut self, at: Instant) {
        *self = Self { written: Some(at), reserved: None };
    }
}

enum News {
    /// It is suspended, goes on, is over, is refused: what people and programs wait for.
    Standing,
    /// Something keeps its trials from running, or no longer does.
    Progress,
    Counts,
}

fn news(last: &TuningJobStatus, status: &TuningJobStatus) -> News {
    let standing = |status: &TuningJobStatus| {
        let mut holds: Vec<_> = status
            .conditions
            .iter()
            .filter(|condition| condition.type_ != "Progressing")
            .map(|condition| (condition.type_.clone(), condition.status.clone(), condition.reason.clone()))
            .collect();
        holds.sort();
        (status.state.clone(), status.observed_generation, holds)
    };
    let progress = |status: &TuningJobStatus| {
        let progressing = status.conditions.iter().find(|condition| condition.type_ == "Progressing")?;
        Some((progressing.status.clone(), progressing.reason.clone()))
    };
    if standing(last) != standing(status) {
        News::Standing
    } else if progress(last) != progress(status) {
        News::Progress
    } else {
        News::Counts
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

    use super::*;

    fn status(completed: u32, progressing: &str, suspended: &str) -> TuningJobStatus {
        let condition = |kind: &str, status: &str, reason: &str| Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: format!("{completed} so far"),
            last_transition_time: super::super::trial::time(crate::plan::Millis(0)),
            observed_generation: None,
        };
        let mut status = TuningJobStatus {
            conditions: vec![
                condition("Progressing", "True", progressing),
                condition("Suspended", suspended, "Any"),
            ],
            ..TuningJobStatus::default()
        };
        status.trials.completed = completed;
        status
    }

    #[test]
    fn one_job_writes_its_counts_once_a_second() {
        let (pace, mut turn, began) = (Pace::default(), Turn::default(), Instant::now());
        let first = status(0, "TrialsRunning", "False");
        assert_eq!(turn.of(&pace, None, &first, began), Some(began), "the first word is at once");
        turn.written(began);
        assert_eq!(turn.of(&pace, Some(&first), &first, began), None, "nothing new");
        let due = turn.of(&pace, Some(&first), &status(1, "TrialsRunning", "False"), began);
        assert_eq!(due, Some(began + BETWEEN));
        let later = began + Duration::from_millis(700);
        let due = turn.of(&pace, Some(&first), &status(2, "TrialsRunning", "False"), later);
        assert_eq!(due, Some(began + BETWEEN), "what comes meanwhile goes with it");
    }

    #[test]
    fn all_jobs_together_write_ten_times_a_second() {
        let (pace, began) = (Pace::default(), Instant::now());
        let mut turns: Vec<Turn> = (0..100).map(|_| Turn::default()).collect();
        let mut writes = Vec::new();
        let last = status(0, "TrialsRunning", "False");
        for step in 0..3_000_u32 {
            let now = began + Duration::from_millis(10) * step;
            for turn in &mut turns {
                let status = status(step + 1, "TrialsRunning", "False");
                if turn.of(&pace, Some(&last), &status, now).is_some_and(|due| due <= now) {
                    turn.written(now);
                    writes.push(now);
                }
            }
        }
        assert!((290..=301).contains(&writes.len()), "{} in 30 s", writes.len());
    }

    #[test]
    fn what_people_wait_for_is_not_kept_from_them() {
        let (pace, mut turn, began) = (Pace::default(), Turn::default(), Instant::now());
        for _ in 0..1_000 {
            pace.reserve(began);
        }
        let last = status(0, "TrialsRunning", "False");
        turn.written(began);
        assert_eq!(turn.of(&pace, Some(&last), &status(0, "TrialsRunning", "True"), began), Some(began));
        let stuck = turn.of(&pace, Some(&last), &status(0, "Unschedulable", "False"), began);
        assert_eq!(stuck, Some(began + BETWEEN));
        let counts = turn.of(&pace, Some(&last), &status(1, "TrialsRunning", "False"), began);
        assert_eq!(counts, Some(began + BETWEEN_ALL * 1_000));
    }
}
