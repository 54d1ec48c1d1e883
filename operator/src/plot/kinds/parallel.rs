//! All parameters and the result side by side.

use super::{NothingToShow, axes, failed, no_results, subtitle};
use crate::{
    plot::figure::{Axis, Body, Figure, Ink, Parallel, ParallelLine, Ramp, Tone},
    view::{JobView, TrialView},
};

/// More lines than this hide each other: of more, the best and an even sample of the others are drawn.
const MOST: usize = 1_000;
/// How many of the best are always drawn.
const BEST: usize = 100;

pub(super) fn figure(job: &JobView) -> Result<Figure, NothingToShow> {
    let mut results: Vec<(&TrialView, f64)> = job.results().collect();
    if results.is_empty() {
        return Err(no_results(job));
    }
    let objective = job.objective();
    let values: Vec<f64> = results.iter().map(|(_, value)| *value).collect();
    let (y, beyond) = axes::objective(objective, &values, &[]);
    let mut notes: Vec<String> = beyond.into_iter().collect();

    results.sort_by(|(_, a), (_, b)| objective.loss(*a).total_cmp(&objective.loss(*b)));
    let all = results.len();
    if all > MOST {
        let every = (all - BEST).div_ceil(MOST - BEST);
        let others = results.split_off(BEST);
        results.extend(others.into_iter().step_by(every));
        notes.push(format!(
            "{} of {all} trials are drawn: the best {BEST} and an even sample of the others.",
            results.len()
        ));
    }
    let parameters = axes::parameters(&job.space);
    if parameters.is_empty() {
        return Err(NothingToShow(format!("no parameter of job {} varies", job.name)));
    }
    if job.space.parameters().iter().any(|parameter| !parameter.when.is_empty()) {
        notes.push("A line has a gap where a parameter has no value in that trial.".to_owned());
    }
    let values_of = |trial: &TrialView| parameters.iter().map(|axis| axis.spread(trial)).collect::<Vec<_>>();
    let line = |trial: &TrialView, value: Option<f64>, tone: Tone| {
        let mut values = values_of(trial);
        // What lies beyond the axis is drawn to its end.
        values.push(value);
        ParallelLine { values, tone }
    };
    // By rank rather than by value: one very bad trial would leave all others the same colour.
    let ranks = results.len().saturating_sub(1).max(1) as f64;
    let mut lines: Vec<ParallelLine> =
        failed(job).take(BEST).map(|trial| line(trial, None, Tone::Ink(Ink::Failed))).collect();
    // The better, the later drawn.
    for (rank, (trial, value)) in results.iter().enumerate().rev() {
        let is_best = Some(trial.index) == job.best;
        lines.push(line(
            trial,
            Some(*value),
            if is_best { Tone::Ink(Ink::Best) } else { Tone::Ramp(rank as f64 / ranks) },
        ));
    }
    let mut axes: Vec<Axis> = parameters.into_iter().map(|parameter| parameter.axis).collect();
    axes.push(Axis { label: objective.metric.clone(), scale: y.scale });
    Ok(Figure {
        title: "Parameters and result of each trial".to_owned(),
        subtitle: subtitle(job),
        body: Body::Parallel(Parallel { axes, lines }),
        ramp: Some(Ramp {
            label: format!("rank by {}", objective.metric),
            foremost: "best".to_owned(),
            last: "worst".to_owned(),
        }),
        notes,
    })
}
