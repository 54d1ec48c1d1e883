//! Scales: from values to places on an axis, and the ticks between.

use super::number::{decimals_for, plain, power_of_ten, span};

/// How values lie along an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences are equally wide. `min < max`.
    Linear {
        /// Value at the low end.
        min: f64,
        /// Value at the high end.
        max: f64,
        /// What the values are.
        unit: Unit,
    },
    /// Equal ratios are equally wide. `0 < min < max`.
    Log {
        /// Value at the low end.
        min: f64,
        /// Value at the high end.
        max: f64,
    },
    /// Equal ratios of 1 - x are equally wide: fine near 1. `min < max < 1`.
    ReverseLog {
        /// Value at the low end.
        min: f64,
        /// Value at the high end.
        max: f64,
    },
    /// One place for each of these, which are at 0, 1, 2, ...
    Categories(Vec<String>),
}

/// What the values on a linear axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Any numbers.
    Number,
    /// Whole numbers: no tick between them.
    Whole,
    /// Milliseconds, shown as seconds, minutes, hours or days.
    Millis,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, from 0 to 1.
    pub at: f64,
    /// What is written there; empty for a minor tick.
    pub label: String,
}

impl Scale {
    /// Linear from the smallest to the largest of these, with some room; around a single value where there is one
    /// only.
    pub fn linear(values: impl IntoIterator<Item = f64>, unit: Unit) -> Self {
        let (min, max) = extent(values).unwrap_or((0.0, 1.0));
        let pad = match (max - min, unit) {
            (0.0, Unit::Number) => (min.abs() * 0.1).max(0.01),
            (0.0, _) => 1.0,
            (_, Unit::Whole | Unit::Millis) => 0.0,
            (width, Unit::Number) => width * 0.04,
        };
        Self::Linear { min: min - pad, max: max + pad, unit }
    }

    /// Where a value lies, from 0 to 1 within the axis.
    pub fn at(&self, value: f64) -> f64 {
        match self {
            Self::Linear { min, max, .. } => (value - min) / (max - min),
            Self::Log { min, max } => (value / min).ln() / (max / min).ln(),
            Self::ReverseLog { min, max } => {
                ((1.0 - min) / (1.0 - value)).ln() / ((1.0 - min) / (1.0 - max)).ln()
            }
            Self::Categories(names) => (value + 0.5) / names.len() as f64,
        }
    }

