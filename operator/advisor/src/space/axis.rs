//! The way from a number's distance from its minimum to the unit interval and back: first its scale, then its prior.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::{Prior, Scale};

/// Share of a normal prior that is spread evenly over the range. With it no part of the range is out of reach
/// however narrow the prior is, and coordinates keep enough digits to be turned back into the value they came from.
const EVEN_SHARE: f64 = 0.01;

/// A range of numbers measured in a scale and weighed by a prior.
///
/// Numbers are given as offsets from the minimum, so that narrow ranges far from zero lose no digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    min: f64,
    /// The range, in the scale; zero is the minimum.
    low: f64,
    high: f64,
    bell: Option<Bell>,
}

/// A normal distribution cut off at the ends of the range, in the scale.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bell {
    mean: f64,
    sd: f64,
    /// Normal distribution function at the lower end, and its increase up to the upper one.
    below: f64,
    within: f64,
}

/// The normal distribution function, less one half.
fn half_normal(z: f64) -> f64 {
    0.5 * libm::erf(z * FRAC_1_SQRT_2)
}

impl Axis {
    /// An axis for numbers from `min + low` to `min + high`.
    pub(super) fn new(scale: Scale, prior: Prior, min: f64, (low, high): (f64, f64)) -> Self {
        let mut axis = Self { scale, min, low: 0.0, high: 0.0, bell: None };
        axis.low = axis.measure(low);
        axis.high = axis.measure(high);
        // A bell a million times wider than the range is even to the last digit that matters.
        if let Prior::Normal { mean, sd } = prior
            && sd < 1e6 * (axis.high - axis.low)
        {
            // Whole numbers beyond 2^53 are not floats: such a mean may have been rounded out of the range.
            let mean = axis.measure(mean - min).clamp(axis.low, axis.high);
            let below = half_normal((axis.low - mean) / sd);
            let within = half_normal((axis.high - mean) / sd) - below;
            axis.bell = Some(Bell { mean, sd, below, within });
        }
        axis
    }

    /// The offset in the scale, 0 at the minimum.
    pub(super) fn measure(&self, offset: f64) -> f64 {
        match self.scale {
            Scale::Linear => offset,
            Scale::Log if offset > self.min => (self.min + offset).ln() - self.min.ln(),
            Scale::Log => (offset / self.min).ln_1p(),
            Scale::ReverseLog => -(-offset / (1.0 - self.min)).ln_1p(),
        }
    }

    /// Inverse of [`Axis::measure`].
    pub(super) fn unmeasure(&self, measured: f64) -> f64 {
        match self.scale {
            Scale::Linear => measured,
            Scale::Log if measured > 1.0 => (measured + self.min.ln()).exp() - self.min,
            Scale::Log => self.min * measured.exp_m1(),
            Scale::ReverseLog => -(1.0 - self.min) * (-measured).exp_m1(),
        }
    }

    /// Share of the prior below this offset, in [0, 1].
    pub(super) fn coordinate(&self, offset: f64) -> f64 {
        self.below(self.measure(offset)).clamp(0.0, 1.0)
    }

    /// Inverse of [`Axis::coordinate`].
    pub(super) fn offset(&self, coordinate: f64) -> f64 {
        let linear = self.low + coordinate * (self.high - self.low);
        let measured = if self.bell.is_none() { linear } else { self.quantile(coordinate, linear) };
        self.unmeasure(measured)
    }

    /// The step a coordinate stands for.
    pub(super) fn level(&self, coordinate: f64, step: f64, levels: u64) -> u64 {
        // Negative just below the first value: the conversion makes it 0.
        ((self.offset(coordinate) / step).round() as u64).min(levels - 1)
    }

    /// Coordinates that stand for one step: half a step to both sides.
    pub(super) fn cell(&self, level: u64, step: f64, levels: u64) -> (f64, f64) {
        let edge = |above: u64| self.coordinate((above as f64 - 0.5) * step);
        let low = if level == 0 { 0.0 } else { edge(level) };
        let high = if level + 1 >= levels { 1.0 } else { edge(level + 1) };
        (low, high)
    }

    /// Offset of the middle of a range of this width in the scale, or of the prior's mean.
    pub(super) fn middle(&self, prior: Prior, min: f64, width: f64) -> f64 {
        match prior {
            Prior::Uniform => self.unmeasure(0.5 * self.measure(width)),
            Prior::Normal { mean, .. } => (mean - min).clamp(0.0, width),
        }
    }

    fn below(&self, measured: f64) -> f64 {
        let even = (measured - self.low) / (self.high - self.low);
        self.bell.map_or(even, |bell| EVEN_SHARE * even + (1.0 - EVEN_SHARE) * bell.below(measured))
    }

    fn density(&self, measured: f64) -> f64 {
        let even = 1.0 / (self.high - self.low);
        self.bell.map_or(even, |bell| EVEN_SHARE * even + (1.0 - EVEN_SHARE) * bell.density(measured))
    }

    /// Where [`Axis::below`] is `share`: Newton's method, with bisection wherever it would leave the bracket.
    fn quantile(&self, share: f64, start: f64) -> f64 {
        let (mut low, mut high, mut at) = (self.low, self.high, start);
        // Bisection alone needs 53 halvings to the last bit.
        for _ in 0..64 {
            let excess = self.below(at) - share;
            if excess > 0.0 {
                high = at;
            } else {
                low = at;
            }
            let newton = at - excess / self.density(at);
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if (next - at).abs() <= f64::EPSILON * (self.high - self.low) {
                return next;
            }
            at = next;
        }
        at
    }
}

impl Bell {
    fn below(&self, measured: f64) -> f64 {
        (half_normal((measured - self.mean) / self.sd) - self.below) / self.within
    }

    fn density(&self, measured: f64) -> f64 {
        let z = (measured - self.mean) / self.sd;
        // 2 / sqrt(pi) over 2 sqrt(2) is 1 / sqrt(2 pi).
        (-0.5 * z * z).exp() * std::f64::consts::FRAC_2_SQRT_PI / (2.0 * SQRT_2) / (self.sd * self.within)
    }
}
