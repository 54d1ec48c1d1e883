//! Configurations that people write by hand: defaults, completion and checking.

use std::collections::BTreeMap;

use super::{Configuration, Domain, Parameter, Space, Value};
use crate::{Invalid, suggest::did_you_mean};

impl Space {
    /// The configuration of [`Domain::default_value`]s.
    pub fn defaults(&self) -> Configuration {
        let mut defaults = Configuration::default();
        for parameter in &self.parameters {
            if parameter.is_active_in(&defaults) {
                defaults.0.insert(parameter.name.clone(), parameter.domain.default_value());
            }
        }
        defaults
    }

    /// Whether it is a configuration of this space: a value of its domain for each active parameter, none for any
    /// other.
    pub fn contains(&self, configuration: &Configuration) -> bool {
        let given: BTreeMap<String, Value> =
            configuration.0.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        self.complete(&given).is_ok_and(|complete| complete.0.len() == given.len())
    }

    /// The configuration with these values and [`Domain::default_value`] for every other active parameter.
    ///
    /// # Errors
    /// Everything that is wrong, by the parameter's name: unknown, inactive there, or a value it cannot take.
    pub fn complete(&self, partial: &BTreeMap<String, Value>) -> Result<Configuration, Vec<Invalid>> {
        let mut wrong = Vec::new();
        for name in partial.keys().filter(|name| self.parameter(name).is_none()) {
            let known = self.parameters.iter().map(|parameter| parameter.name.as_str());
            let problem = format!("there is no such parameter{}", did_you_mean(name, known));
            wrong.push(Invalid::new(name, problem));
        }
        let mut complete = Configuration::default();
        for parameter in &self.parameters {
            let name = parameter.name.as_str();
            let given = partial.get(name);
            let value = given.map(|value| parameter.domain.normalise(value).ok_or(value));
            if let Some(Err(value)) = &value {
                wrong.push(Invalid::new(
                    name,
                    format!("cannot be {value}: {}", parameter.domain.allowed(value)),
                ));
            }
            if parameter.is_active_in(&complete) {
                let value = value.and_then(Result::ok).unwrap_or_else(|| parameter.domain.default_value());
                complete.0.insert(parameter.name.clone(), value);
            } else if given.is_some() {
                wrong.push(Invalid::new(
                    name,
                    format!("has no value here: {}", parameter.why_inactive(&complete)),
                ));
            }
        }
        if wrong.is_empty() { Ok(complete) } else { Err(wrong) }
    }
}

impl Parameter {
    /// Whether it is active, given the values of the parameters before it.
    pub(super) fn is_active_in(&self, earlier: &Configuration) -> bool {
        self.when.iter().all(|condition| {
            let parent = earlier.get(condition.parent.as_str());
            parent.is_some_and(|value| condition.values.iter().any(|allowed| allowed.same(value)))
        })
    }

    fn why_inactive(&self, earlier: &Configuration) -> String {
        let unmet = self.when.iter().filter_map(|condition| {
            let allowed = one_of(&condition.values);
            match earlier.get(condition.parent.as_str()) {
                None => {
                    Some(format!("it needs {} to be {allowed}, which is itself inactive", condition.parent))
                }
                Some(value) if condition.values.iter().any(|known| known.same(value)) => None,
                Some(value) => Some(format!("it needs {} to be {allowed}, not {value}", condition.parent)),
            }
        });
        unmet.collect::<Vec<_>>().join("; ")
    }
}

impl Domain {
    /// What values it takes, in words, with a hint for somebody who gave `instead`.
    pub fn allowed(&self, instead: &Value) -> String {
        match self {
            Self::Float(range) => {
                let step = range.step().map_or_else(String::new, |step| format!(" in steps of {step}"));
                format!("allowed are numbers from {} to {}{step}", range.min(), range.max())
            }
            Self::Int(range) => {
                let step =
                    if range.step() == 1 { String::new() } else { format!(" in steps of {}", range.step()) };
                format!("allowed are whole numbers from {} to {}{step}", range.min(), range.max())
            }
            Self::Categorical { values, .. } => {
                format!("allowed is {}{}", one_of(values), hint(instead, values))
            }
            Self::Fixed(value) => format!("it is fixed at {value}"),
            Self::Architecture { positions } => match instead {
                Value::List(given) if given.len() == positions.len() => {
                    let misfits =
                        positions.iter().zip(given).enumerate().filter_map(|(at, (known, given))| {
                            let fits = known.iter().any(|candidate| candidate.same(given));
                            (!fits).then(|| {
                                format!("position {at} allows {}{}", one_of(known), hint(given, known))
                            })
                        });
                    misfits.collect::<Vec<_>>().join("; ")
                }
                Value::List(given) => {
                    format!(
                        "it needs {} choices, one for each position, not {}",
                        positions.len(),
                        given.len()
                    )
                }
                _ => format!("it needs a list of {} choices, one for each position", positions.len()),
            },
        }
    }
}

fn hint(instead: &Value, values: &[Value]) -> String {
    let texts = values.iter().filter_map(|value| match value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    if let Value::Text(text) = instead { did_you_mean(text, texts) } else { String::new() }
}

/// `sgd`, `sgd or adam`, `1, 2 or 3`; long lists are cut.
fn one_of(values: &[Value]) -> String {
    const SHOWN: usize = 12;
    let mut written: Vec<String> = values.iter().take(SHOWN).map(ToString::to_string).collect();
    if values.len() > SHOWN {
        return format!("one of {} and {} more", written.join(", "), values.len() - SHOWN);
    }
    let last = written.pop().unwrap_or_default();
    if written.is_empty() { last } else { format!("{} or {last}", written.join(", ")) }
}