    /// Ticks, about `wanted` of them labelled, in order.
    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        match self {
            Self::Linear { min, max, unit } => self.linear_ticks(*min, *max, *unit, wanted),
            Self::Log { min, max } => self.log_ticks(*min, *max, wanted),
            Self::ReverseLog { min, max } => self.reverse_log_ticks(*min, *max, wanted),
            Self::Categories(names) => names
                .iter()
                .enumerate()
                .map(|(position, name)| Tick { at: self.at(position as f64), label: name.clone() })
                .collect(),
        }
    }

    fn linear_ticks(&self, min: f64, max: f64, unit: Unit, wanted: usize) -> Vec<Tick> {
        let step = match unit {
            Unit::Number => nice_step((max - min) / wanted.max(1) as f64),
            Unit::Whole => nice_step((max - min) / wanted.max(1) as f64).max(1.0),
            Unit::Millis => nice_millis((max - min) / wanted.max(1) as f64),
        };
        // A little beyond both ends, so that an end that is a tick is one despite rounding.
        let first = (min / step - 1e-9).ceil();
        let count = (max / step + 1e-9).floor() - first;
        let largest = min.abs().max(max.abs());
        (0..=count.max(0.0) as usize)
            .map(|k| (first + k as f64) * step)
            .map(|value| Tick {
                at: self.at(value),
                label: match unit {
                    Unit::Number if !(1e-4..1e6).contains(&largest) => power_of_ten(value, step),
                    Unit::Number => plain(value, decimals_for(step)),
                    Unit::Whole => plain(value, 0),
                    Unit::Millis => span(value, step),
                },
            })
            .collect()
    }

    fn log_ticks(&self, min: f64, max: f64, wanted: usize) -> Vec<Tick> {
        let (low, high) = ((min.log10() + 1e-9).floor() as i32, (max.log10() - 1e-9).ceil() as i32);
        let decades = (max / min).log10();
        // Under two decades 1, 2, 5 are labelled, above that every decade or every so many.
        let labelled: &[u32] = match decades {
            d if d < 1.0 => &[1, 2, 3, 4, 5, 6, 7, 8, 9],
            d if d < 2.2 && wanted >= 4 => &[1, 2, 5],
            _ => &[1],
        };
        let every = ((decades / wanted.max(1) as f64).ceil() as i32).max(1);
        // Over many decades all of them are powers; over few, numbers are easier to read.
        let name = |value: f64| if decades > 5.0 { power_of_ten(value, value) } else { short(value) };
        let inside = |value: f64| value >= min * (1.0 - 1e-9) && value <= max * (1.0 + 1e-9);
        let mut ticks = Vec::new();
        for exponent in low..=high {
            for digit in 1..=9 {
                let value = f64::from(digit) * 10f64.powi(exponent);
                if !inside(value) {
                    continue;
                }
                let says = labelled.contains(&digit) && exponent.rem_euclid(every) == 0;
                let label = if says { name(value) } else { String::new() };
                ticks.push(Tick { at: self.at(value), label });
            }
        }
        if ticks.iter().filter(|tick| !tick.label.is_empty()).count() < 2 {
            return self.ends(&[min, max], ticks);
        }
        ticks
    }

    fn reverse_log_ticks(&self, min: f64, max: f64, wanted: usize) -> Vec<Tick> {
        let candidates =
            [0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999, 0.99999, 0.999_999];
        let values: Vec<f64> =
            candidates.into_iter().filter(|value| (min - 1e-12..=max + 1e-12).contains(value)).collect();
        if values.len() < 2 {
            return self.ends(&[min, max], Vec::new());
        }
        let every = values.len().div_ceil(wanted.max(2));
        values
            .iter()
            .enumerate()
            .map(|(k, &value)| Tick {
                at: self.at(value),
                label: if k % every == 0 { short(value) } else { String::new() },
            })
            .collect()
    }

    /// A range so narrow that no round number lies in it is labelled at its ends.
    fn ends(&self, values: &[f64], unlabelled: Vec<Tick>) -> Vec<Tick> {
        let mut ticks: Vec<Tick> =
            unlabelled.into_iter().map(|tick| Tick { label: String::new(), ..tick }).collect();
        ticks.extend(values.iter().map(|&value| Tick { at: self.at(value), label: short(value) }));
        ticks.sort_by(|a, b| a.at.total_cmp(&b.at));
        ticks
    }
}

/// Smallest and largest of the finite ones.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((min, max)) => Some((f64::min(min, value), f64::max(max, value))),
    })
}

/// A number as a tick of a logarithmic axis says it.
fn short(value: f64) -> String {
    if (1e-3..1e5).contains(&value) || value == 0.0 {
        return value.to_string();
    }
    power_of_ten(value, value)
}

/// The nearest, by ratio, of 1, 2, 5 times a power of ten.
fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let digit = match rough / power {
        // Geometric means of neighbours.
        ratio if ratio < 2f64.sqrt() => 1.0,
        ratio if ratio < 10f64.sqrt() => 2.0,
        ratio if ratio < 50f64.sqrt() => 5.0,
        _ => 10.0,
    };
    digit * power
}

