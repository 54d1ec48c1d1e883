use temper_advisor::{TrialIndex, space::Configuration};
use temper_crds::validation::parse_job;

use super::*;
use crate::plan::{Action, Ending, Event, FinishReason, JobOutcome, Millis, StopReason};

/// A job named `later` unless `spec` says otherwise; `spec` are lines of its spec.
fn job(objectives: &str, parameters: &str, more: &str) -> Job {
    let manifest = format!(
        "apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {{name: later}}
spec:
  objectives: {objectives}
  parameters: {parameters}
  budget: {{maxTrials: 2000}}
{more}
  trial:
    template: {{spec: {{containers: [{{name: trial, command: [train]}}]}}}}
"
    );
    parse_job(&manifest).unwrap_or_else(|errors| panic!("{}", errors.render("the manifest")))
}

const LOSS: &str = "[{metric: loss, goal: minimize}]";
const RATE: &str = "[{name: rate, type: float, min: 0, max: 1}]";
const EPOCHS: &str = "  scheduler: {type: ASHA, resource: epoch, min: 1, max: 9}";

/// A finished trial: its parameters, how it ended, and `(resource, metric, value)` of its reports.
type Told<'a> = (&'a str, How, &'a [(u64, &'a str, f64)]);

#[derive(Clone, Copy)]
enum How {
    Done,
    Failed,
    /// By the scheduler.
    Stopped,
}

use How::{Done, Failed, Stopped};

