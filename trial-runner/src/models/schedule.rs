//! The learning rate as a function of how far the training is. Pure.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Shape {
    /// Stays.
    Constant,
    /// Falls along half a cosine to 0 (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Is multiplied by gamma every so many epochs.
    Step,
    /// Rises linearly from a 25th, then falls linearly to a 10,000th (after Smith and Topin 2018).
    OneCycle,
    /// Rises linearly, then stays.
    Warmup,
}

impl Shape {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("constant", Self::Constant),
        ("cosine", Self::Cosine),
        ("step", Self::Step),
        ("oneCycle", Self::OneCycle),
        ("warmup", Self::Warmup),
    ];
}

/// A learning-rate schedule over `epochs` epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schedule {
    shape: Shape,
    /// The greatest learning rate.
    peak: f64,
    epochs: f64,
    warmup_epochs: f64,
    step_epochs: f64,
    gamma: f64,
}

/// Where one-cycle begins and ends, as shares of the peak.
const ONE_CYCLE_START: f64 = 1.0 / 25.0;
const ONE_CYCLE_END: f64 = 1.0e-4;

impl Schedule {
    pub(crate) fn new(
        shape: Shape,
        peak: f64,
        epochs: u32,
        warmup_epochs: Option<f64>,
        step_epochs: Option<i64>,
        gamma: Option<f64>,
    ) -> Self {
        let epochs = f64::from(epochs);
        let warmup_epochs = warmup_epochs.unwrap_or(match shape {
            Shape::OneCycle => 0.25 * epochs,
            Shape::Warmup => 1.0_f64.min(epochs),
            _ => 0.0,
        });
        let step_epochs = step_epochs.map_or_else(|| (epochs / 3.0).ceil(), |every| every as f64);
        Self {
            shape,
            peak,
            epochs,
            warmup_epochs: warmup_epochs.min(epochs),
            step_epochs,
            gamma: gamma.unwrap_or(0.1),
        }
    }

    /// The learning rate of the step that begins `done` epochs (with a fraction) into the training. Beyond the last
    /// epoch it stays where it ended.
    pub(crate) fn rate(&self, done: f64) -> f64 {
        let done = done.clamp(0.0, self.epochs);
        let start = if self.shape == Shape::OneCycle { ONE_CYCLE_START } else { 0.0 };
        if done < self.warmup_epochs {
            // The first step of a warm-up from 0 would be lost: begin one per mille up.
            let share = (done / self.warmup_epochs).max(1.0e-3);
            return self.peak * (start + (1.0 - start) * share);
        }
        let left = self.epochs - self.warmup_epochs;
        let share = if left > 0.0 { (done - self.warmup_epochs) / left } else { 1.0 };
        self.peak
            * match self.shape {
                Shape::Constant | Shape::Warmup => 1.0,
                Shape::Cosine => 0.5 * (1.0 + (PI * share).cos()),
                Shape::Step => self.gamma.powf((done / self.step_epochs).floor()),
                Shape::OneCycle => 1.0 - (1.0 - ONE_CYCLE_END) * share,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(shape: Shape) -> Schedule {
        Schedule::new(shape, 0.1, 8, None, None, None)
    }

    #[test]
    fn every_schedule_peaks_at_the_learning_rate_and_never_leaves_it_behind() {
        for (name, shape) in Shape::ALL {
            let rates: Vec<f64> = (0..=800).map(|i| schedule(shape).rate(f64::from(i) / 100.0)).collect();
            let peak = rates.iter().copied().fold(0.0, f64::max);
            assert!((peak - 0.1).abs() < 1e-12, "{name} peaks at {peak}");
            assert!(rates.iter().all(|&rate| rate >= 0.0), "{name}");
            assert!(rates[0] > 0.0, "{name} begins at 0");
        }
    }

    #[test]
    fn the_ends_are_where_they_should_be() {
        assert!(schedule(Shape::Cosine).rate(8.0).abs() < 1e-12);
        assert!((schedule(Shape::Cosine).rate(4.0) - 0.05).abs() < 1e-12);
        assert!((schedule(Shape::OneCycle).rate(2.0) - 0.1).abs() < 1e-12);
        assert!((schedule(Shape::OneCycle).rate(8.0) - 1e-5).abs() < 1e-12);
        assert!((schedule(Shape::Warmup).rate(0.5) - 0.05).abs() < 1e-12);
        let step = Schedule::new(Shape::Step, 0.1, 8, None, Some(2), Some(0.5));
        assert!((step.rate(1.9) - 0.1).abs() < 1e-12);
        assert!((step.rate(4.0) - 0.025).abs() < 1e-12);
    }

    #[test]
    fn beyond_the_last_epoch_the_rate_stays() {
        let constant = schedule(Shape::Constant);
        assert!((constant.rate(100.0) - 0.1).abs() < 1e-12);
        assert!((schedule(Shape::OneCycle).rate(100.0) - 1e-5).abs() < 1e-12);
    }
}
