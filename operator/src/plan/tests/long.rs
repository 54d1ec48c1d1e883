//! Jobs of many trials: what their events cost, and which trials are kept.

use std::{collections::BTreeMap, time::Duration};

use temper_advisor::{Resource, TrialIndex};

use super::{super::*, ended, opened, quiet, reported, see, world::Shape};

/// An event costs no more after 20,000 finished trials than at the beginning: the time of a thousand trials does not
/// grow with what came before.
#[test]
fn events_cost_the_same_however_many_trials_have_finished() {
    assert_events_cost_the_same(&quiet(u32::MAX, 4), |trial| f64::from(trial % 97));
}

#[test]
fn events_cost_the_same_however_large_the_front_would_be() {
    let shape = Shape { two_objectives: true, retention: Some(5), ..quiet(u32::MAX, 4) };
    // No trial beats any other.
    assert_events_cost_the_same(&shape, f64::from);
}

/// What this thread has had of a processor, whoever else has one meanwhile.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

fn assert_events_cost_the_same(shape: &Shape, loss: fn(u32) -> f64) {
    let (mut state, mut actions) = opened(shape);
    let mut thousands = vec![];
    for _ in 0..20 {
        let begin = spent();
        for _ in 0..1_000 {
            let trial = actions.iter().find_map(|action| match action {
                Action::Start { trial, .. } => Some(trial.0),
                _ => None,
            });
            let trial = trial.expect("a place was free");
            see(&mut state, 1, reported(trial, 1, loss(trial)));
            actions = see(&mut state, 1, ended(trial, 1, Ending::Succeeded));
        }
        thousands.push(spent().saturating_sub(begin));
    }
    let early = thousands[..5].iter().min().expect("some");
    let late = thousands[15..].iter().min().expect("some");
    assert!(*late < *early * 4, "{thousands:?}");
}

#[test]
fn retention_spares_the_front_and_counts_it_besides() {
    let shape = Shape { two_objectives: true, retention: Some(2), ..quiet(60, 1) };
    let (mut state, _) = opened(&shape);
    for trial in 0..60 {
        // Of three one is on the front, and the two after it are worse in both.
        let (loss, worse) = (f64::from(trial / 3), f64::from(trial % 3));
        let metrics = BTreeMap::from([("loss".to_owned(), loss + worse), ("cost".to_owned(), worse - loss)]);
        let resource = Resource::ONE;
        see(&mut state, 1, Observation::Reported { trial: TrialIndex(trial), attempt: 1, resource, metrics });
        see(&mut state, 1, ended(trial, 1, Ending::Succeeded));
    }
    let kept: Vec<u32> = (0..60).filter(|trial| state.keeps(TrialIndex(*trial))).collect();
    assert!((0..60).step_by(3).all(|trial| kept.contains(&trial)), "{kept:?}");
    assert!((22..32).contains(&kept.len()) && kept.contains(&59), "{kept:?}");
}
