//! Axes for parameters and for results.

use temper_advisor::space::{Domain, Parameter, Scale as ParameterScale, Space, Value};

use crate::{
    plot::{
        brief,
        figure::Axis,
        scale::{Scale, Unit, extent},
    },
    view::{Goal, ObjectiveView, TrialView},
};

/// Part of the results that must be visible: the worst of them may be so bad that the rest would be a flat line.
const SHOWN: f64 = 0.95;
/// Results are cut off where the worst is so many times as far from the best as [`SHOWN`] of them.
const FAR: f64 = 2.0;
/// Positive results that differ by such a factor are shown on a logarithmic axis.
const MANY_DECADES: f64 = 300.0;

/// An axis for values of an objective, with a note where some of them lie beyond it; `shown` do not.
pub(super) fn objective(objective: &ObjectiveView, values: &[f64], shown: &[f64]) -> (Axis, Option<String>) {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let arrow = match objective.goal {
        Goal::Minimize => "lower is better",
        Goal::Maximize => "higher is better",
    };
    let label = format!("{} ({arrow})", objective.metric);
    let Some((min, max)) = extent(finite.iter().copied()) else {
        return (Axis { label, scale: Scale::linear([], Unit::Number) }, None);
    };
    if min > 0.0 && max / min > MANY_DECADES {
        // Some room: a tenth of a decade.
        let scale = Scale::Log { min: min / 1.26, max: max * 1.26 };
        return (Axis { label, scale }, None);
    }
    let mut losses: Vec<f64> = finite.iter().map(|&value| objective.loss(value)).collect();
    losses.sort_by(f64::total_cmp);
    let (best, worst) = (losses[0], losses[losses.len() - 1]);
    let shown = shown
        .iter()
        .map(|&value| objective.loss(value))
        .fold(losses[((losses.len() - 1) as f64 * SHOWN) as usize], f64::max);
    let limit = shown + 0.1 * (shown - best);
    if shown <= best || worst - best <= FAR * (shown - best) {
        return (Axis { label, scale: Scale::linear(finite, Unit::Number) }, None);
    }
    let beyond = losses.iter().filter(|&&loss| loss > limit).count();
    let word = if objective.goal == Goal::Minimize { "above" } else { "below" };
    // A loss is its metric or the negative of it, so the way back is the same.
    let edge = objective.loss(limit);
    let trials = if beyond == 1 { "1 value lies".to_owned() } else { format!("{beyond} values lie") };
    let note = format!(
        "{trials} {word} {}, outside the picture; the worst is {}.",
        brief(edge),
        brief(objective.loss(worst))
    );
    (Axis { label, scale: Scale::linear([objective.loss(best), edge], Unit::Number) }, Some(note))
}

/// An axis for one parameter, or for one position of an architecture.
pub(super) struct ParameterAxis {
    pub(super) axis: Axis,
    parameter: Parameter,
    position: Option<usize>,
}

/// Axes for every parameter that varies, in declared order.
pub(super) fn parameters(space: &Space) -> Vec<ParameterAxis> {
    space.parameters().iter().flat_map(axes_of).collect()
}

fn axes_of(parameter: &Parameter) -> Vec<ParameterAxis> {
    let name = parameter.name.to_string();
    let one = |scale: Scale| {
        let axis = Axis { label: name.clone(), scale };
        vec![ParameterAxis { axis, parameter: parameter.clone(), position: None }]
    };
    match &parameter.domain {
        Domain::Float(range) => one(numeric(range.min(), range.max(), range.scale(), Unit::Number)),
        Domain::Int(range) => {
            one(numeric(range.min() as f64, range.max() as f64, range.scale(), Unit::Whole))
        }
        Domain::Categorical { values, .. } => one(Scale::Categories(names(values))),
        Domain::Fixed(_) => Vec::new(),
        Domain::Architecture { positions } => positions
            .iter()
            .enumerate()
            .map(|(position, candidates)| ParameterAxis {
                axis: Axis {
                    label: format!("{name}[{position}]"),
                    scale: Scale::Categories(names(candidates)),
                },
                parameter: parameter.clone(),
                position: Some(position),
            })
            .collect(),
    }
}

fn numeric(min: f64, max: f64, scale: ParameterScale, unit: Unit) -> Scale {
    match scale {
        _ if min >= max => Scale::linear([min], unit),
        ParameterScale::Linear => Scale::Linear { min, max, unit },
        ParameterScale::Log => Scale::Log { min, max },
        ParameterScale::ReverseLog => Scale::ReverseLog { min, max },
    }
}

fn names(values: &[Value]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

impl ParameterAxis {
    /// Where a trial lies on it; `None` where the parameter is inactive.
    pub(super) fn value(&self, trial: &TrialView) -> Option<f64> {
        let value = trial.parameters.get(self.parameter.name.as_str())?;
        let (value, candidates) = match (&self.parameter.domain, self.position, value) {
            (Domain::Float(_) | Domain::Int(_), ..) => return value.as_f64(),
            (Domain::Categorical { values, .. }, ..) => (value, values),
            (Domain::Architecture { positions }, Some(position), Value::List(chosen)) => {
                (chosen.get(position)?, positions.get(position)?)
            }
            _ => return None,
        };
        candidates.iter().position(|candidate| candidate.same(value)).map(|position| position as f64)
    }

    /// Where a trial is drawn: those of one category beside each other rather than upon each other.
    pub(super) fn spread(&self, trial: &TrialView) -> Option<f64> {
        let value = self.value(trial)?;
        if !matches!(self.axis.scale, Scale::Categories(_)) {
            return Some(value);
        }
        // Multiples of the golden ratio fill an interval evenly.
        let even = (f64::from(trial.index) * 0.618_033_988_749_895).fract();
        Some(value + (even - 0.5) * 0.5)
    }
}
