//! The result over each parameter by itself.

use super::{NothingToShow, axes, failed, no_results, subtitle};
use crate::{
    plot::figure::{Body, Figure, Ink, Marks, Panel, Place, Ramp, Series},
    view::JobView,
};

pub(super) fn figure(job: &JobView) -> Result<Figure, NothingToShow> {
    let values: Vec<f64> = job.results().map(|(_, value)| value).collect();
    if values.is_empty() {
        return Err(no_results(job));
    }
    let (y, beyond) = axes::objective(job.objective(), &values, &[]);
    let last = f64::from(job.counts.created.saturating_sub(1).max(1));
    let panels: Vec<Panel> = axes::parameters(&job.space)
        .into_iter()
        .map(|parameter| {
            let places: Vec<(Place, f64)> = job
                .results()
                .filter_map(|(trial, value)| {
                    Some(((parameter.spread(trial)?, value), 1.0 - f64::from(trial.index) / last))
                })
                .collect();
            let (places, tones) = places.into_iter().unzip();
            let best = job.results().filter(|(trial, _)| Some(trial.index) == job.best);
            let rings = best.filter_map(|(trial, value)| Some((parameter.spread(trial)?, value))).collect();
            let crosses = failed(job).filter_map(|trial| parameter.spread(trial)).collect();
            let series = [
                ("", Ink::Done, Marks::Dots { places, tones }),
                ("failed", Ink::Failed, Marks::Crosses(crosses)),
                ("best", Ink::Best, Marks::Rings(rings)),
            ];
            Panel { x: parameter.axis, y: y.clone(), series: Series::all(series) }
        })
        .collect();
    if panels.is_empty() {
        return Err(NothingToShow(format!("no parameter of job {} varies", job.name)));
    }
    Ok(Figure {
        title: "Result over each parameter".to_owned(),
        subtitle: subtitle(job),
        body: Body::Panels(panels),
        ramp: Some(Ramp { label: "trial".to_owned(), foremost: "last".to_owned(), last: "first".to_owned() }),
        notes: beyond.into_iter().collect(),
    })
}
