//! Constructors of domains: everything that is wrong with one is said at once.

use std::fmt::Display;

use super::{
    Domain, FloatDomain, IntDomain, Prior, Scale, Value,
    axis::Axis,
    domain::{MAX_LEVELS, decimal},
};
use crate::Invalid;

impl FloatDomain {
    /// Numbers from `min` to `max`, both included, every `step`.
    ///
    /// # Errors
    /// Everything that is wrong, by field: `min`, `max`, `step`, `scale`, `distribution`.
    pub fn new(
        min: f64,
        max: f64,
        step: Option<f64>,
        scale: Scale,
        prior: Prior,
    ) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        let named = [("min", Some(min)), ("max", Some(max)), ("step", step)];
        for (field, value) in named {
            if value.is_some_and(|value| !value.is_finite()) {
                wrong.push(Invalid::new(field, "must be a finite number, not infinite or NaN"));
            }
        }
        check_prior(&mut wrong, prior, min, max);
        if wrong.iter().all(|invalid| invalid.field == "distribution") {
            check_order(&mut wrong, min >= max, &min, &max);
            if min < max && !(max - min).is_finite() {
                wrong.push(Invalid::new("max", format!("{max} - {min} is more than a float can hold")));
            }
            check_scale(&mut wrong, scale, min, max);
            if let Some(step) = step {
                check_float_step(&mut wrong, min, max, step);
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let edges = edges(scale, min, max - min, step.unwrap_or(0.0));
        Ok(Self { min, max, step, scale, prior, axis: Axis::new(scale, prior, min, edges) })
    }
}

impl IntDomain {
    /// Whole numbers from `min` to `max`, both included, every `step` (1 when absent).
    ///
    /// # Errors
    /// Everything that is wrong, by field: `min`, `step`, `scale`, `distribution`.
    pub fn new(
        min: i64,
        max: i64,
        step: Option<i64>,
        scale: Scale,
        prior: Prior,
    ) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        let step = step.unwrap_or(1);
        let (low, high) = (min as f64, max as f64);
        check_order(&mut wrong, min >= max, &min, &max);
        if scale == Scale::ReverseLog {
            wrong.push(Invalid::new(
                "scale",
                "a reverse-log scale is for numbers from 0 to below 1, and no two whole numbers are; \
                 allowed: linear, log",
            ));
        } else {
            check_scale(&mut wrong, scale, low, high);
        }
        if step <= 0 {
            wrong.push(Invalid::new("step", format!("must be positive, not {step}")));
        } else if min < max {
            check_int_step(&mut wrong, min, max, step.unsigned_abs());
        }
        check_prior(&mut wrong, prior, low, high);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let step = step.unsigned_abs();
        let edges = edges(scale, low, max.abs_diff(min) as f64, step as f64);
        Ok(Self { min, max, step, scale, prior, axis: Axis::new(scale, prior, low, edges) })
    }
}

impl Domain {
    /// One of these values.
    ///
    /// # Errors
    /// When there are none, or the same one is there twice; by field: `values`, `values[2]`.
    pub fn categorical(values: Vec<Value>, ordered: bool) -> Result<Self, Vec<Invalid>> {
        let wrong = check_choices("values", &values);
        if wrong.is_empty() { Ok(Self::Categorical { values, ordered }) } else { Err(wrong) }
    }

    /// One candidate for each position.
    ///
    /// # Errors
    /// When there is no position, or one has no candidate or the same twice; by field: `positions[1][0]`.
    pub fn architecture(positions: Vec<Vec<Value>>) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        if positions.is_empty() {
            wrong.push(Invalid::new("positions", "is empty: give at least one list of candidates"));
        }
        for (position, candidates) in positions.iter().enumerate() {
            wrong.extend(check_choices(&format!("positions[{position}]"), candidates));
        }
        if wrong.is_empty() { Ok(Self::Architecture { positions }) } else { Err(wrong) }
    }
}

/// What a range covers in the unit interval, as offsets from the minimum: half a step more at both ends, so that
/// the first and the last value are as likely as the others. On a log scale never below half the minimum (and
/// likewise near 1 on a reverse one): a step larger than the minimum would otherwise give the first value the most.
fn edges(scale: Scale, min: f64, width: f64, step: f64) -> (f64, f64) {
    let below = if scale == Scale::Log { (0.5 * step).min(0.5 * min) } else { 0.5 * step };
    let above =
        if scale == Scale::ReverseLog { (0.5 * step).min(0.5 * (1.0 - min - width)) } else { 0.5 * step };
    (-below, width + above)
}

