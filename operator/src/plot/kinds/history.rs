//! Each trial's result and the best so far.

use super::{NothingToShow, axes, failed, no_results, subtitle};
use crate::{
    plot::{
        figure::{Axis, Body, Figure, Ink, Marks, Panel, Place, Series},
        scale::{Scale, Unit},
    },
    view::{JobView, TrialState, TrialView},
};

/// Over the trials, in order of their creation.
pub(super) fn over_trials(job: &JobView) -> Result<Figure, NothingToShow> {
    let last = job.counts.created.saturating_sub(1).max(1);
    let room = f64::from(last) * 0.02 + 0.3;
    let scale = Scale::Linear { min: -room, max: f64::from(last) + room, unit: Unit::Whole };
    let x = Axis { label: "trial".to_owned(), scale };
    draw(job, "Best so far, over the trials", x, |trial| Some(f64::from(trial.index)))
}

/// Over the time since the job began: a trial is where its result was known.
pub(super) fn over_time(job: &JobView) -> Result<Figure, NothingToShow> {
    let begin =
        job.started.or_else(|| job.trials.iter().map(|trial| trial.created).min()).unwrap_or_default();
    let place = |trial: &TrialView| {
        let reported = trial.reports.last().map(|report| report.at);
        let at = if trial.state == TrialState::Failed { trial.ended } else { reported.or(trial.ended) };
        at.map(|at| at.saturating_sub(begin) as f64)
    };
    let latest = job.trials.iter().filter_map(place).fold(1.0, f64::max);
    let x = Axis {
        label: "time since the job began".to_owned(),
        scale: Scale::Linear { min: 0.0, max: latest * 1.02, unit: Unit::Millis },
    };
    draw(job, "Best so far, over time", x, place)
}

fn draw(
    job: &JobView,
    title: &str,
    x: Axis,
    place: impl Fn(&TrialView) -> Option<f64>,
) -> Result<Figure, NothingToShow> {
    let mut results: Vec<(&TrialView, Place)> =
        job.results().filter_map(|(trial, value)| Some((trial, (place(trial)?, value)))).collect();
    if results.is_empty() {
        return Err(no_results(job));
    }
    results.sort_by(|(_, (a, _)), (_, (b, _))| a.total_cmp(b));
    let values: Vec<f64> = results.iter().map(|(_, (_, value))| *value).collect();
    let (y, beyond) = axes::objective(job.objective(), &values, &[]);

    let finished = |done: bool| {
        let places = results
            .iter()
            .filter(|(trial, _)| (trial.state == TrialState::Completed) == done)
            .map(|(_, place)| *place);
        Marks::Dots { places: places.collect(), tones: Vec::new() }
    };
    let mut best_so_far: Vec<Place> = Vec::new();
    for &(_, (x, value)) in &results {
        if best_so_far.last().is_none_or(|&(_, best)| job.objective().better(value, best)) {
            best_so_far.push((x, value));
        }
    }
    if let (Some(&(_, (end, _))), Some(&(_, best))) = (results.last(), best_so_far.last()) {
        best_so_far.push((end, best));
    }
    let ring =
        results.iter().filter(|(trial, _)| Some(trial.index) == job.best).map(|(_, place)| *place).collect();

    let series = [
        ("stopped early, paused or running", Ink::Early, finished(false)),
        ("completed", Ink::Done, finished(true)),
        ("failed", Ink::Failed, Marks::Crosses(failed(job).filter_map(&place).collect())),
        ("best so far", Ink::Best, Marks::Steps(best_so_far)),
        ("", Ink::Best, Marks::Rings(ring)),
    ];
    Ok(Figure {
        title: title.to_owned(),
        subtitle: subtitle(job),
        body: Body::Panels(vec![Panel { x, y, series: Series::all(series) }]),
        ramp: None,
        notes: beyond.into_iter().collect(),
    })
}
