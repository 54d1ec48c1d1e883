//! How much of the differences in the result each parameter causes by itself.

use temper_advisor::importance::importance;

use super::{NothingToShow, no_results, subtitle};
use crate::{
    plot::figure::{Bars, Body, Figure},
    view::JobView,
};

pub(super) fn figure(job: &JobView) -> Result<Figure, NothingToShow> {
    if job.results().next().is_none() {
        return Err(no_results(job));
    }
    let shares = importance(&job.space, &job.history, 0);
    if shares.is_empty() {
        return Err(NothingToShow(format!(
            "the results of job {} say nothing of its parameters: there are too few of them, or they are all alike",
            job.name
        )));
    }
    let metric = &job.objective().metric;
    let mut notes = vec![
        "The share that each parameter causes by itself, by functional ANOVA of a random forest.".to_owned(),
    ];
    if job.objectives.len() > 1 {
        notes.push(format!("It is of {metric}, the first of {} objectives.", job.objectives.len()));
    }
    Ok(Figure {
        title: "Importance of each parameter".to_owned(),
        subtitle: subtitle(job),
        body: Body::Bars(Bars {
            label: format!("share of the differences in {metric}"),
            bars: shares.into_iter().map(|(name, share)| (name.to_string(), share)).collect(),
        }),
        ramp: None,
        notes,
    })
}