fn check_order(wrong: &mut Vec<Invalid>, disordered: bool, min: &impl ToString, max: &impl ToString) {
    if disordered {
        let (min, max) = (min.to_string(), max.to_string());
        let hint = if min == max { "; for a single value use type: fixed" } else { "" };
        wrong.push(Invalid::new(
            "min",
            format!("must be less than max, but min is {min} and max is {max}{hint}"),
        ));
    }
}

fn check_scale(wrong: &mut Vec<Invalid>, scale: Scale, min: f64, max: f64) {
    if scale == Scale::Log && min <= 0.0 {
        wrong.push(Invalid::new(
            "min",
            format!("must be positive on a log scale, not {min}; use a small positive one or scale: linear"),
        ));
    }
    if scale == Scale::ReverseLog && min < 0.0 {
        wrong.push(Invalid::new("min", format!("must be at least 0 on a reverse-log scale, not {min}")));
    }
    if scale == Scale::ReverseLog && max >= 1.0 {
        wrong.push(Invalid::new("max", format!("must be less than 1 on a reverse-log scale, not {max}")));
    }
}

fn check_prior(wrong: &mut Vec<Invalid>, prior: Prior, min: f64, max: f64) {
    let Prior::Normal { mean, sd } = prior else { return };
    if !(sd > 0.0 && sd.is_finite()) {
        wrong.push(Invalid::new(
            "distribution",
            format!("the standard deviation must be a positive number, not {sd}"),
        ));
    }
    let inside = (min..=max).contains(&mean);
    if !mean.is_finite() || (min < max && !inside) {
        wrong.push(Invalid::new(
            "distribution",
            format!("the mean must be within min and max, {min} to {max}, not {mean}"),
        ));
    }
}

fn check_float_step(wrong: &mut Vec<Invalid>, min: f64, max: f64, step: f64) {
    if step <= 0.0 {
        wrong.push(Invalid::new("step", format!("must be positive, not {step}")));
        return;
    }
    if min >= max {
        return;
    }
    let steps = (max - min) / step;
    if steps < 1.0 - 1e-6 {
        wrong.push(Invalid::new("step", larger_than_range(&step, &decimal(max - min, &[min, max]))));
    } else if steps >= MAX_LEVELS as f64 {
        wrong.push(Invalid::new("step", too_many_levels(&step)));
    } else if (steps - steps.round()).abs() > 1e-6 {
        let nearest = decimal(min + steps.round() * step, &[min, step]);
        wrong.push(Invalid::new("step", does_not_divide(&step, [min, max, nearest])));
    }
}

fn check_int_step(wrong: &mut Vec<Invalid>, min: i64, max: i64, step: u64) {
    let width = max.abs_diff(min);
    let over = width % step;
    if step > width {
        wrong.push(Invalid::new("step", larger_than_range(&step, &width)));
    } else if width / step >= MAX_LEVELS {
        wrong.push(Invalid::new("step", too_many_levels(&step)));
    } else if over != 0 {
        let up = max.checked_add_unsigned(step - over).filter(|_| 2 * over >= step);
        let nearest = up.unwrap_or_else(|| max.wrapping_sub_unsigned(over));
        wrong.push(Invalid::new("step", does_not_divide(&step, [min, max, nearest])));
    }
}

fn larger_than_range(step: &impl Display, width: &impl Display) -> String {
    format!("{step} is larger than max - min, {width}")
}

fn too_many_levels(step: &impl Display) -> String {
    format!("{step} makes more than {MAX_LEVELS} values; use a larger step or type: float without one")
}

fn does_not_divide<T: Display>(step: &impl Display, [min, max, nearest]: [T; 3]) -> String {
    format!(
        "{step} does not divide the range from {min} to {max}; the nearest max that it reaches is {nearest}"
    )
}

fn check_choices(field: &str, values: &[Value]) -> Vec<Invalid> {
    if values.is_empty() {
        return vec![Invalid::new(field, "is empty: give at least one value")];
    }
    let mut wrong = Vec::new();
    for (at, value) in values.iter().enumerate() {
        if value.as_f64().is_some_and(|number| !number.is_finite()) {
            wrong
                .push(Invalid::new(format!("{field}[{at}]"), "must be a finite number, not infinite or NaN"));
        } else if let Some(first) = values[..at].iter().position(|known| known.same(value)) {
            wrong.push(Invalid::new(
                format!("{field}[{at}]"),
                format!("{value} is there already, as {field}[{first}]; each value may be given once"),
            ));
        }
    }
    wrong
}