fn begun(job: &Job, trials: &[Told<'_>]) -> JobState {
    let mut state = JobState::of(job).unwrap();
    let at = Millis(0);
    for (index, (parameters, ending, reports)) in (0..).map(TrialIndex).zip(trials) {
        let parameters: Configuration = serde_json::from_str(parameters).unwrap();
        let create = Action::Create { trial: index, parameters, run_to: None, bracket: 0 };
        state.apply(at, &Event::Decided(create));
        state.apply(at, &Event::Decided(Action::Start { trial: index, attempt: 1 }));
        for (resource, metric, value) in *reports {
            let resource = Resource::new(*resource).unwrap();
            let metrics = BTreeMap::from([((*metric).to_owned(), *value)]);
            let reported = Observation::Reported { trial: index, attempt: 1, resource, metrics };
            state.apply(at, &Event::Observed(reported));
        }
        let ending = match ending {
            Done => Ending::Succeeded,
            Failed => {
                Ending::Failed { reason: "ExitCode".into(), message: "exit code 1".into(), retryable: false }
            }
            Stopped => {
                let stop = Action::Stop { trial: index, reason: StopReason::Scheduler };
                state.apply(at, &Event::Decided(stop));
                Ending::Stopped
            }
        };
        state.apply(at, &Event::Observed(Observation::Ended { trial: index, attempt: 1, ending }));
    }
    state
}

fn finished(job: &Job, trials: &[Told<'_>]) -> JobState {
    let mut state = begun(job, trials);
    let outcome =
        JobOutcome { succeeded: true, reason: FinishReason::MaxTrialsReached, message: String::new() };
    state.apply(Millis(1), &Event::Decided(Action::Finish(outcome)));
    state
}

fn learned(later: &Job, earlier: &Job, trials: &[Told<'_>]) -> Learned {
    let state = finished(earlier, trials);
    let advisor = Advisor::new(later.settings.clone()).unwrap();
    learn(later, &advisor, &[Earlier { name: "last-week", job: earlier, state: &state }], MOST).unwrap()
}

/// Ending, resources and first losses of what was learned.
fn told(learned: &Learned) -> Vec<(PastEnding, Vec<(u64, f64)>)> {
    let reports =
        |trial: &PastTrial| trial.reports.iter().map(|(at, losses)| (at.get(), losses[0])).collect();
    learned.trials.iter().map(|trial| (trial.ending, reports(trial))).collect()
}

#[test]
fn trials_that_fit_are_taken_and_the_others_are_counted_by_why() {
    let earlier = job(
        LOSS,
        "[{name: rate, type: float, min: 0, max: 10}, {name: size, type: int, min: 1, max: 9}]",
        "",
    );
    let later =
        job(LOSS, "[{name: size, type: int, min: 1, max: 4}, {name: rate, type: float, min: 0, max: 1}]", "");
    let ok: &[(u64, &str, f64)] = &[(1, "loss", 0.5)];
    let learned = learned(
        &later,
        &earlier,
        &[
            (r#"{"rate": 0.5, "size": 2}"#, Done, ok),
            (r#"{"rate": 5.0, "size": 2}"#, Done, ok),
            (r#"{"rate": 0.5, "size": 9}"#, Done, ok),
            (r#"{"rate": 7.0, "size": 3}"#, Done, ok),
            (r#"{"rate": 0.5}"#, Done, ok),
            (r#"{"rate": 0.25, "size": 4}"#, Failed, &[]),
            (r#"{"rate": 0.75, "size": 4}"#, Stopped, &[]),
        ],
    );
    assert_eq!(
        learned.message,
        "learned from 2 of 7 trials of last-week; 1 without a value of size; 2 outside the space of rate; \
         1 outside the space of size; 1 ended before they had measured anything"
    );
    assert_eq!(told(&learned), [(PastEnding::Completed, vec![(1, 0.5)]), (PastEnding::Failed, vec![])]);
}

#[test]
fn values_become_losses_of_the_later_jobs_own_objectives() {
    let earlier = job("[{metric: size, goal: minimize}, {metric: accuracy, goal: maximize}]", RATE, "");
    let later = job("[{metric: accuracy, goal: maximize}]", RATE, "");
    let turned = job("[{metric: accuracy, goal: minimize}]", RATE, "");
    let state = {
        let reports: &[(u64, &str, f64)] = &[(1, "size", 12.0), (1, "accuracy", 0.75)];
        finished(&earlier, &[(r#"{"rate": 0.5}"#, Done, reports)])
    };
    for (later, loss) in [(later, -0.75), (turned, 0.75)] {
        let advisor = Advisor::new(later.settings.clone()).unwrap();
        let earlier = Earlier { name: "last-week", job: &earlier, state: &state };
        let learned = learn(&later, &advisor, &[earlier], MOST).unwrap();
        assert_eq!(told(&learned), [(PastEnding::Completed, vec![(1, loss)])]);
    }
}

#[test]
fn of_two_jobs_in_epochs_every_report_stands_where_it_was_made() {
    let later = job(LOSS, RATE, EPOCHS);
    let shorter = job(LOSS, RATE, "  scheduler: {type: ASHA, resource: epoch, min: 1, max: 3}");
    let to = |last| move |at: u64| (at <= last).then_some((at, "loss", 1.0 / at as f64));
    let reports: Vec<_> = (1..10).filter_map(to(9)).collect();
    let trials: &[Told<'_>] =
        &[(r#"{"rate": 0.5}"#, Done, &reports), (r#"{"rate": 0.6}"#, Stopped, &reports[..1])];
    let same = told(&learned(&later, &later, trials));
    assert_eq!((same[0].0, same[0].1.len()), (PastEnding::Completed, 9));
    assert_eq!(same[1], (PastEnding::Stopped, vec![(1, 1.0)]));
    // Who went to the end there is a third of the way here.
    let whole: &[Told<'_>] = &[(r#"{"rate": 0.5}"#, Done, &reports[..3])];
    assert_eq!(told(&learned(&later, &shorter, whole))[0].0, PastEnding::Stopped);
    assert_eq!(told(&learned(&shorter, &later, whole))[0].0, PastEnding::Completed, "it ended by itself");
}

#[test]
fn what_is_measured_in_another_unit_counts_at_its_end_only() {
    let earlier = job(LOSS, RATE, "");
    let later = job(LOSS, RATE, EPOCHS);
    let reports: &[(u64, &str, f64)] = &[(1, "loss", 0.9), (50, "loss", 0.5)];
    let trials: &[Told<'_>] =
        &[(r#"{"rate": 0.5}"#, Done, reports), (r#"{"rate": 0.6}"#, Stopped, &reports[..1])];
    let learned = learned(&later, &earlier, trials);
    assert_eq!(told(&learned), [(PastEnding::Completed, vec![(9, 0.5)])], "at the end of the way here");
    assert!(
        learned.message.starts_with("learned from 1 of 2 trials of last-week; 1 ended early"),
        "{}",
        learned.message
    );
}

#[test]
fn a_job_that_goes_on_or_measured_something_else_teaches_nothing() {
    let later = job("[{metric: accuracy, goal: maximize}]", RATE, "");
    let advisor = Advisor::new(later.settings.clone()).unwrap();
    let (running, other) = (
        job("[{metric: accuracy, goal: maximize}]", RATE, ""),
        job("[{metric: acuracy, goal: maximize}]", RATE, ""),
    );
    let ok: &[(u64, &str, f64)] = &[(1, "accuracy", 0.5)];
    let going = begun(&running, &[(r#"{"rate": 0.5}"#, Done, ok)]);
    let over = finished(&other, &[(r#"{"rate": 0.5}"#, Done, &[(1, "acuracy", 0.5)])]);
    let earlier = [
        Earlier { name: "yesterday", job: &running, state: &going },
        Earlier { name: "last-week", job: &other, state: &over },
    ];
    let wrong = learn(&later, &advisor, &earlier, MOST).unwrap_err();
    let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "yesterday is not finished: 1 of its 1 trials have ended",
            "last-week has no objective \"accuracy\", it was tuned for acuracy; did you mean \"acuracy\"?: there is \
             nothing to learn from it",
        ]
    );
}

#[test]
fn of_too_many_trials_the_best_and_an_even_choice_are_taken() {
    let earlier = job(LOSS, RATE, "");
    let later = job(LOSS, RATE, "");
    // The best are the last ones.
    let values: Vec<(String, f64)> = (0..3000)
        .map(|at| (format!(r#"{{"rate": {}}}"#, f64::from(at) / 3000.0), f64::from(3000 - at)))
        .collect();
    let reports: Vec<[(u64, &str, f64); 1]> = values.iter().map(|(_, loss)| [(1, "loss", *loss)]).collect();
    let trials: Vec<Told<'_>> = values
        .iter()
        .zip(&reports)
        .map(|((parameters, _), reports)| (parameters.as_str(), Done, reports.as_slice()))
        .collect();
    let learned = learned(&later, &earlier, &trials);
    let losses: Vec<f64> = told(&learned).iter().map(|(_, reports)| reports[0].1).collect();
    assert_eq!(losses.len(), MOST);
    assert!(losses.windows(2).all(|pair| pair[0] > pair[1]), "each once, in their order");
    assert_eq!(losses[900..], (1..=100).rev().map(f64::from).collect::<Vec<_>>(), "the best hundred");
    assert!(
        losses[..900].windows(2).all(|pair| pair[0] - pair[1] <= 4.0),
        "and of the others every third or so"
    );
    assert!(
        learned.message.starts_with("learned from 1000 of 3000 trials of last-week; 2000 left out"),
        "{}",
        learned.message
    );
}

#[test]
fn of_many_reports_those_are_taken_at_which_trials_are_judged() {
    let reports: Reports = (1..=100).map(|at| (Resource::new(at).unwrap(), vec![0.0])).collect();
    let rungs: Vec<Resource> = [1, 3, 9, 27, 81, 243].into_iter().filter_map(Resource::new).collect();
    let at = |reports: Reports| reports.into_iter().map(|(at, _)| at.get()).collect::<Vec<_>>();
    assert_eq!(at(thinned(reports.clone(), &rungs)), [1, 3, 9, 27, 81, 100]);
    let even = at(thinned(reports.clone(), &[]));
    assert_eq!((even.len(), even[0], even[15]), (16, 6, 100));
    assert_eq!(at(thinned(reports[..10].to_vec(), &rungs)).len(), 10);
}

#[test]
fn a_search_that_does_not_learn_is_said() {
    let earlier = job(LOSS, RATE, "");
    let later = job(LOSS, RATE, "  search: {algorithm: Random}");
    let trials: &[Told<'_>] = &[(r#"{"rate": 0.5}"#, Done, &[(1, "loss", 0.5)])];
    let message = learned(&later, &earlier, trials).message;
    assert!(message.ends_with("\nRandom does not learn from trials: this changes nothing"), "{message}");
}