/// The next duration that clocks are divided by, in milliseconds.
fn nice_millis(rough: f64) -> f64 {
    const SECONDS: [f64; 19] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
        10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
    ];
    if rough < 1_000.0 {
        return nice_step(rough);
    }
    let seconds = rough / 1_000.0;
    let nice = SECONDS.into_iter().find(|&step| step >= seconds);
    nice.unwrap_or_else(|| nice_step(seconds / 86_400.0) * 86_400.0) * 1_000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: &Scale, wanted: usize) -> Vec<String> {
        scale.ticks(wanted).into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    fn linear(min: f64, max: f64, unit: Unit) -> Scale {
        Scale::Linear { min, max, unit }
    }

    #[test]
    fn linear_ticks_are_round_numbers_with_as_many_decimals_as_they_need() {
        assert_eq!(labels(&linear(0.0, 1.0, Unit::Number), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(-3.0, 7.0, Unit::Number), 5), ["−2", "0", "2", "4", "6"]);
        assert_eq!(labels(&linear(0.0, 3.0, Unit::Whole), 8), ["0", "1", "2", "3"]);
        assert_eq!(labels(&linear(0.0, 4e-6, Unit::Number), 2), ["0", "2×10⁻⁶", "4×10⁻⁶"]);
        assert_eq!(labels(&linear(0.85, 0.95, Unit::Number), 4), ["0.86", "0.88", "0.90", "0.92", "0.94"]);
    }

    #[test]
    fn time_is_told_as_clocks_tell_it() {
        assert_eq!(labels(&linear(0.0, 90e3, Unit::Millis), 3), ["0 s", "30 s", "60 s", "90 s"]);
        assert_eq!(labels(&linear(0.0, 600e3, Unit::Millis), 2), ["0 min", "5 min", "10 min"]);
        assert_eq!(
            labels(&linear(0.0, 7.2e6, Unit::Millis), 4),
            ["0 min", "30 min", "60 min", "90 min", "120 min"]
        );
        assert_eq!(labels(&linear(0.0, 40.0, Unit::Millis), 2), ["0 ms", "20 ms", "40 ms"]);
    }

    #[test]
    fn log_ticks_are_decades_and_within_few_decades_their_parts() {
        let log = |min, max| Scale::Log { min, max };
        assert_eq!(labels(&log(1e-4, 1e-1), 6), ["10⁻⁴", "0.001", "0.01", "0.1"]);
        assert_eq!(labels(&log(10.0, 500.0), 6), ["10", "20", "50", "100", "200", "500"]);
        assert_eq!(labels(&log(1e-12, 1.0), 4), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]);
        assert_eq!(labels(&log(0.13, 0.19), 4), ["0.13", "0.19"]);
    }

    #[test]
    fn reverse_log_is_fine_near_one() {
        let scale = Scale::ReverseLog { min: 0.5, max: 0.999 };
        assert!(scale.at(0.99) - scale.at(0.9) > scale.at(0.9) - scale.at(0.8));
        assert_eq!(
            labels(&Scale::ReverseLog { min: 0.0, max: 0.99 }, 9),
            ["0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99"]
        );
    }

    proptest! {
        #[test]
        fn ticks_lie_on_the_axis_in_order_and_at_least_two_are_labelled(
            min in 1e-6..1e3f64, width in 1e-3..1e6f64, wanted in 2usize..9, log in any::<bool>()
        ) {
            let max = min + width;
            let scale = if log { Scale::Log { min, max } } else { linear(min, max, Unit::Number) };
            let ticks = scale.ticks(wanted);
            prop_assert!(ticks.iter().all(|tick| (-1e-6..=1.0 + 1e-6).contains(&tick.at)), "{:?}", ticks);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].at <= pair[1].at));
            let labelled: Vec<_> = ticks.iter().map(|t| &t.label).filter(|l| !l.is_empty()).collect();
            prop_assert!(labelled.len() >= if log { 2 } else { 1 }, "{:?}", ticks);
            prop_assert!(labelled.len() <= 3 * wanted + 9, "{:?}", ticks);
        }

        #[test]
        fn the_ends_of_a_scale_are_at_its_ends(min in 1e-6..0.4f64, width in 1e-3..0.5f64) {
            let max = min + width;
            for scale in [linear(min, max, Unit::Number), Scale::Log { min, max }, Scale::ReverseLog { min, max }] {
                prop_assert!(scale.at(min).abs() < 1e-9 && (scale.at(max) - 1.0).abs() < 1e-9);
            }
        }
    }
}
