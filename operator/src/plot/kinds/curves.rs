//! What each trial reported, step by step.

use super::{NothingToShow, axes, no_results, subtitle};
use crate::{
    plot::{
        figure::{Axis, Body, Figure, Ink, Marks, Panel, Place, Series},
        scale::{Scale, Unit},
    },
    view::{JobView, TrialState, TrialView},
};

/// More curves than this are a carpet: of more, the best and an even sample of the others are drawn.
const MOST: usize = 400;
/// How many of the best are always drawn.
const BEST: usize = 40;

pub(super) fn figure(job: &JobView) -> Result<Figure, NothingToShow> {
    let metric = &job.objective().metric;
    let curve = |trial: &TrialView| -> Vec<Place> {
        let places = trial.reports.iter().filter_map(|report| {
            let value = report.metrics.get(metric).copied().filter(|value| value.is_finite())?;
            Some((report.resource as f64, value))
        });
        places.collect()
    };
    let mut curves: Vec<(&TrialView, Vec<Place>)> = job
        .trials
        .iter()
        .map(|trial| (trial, curve(trial)))
        .filter(|(_, places)| !places.is_empty())
        .collect();
    if curves.is_empty() {
        return Err(no_results(job));
    }
    let all = curves.len();
    let furthest = curves.iter().flat_map(|(_, places)| places).map(|(x, _)| *x).fold(1.0, f64::max);
    if furthest <= 1.0 {
        let unit = &job.resource;
        return Err(NothingToShow(format!("no trial of job {} has reported more than one {unit}", job.name)));
    }
    let values: Vec<f64> = curves.iter().flat_map(|(_, places)| places).map(|(_, y)| *y).collect();
    let of_best =
        curves.iter().filter(|(trial, _)| Some(trial.index) == job.best).flat_map(|(_, places)| places);
    let of_best: Vec<f64> = of_best.map(|(_, y)| *y).collect();
    let (y, beyond) = axes::objective(job.objective(), &values, &of_best);
    let mut notes: Vec<String> = beyond.into_iter().collect();
    if all > MOST {
        curves = sample(job, curves);
        notes.push(format!(
            "{} of {all} curves are drawn: the best {BEST} and an even sample of the others.",
            curves.len()
        ));
    }

    let of = |wanted: &dyn Fn(&TrialView) -> bool| -> Vec<Vec<Place>> {
        curves.iter().filter(|(trial, _)| wanted(trial)).map(|(_, places)| places.clone()).collect()
    };
    let is_best = |trial: &TrialView| Some(trial.index) == job.best;
    let done = |trial: &TrialView| trial.state == TrialState::Completed && !is_best(trial);
    let failed = |trial: &TrialView| trial.state == TrialState::Failed;
    let early = |trial: &TrialView| !is_best(trial) && !done(trial) && !failed(trial);
    let lines = |paths, width| Marks::Lines { paths, width };
    let inner_rungs = job.rungs.iter().map(|&rung| rung as f64).filter(|&rung| rung < furthest).collect();
    let series = [
        ("rung", Ink::Guide, Marks::Uprights(inner_rungs)),
        ("stopped early, paused or running", Ink::Early, lines(of(&early), 1.1)),
        ("completed", Ink::Done, lines(of(&done), 1.4)),
        ("failed", Ink::Failed, lines(of(&failed), 1.4)),
        ("best", Ink::Best, lines(of(&is_best), 3.0)),
    ];
    let x = Axis {
        label: job.resource.clone(),
        scale: Scale::Linear { min: (furthest * -0.01).min(0.0), max: furthest * 1.01, unit: Unit::Whole },
    };
    Ok(Figure {
        title: "Learning curves".to_owned(),
        subtitle: subtitle(job),
        body: Body::Panels(vec![Panel { x, y, series: Series::all(series) }]),
        ramp: None,
        notes,
    })
}

/// The best, and of the others every so many, in order of their index.
fn sample<'a>(job: &JobView, curves: Vec<(&'a TrialView, Vec<Place>)>) -> Vec<(&'a TrialView, Vec<Place>)> {
    let loss = |trial: &TrialView| {
        let first = trial.result.as_ref().and_then(|result| result.first());
        first.map_or(f64::INFINITY, |&value| job.objective().loss(value))
    };
    let (mut best, mut others) = (curves, Vec::new());
    best.sort_by(|(a, _), (b, _)| loss(a).total_cmp(&loss(b)));
    others.extend(best.drain(BEST..));
    others.sort_by_key(|(trial, _)| trial.index);
    let every = others.len().div_ceil(MOST - BEST);
    best.extend(others.into_iter().step_by(every));
    best
}
