//! What a flag may be set to, and how a person writes that: `1e-4..0.1:log`, `16..256:16`, `sgd,adam`, `7`.

use std::fmt;

/// What a parameter of the new job takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Domain {
    /// Numbers.
    Float { min: f64, max: f64, scale: Scale },
    /// Whole numbers.
    Int { min: i64, max: i64, step: i64, scale: Scale },
    /// One of these; at least one.
    Choice(Vec<String>),
    /// Always this.
    Fixed(String),
}

/// How distances are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scale {
    #[default]
    Linear,
    Log,
    ReverseLog,
}

impl Scale {
    /// As a job writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Log => "log",
            Self::ReverseLog => "reverseLog",
        }
    }
}

/// How it may be written, for errors and questions.
pub(super) const FORMS: &str =
    "MIN..MAX, MIN..MAX:log, MIN..MAX:reverseLog, MIN..MAX:STEP, A,B,C or one value";

impl Domain {
    /// # Errors
    /// When it cannot be read; the error says what it may be.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((min, rest)) = text.split_once("..") else {
            let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
            return match values.as_slice() {
                [only] if only.is_empty() => Err(format!("there is no value in it; allowed: {FORMS}")),
                [only] => Ok(Self::Fixed(only.clone())),
                values if values.iter().any(String::is_empty) => Err(format!("{text:?} has an empty value")),
                _ => Ok(Self::Choice(values)),
            };
        };
        let (max, suffix) =
            rest.split_once(':').map_or((rest, None), |(max, suffix)| (max, Some(suffix.trim())));
        let (min, max) = (min.trim(), max.trim());
        let scale = match suffix {
            Some("log") => Scale::Log,
            Some("reverseLog" | "reverselog") => Scale::ReverseLog,
            _ => Scale::Linear,
        };
        let step = suffix.filter(|_| scale == Scale::Linear && suffix != Some("linear"));
        let domain = if let (Ok(min), Ok(max)) = (min.parse::<i64>(), max.parse::<i64>()) {
            let step = step.map_or(Ok(1), str::parse);
            let step = step.map_err(|_| format!("{suffix:?} is no scale and no step; allowed: {FORMS}"))?;
            Self::Int { min, max, step, scale }
        } else {
            let number = |text: &str| {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                number.ok_or_else(|| format!("{text:?} is no number; allowed: {FORMS}"))
            };
            if let Some(step) = step {
                return Err(format!("{step:?} is no scale: a step is for whole numbers; allowed: {FORMS}"));
            }
            Self::Float { min: number(min)?, max: number(max)?, scale }
        };
        domain.checked()
    }

    /// The same, when it makes sense.
    fn checked(self) -> Result<Self, String> {
        let (min, max, scale) = match self {
            Self::Float { min, max, scale } => (min, max, scale),
            Self::Int { min, max, scale, .. } => (min as f64, max as f64, scale),
            Self::Choice(_) | Self::Fixed(_) => return Ok(self),
        };
        if min >= max {
            return Err(format!(
                "the smallest value must be less than the largest, and {min} is not less than {max}"
            ));
        }
        match (scale, &self) {
            (Scale::Log, _) if min <= 0.0 => {
                Err(format!("a log scale needs a smallest value above 0, not {min}"))
            }
            (Scale::ReverseLog, Self::Int { .. }) => {
                Err("a reverse-log scale is for numbers below 1".to_owned())
            }
            (Scale::ReverseLog, _) if min < 0.0 || max >= 1.0 => {
                Err(format!("a reverse-log scale is for numbers from 0 to below 1, not {min} to {max}"))
            }
            (_, Self::Int { step, .. }) if *step < 1 || (max - min) % (*step as f64) != 0.0 => {
                Err(format!("a step of {step} does not lead from {min} to {max}"))
            }
            _ => Ok(self),
        }
    }
}

/// As [`Domain::parse`] reads it.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float { min, max, scale } => {
                // A float stays one: 0..1 would be read as whole numbers.
                write!(f, "{min:?}..{max:?}")?;
                suffix(f, *scale)
            }
            Self::Int { min, max, step: 1, scale } => {
                write!(f, "{min}..{max}")?;
                suffix(f, *scale)
            }
            Self::Int { min, max, step, .. } => write!(f, "{min}..{max}:{step}"),
            Self::Choice(values) => f.write_str(&values.join(",")),
            Self::Fixed(value) => f.write_str(value),
        }
    }
}

fn suffix(f: &mut fmt::Formatter<'_>, scale: Scale) -> fmt::Result {
    if scale == Scale::Linear { Ok(()) } else { write!(f, ":{}", scale.name()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "0.0001..0.1:log",
            "0.0..0.5",
            "0.5..0.99:reverseLog",
            "16..512:log",
            "32..512:32",
            "1..8",
            "sgd,adam",
            "7",
        ] {
            assert_eq!(Domain::parse(text).map(|domain| domain.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(
            Domain::parse(" 1e-4 .. 1e-1:log "),
            Ok(Domain::Float { min: 1e-4, max: 0.1, scale: Scale::Log })
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        for (text, reason) in [
            ("1..1", "must be less"),
            ("0..1.5:log", "above 0"),
            ("0.5..1.5:reverseLog", "below 1"),
            ("1..10:4", "does not lead"),
            ("a..b", "is no number"),
            ("0.1..0.5:0.1", "is for whole numbers"),
            ("a,,b", "empty"),
            ("", "no value"),
        ] {
            let error = Domain::parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
