//! Several objectives against each other.

use super::{NothingToShow, axes, failed, no_results, subtitle};
use crate::{
    plot::figure::{Body, Figure, Ink, Marks, Panel, Place, Series},
    view::{Goal, JobView, ObjectiveView, TrialState, TrialView},
};

pub(super) fn figure(job: &JobView) -> Result<Figure, NothingToShow> {
    let [first, others @ ..] = job.objectives.as_slice() else { return Err(no_results(job)) };
    if others.is_empty() {
        return Err(NothingToShow(format!("job {} has one objective: there is nothing to trade", job.name)));
    }
    let results: Vec<(&TrialView, &[f64])> = job
        .trials
        .iter()
        .filter_map(|trial| Some((trial, trial.result.as_deref()?)))
        .filter(|(_, values)| values.len() == job.objectives.len())
        .collect();
    if results.is_empty() {
        return Err(no_results(job));
    }
    let column = |k: usize| results.iter().map(|(_, values)| values[k]).collect::<Vec<f64>>();
    let on_front = |trial: &TrialView| job.front.binary_search(&trial.index).is_ok();
    let axis = |k: usize, objective: &ObjectiveView| {
        let front = results.iter().filter(|(trial, _)| on_front(trial)).map(|(_, values)| values[k]);
        let (axis, note) = axes::objective(objective, &column(k), &front.collect::<Vec<f64>>());
        (axis, note.map(|note| format!("{}: {note}", objective.metric)))
    };
    let (y, note) = axis(0, first);
    let mut notes: Vec<String> = note.into_iter().collect();
    let panels = others
        .iter()
        .enumerate()
        .map(|(k, objective)| {
            let (x, note) = axis(k + 1, objective);
            notes.extend(note);
            let places = |wanted: &dyn Fn(&TrialView) -> bool| -> Vec<Place> {
                let chosen = results.iter().filter(|(trial, _)| wanted(trial));
                chosen.map(|(_, values)| (values[k + 1], values[0])).collect()
            };
            let done = |trial: &TrialView| !on_front(trial) && trial.state == TrialState::Completed;
            let early = |trial: &TrialView| !on_front(trial) && trial.state != TrialState::Completed;
            let mut front = places(&on_front);
            front.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            // With more than two objectives the front is no line in a plane of two of them.
            let paths =
                if others.len() == 1 { vec![staircase(&front, first, objective)] } else { Vec::new() };
            let dots = |places| Marks::Dots { places, tones: Vec::new() };
            let series = [
                ("stopped early, paused or running", Ink::Early, dots(places(&early))),
                ("completed", Ink::Done, dots(places(&done))),
                ("", Ink::Best, Marks::Lines { paths, width: 1.6 }),
                ("Pareto front", Ink::Best, Marks::Rings(front)),
            ];
            Panel { x, y: y.clone(), series: Series::all(series) }
        })
        .collect();
    let failures = failed(job).count();
    if failures > 0 {
        notes.push(format!("{failures} failed trials have no place here."));
    }
    Ok(Figure {
        title: "Objectives against each other".to_owned(),
        subtitle: subtitle(job),
        body: Body::Panels(panels),
        ramp: None,
        notes,
    })
}

/// The border of what the front beats: between two of its trials lies the worse of both in each objective.
fn staircase(front: &[Place], y: &ObjectiveView, x: &ObjectiveView) -> Vec<Place> {
    let mut path: Vec<Place> = Vec::new();
    for &(to_x, to_y) in front {
        if let Some(&(from_x, from_y)) = path.last() {
            let corner_x =
                if x.goal == Goal::Minimize { f64::max(from_x, to_x) } else { f64::min(from_x, to_x) };
            let corner_y =
                if y.goal == Goal::Minimize { f64::max(from_y, to_y) } else { f64::min(from_y, to_y) };
            path.push((corner_x, corner_y));
        }
        path.push((to_x, to_y));
    }
    path
}
