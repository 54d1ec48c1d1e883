use temper_advisor::space::{Configuration, Value};
use temper_crds::job::{Goal, Strategy};

use super::*;

fn key() -> JobKey {
    JobKey { namespace: "team".into(), name: "later".into(), uid: "a-b-c".into() }
}

fn objective(metric: &str, goal: Goal) -> Objective {
    Objective { metric: metric.into(), goal, target: None, strategy: Strategy::Latest }
}

fn configuration(values: usize) -> Configuration {
    let name = |at| temper_advisor::ParamName::parse(&format!("p{at}")).unwrap();
    Configuration((0..values).map(|at| (name(at), Value::Float(0.1 + at as f64))).collect())
}

#[test]
fn what_was_learned_comes_back_from_its_object() {
    let objectives = [objective("accuracy", Goal::Maximize), objective("size", Goal::Minimize)];
    let at = |resource: u64, losses: [f64; 2]| (Resource::new(resource).unwrap(), losses.to_vec());
    let trial = |ending, reports| PastTrial { parameters: configuration(3), ending, reports };
    let learned = Learned {
        message: "learned from 3 of 4 trials of last-week".into(),
        trials: vec![
            trial(PastEnding::Completed, vec![at(1, [-0.1, 3.0]), at(9, [-1.0 / 3.0, 4.5])]),
            trial(PastEnding::Stopped, vec![at(1, [0.0, 0.1 + 0.2])]),
            trial(PastEnding::Failed, vec![]),
        ],
    };
    let object = record(&key(), &objectives, &learned);
    assert_eq!(
        object.spec.trials[0].series[1].objectives,
        [1.0 / 3.0, 4.5],
        "as the objectives were measured"
    );
    // As an API server keeps it.
    let json = serde_json::to_string(&object).unwrap();
    let object: TrialHistory = serde_json::from_str(&json).unwrap();
    assert_eq!(super::learned(&object, &objectives), Some(learned));
}

#[test]
fn the_record_is_not_taken_for_the_jobs_own_trials() {
    let object = record(&key(), &[], &Learned { message: String::new(), trials: vec![] });
    let (_, own) = read::owned(&key(), vec![], vec![object]);
    assert_eq!(own, []);
}

#[tokio::test]
async fn whoever_waits_for_a_job_hears_of_it_and_of_no_other() {
    let awaited = Awaited::default();
    let of = |namespace: &str, name: &str| JobKey {
        namespace: namespace.into(),
        name: name.into(),
        uid: "u".into(),
    };
    let told = awaited.subscribe("team", &["a".into(), "b".into()]);
    let is_told = || async { tokio::time::timeout(Duration::ZERO, told.notified()).await.is_ok() };
    awaited.changed(&of("team", "c"));
    awaited.changed(&of("other", "a"));
    assert!(!is_told().await);
    awaited.changed(&of("team", "b"));
    assert!(is_told().await, "though it did not listen at that moment");
    drop(told);
    awaited.changed(&of("team", "a"));
    awaited.changed(&of("team", "b"));
    assert!(awaited.0.lock().unwrap().is_empty(), "nothing is kept of who is gone");
}
