//! What is to be done with each flag, before and after a person had a say.

use std::fmt;

use temper_advisor::{ParamName, suggest::did_you_mean};

use super::{
    domain::Domain,
    flag::{Flag, Takes},
    guess::{Guess, guess},
    manifest::Parameter,
    program::Program,
};

/// What is to be done with a flag.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Treatment {
    /// Search these values.
    Tune(Domain),
    /// Always this value; the length of a trial is one of these.
    Fix(String),
    /// It stays as it is.
    Leave,
    /// It has no default, and the command does not start without it.
    Missing,
}

impl Treatment {
    /// One value is fixed, several are searched.
    pub(super) fn of(domain: Domain) -> Self {
        match domain {
            Domain::Fixed(value) => Self::Fix(value),
            domain => Self::Tune(domain),
        }
    }

    /// How a person would type it.
    pub(super) fn answer(&self) -> Option<String> {
        match self {
            Self::Tune(domain) => Some(domain.to_string()),
            Self::Fix(value) => Some(value.clone()),
            Self::Leave => Some("-".to_owned()),
            Self::Missing => None,
        }
    }
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tune(domain) => write!(f, "search {domain}"),
            Self::Fix(value) => write!(f, "always {value}"),
            Self::Leave => f.write_str("leave it"),
            Self::Missing => f.write_str("needs a value"),
        }
    }
}

/// Everything that is to be done.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    choices: Vec<(Flag, Treatment)>,
    /// Flag of the length of a trial.
    length: Option<String>,
}

impl Draft {
    /// The guesses for a program's flags, those that its command sets left out.
    pub(super) fn of(program: &Program) -> Self {
        let mut length = None;
        let choices = program
            .flags
            .iter()
            .filter(|flag| flag.takes != Some(Takes::Nothing) && !program.sets(&flag.spelling))
            .map(|flag| {
                let treatment = match guess(flag) {
                    Guess::Tune(domain) => Treatment::Tune(domain),
                    Guess::Length(steps) => {
                        length.get_or_insert_with(|| flag.spelling.clone());
                        Treatment::Fix(steps.to_string())
                    }
                    Guess::Leave if flag.required => Treatment::Missing,
                    Guess::Leave => Treatment::Leave,
                };
                (flag.clone(), treatment)
            })
            .collect();
        Self { choices, length }
    }

    /// Takes what was asked for on the command line.
    ///
    /// # Errors
    /// When a flag is to be left that is not there.
    pub(super) fn settle(&mut self, parameters: &[(String, Domain)], leave: &[String]) -> Result<(), String> {
        for (name, domain) in parameters {
            let treatment = Treatment::of(domain.clone());
            if let Some((_, chosen)) = self.choices.iter_mut().find(|(flag, _)| flag.name() == *name) {
                *chosen = treatment;
            } else {
                let flag = Flag { spelling: format!("--{name}"), ..Flag::default() };
                self.choices.push((flag, treatment));
            }
        }
        for name in leave {
            let wanted = name.trim_start_matches('-').replace(['-', '.'], "_");
            match self.choices.iter_mut().find(|(flag, _)| flag.name() == wanted) {
                Some((flag, _)) if flag.required => {
                    return Err(format!("{name} cannot be left: the command does not start without it"));
                }
                Some((_, chosen)) => *chosen = Treatment::Leave,
                None => {
                    let names: Vec<String> = self.choices.iter().map(|(flag, _)| flag.name()).collect();
                    let hint = did_you_mean(&wanted, names.iter().map(String::as_str));
                    return Err(format!("there is no flag {name} to leave{hint}"));
                }
            }
        }
        Ok(())
    }

    /// Each flag and what is to be done with it.
    pub(super) fn choices(&self) -> &[(Flag, Treatment)] {
        &self.choices
    }

    /// The same, to be changed.
    pub(super) fn choices_mut(&mut self) -> impl Iterator<Item = (&Flag, &mut Treatment)> {
        self.choices.iter_mut().map(|(flag, treatment)| (&*flag, treatment))
    }

    /// Flags without which the command does not start.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.choices
            .iter()
            .filter(|(_, treatment)| *treatment == Treatment::Missing)
            .map(|(flag, _)| flag.spelling.as_str())
    }

    /// How long a trial is.
    pub(super) fn length(&self) -> Option<i64> {
        let name = self.length.as_ref()?;
        self.choices.iter().find(|(flag, _)| flag.spelling == *name).and_then(
            |(_, treatment)| match treatment {
                Treatment::Fix(steps) => steps.parse().ok(),
                _ => None,
            },
        )
    }

    /// The parameters of the job.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        self.choices
            .iter()
            .filter_map(|(flag, treatment)| {
                let domain = match treatment {
                    Treatment::Tune(domain) => domain.clone(),
                    Treatment::Fix(value) => Domain::Fixed(value.clone()),
                    Treatment::Leave | Treatment::Missing => return None,
                };
                let default = flag.default.as_ref().map(|default| format!("default {default}"));
                let parts: Vec<String> =
                    [Some(one_line(&flag.help)).filter(|help| !help.is_empty()), default]
                        .into_iter()
                        .flatten()
                        .collect();
                Some(Parameter { name: name_of(flag), domain, comment: parts.join("; ") })
            })
            .collect()
    }

    /// A line for each flag that is left as it is.
    pub(super) fn left(&self) -> Vec<String> {
        let left = self.choices.iter().filter(|(_, treatment)| *treatment == Treatment::Leave);
        left.map(|(flag, _)| match &flag.default {
            Some(default) => one_line(&format!("{} {default}", flag.spelling)),
            None => flag.spelling.clone(),
        })
        .collect()
    }

    /// The command with a flag for each parameter that it does not name already.
    pub(super) fn command(&self, program: &Program) -> Vec<String> {
        let mut command = program.command.clone();
        for (flag, treatment) in &self.choices {
            let name = name_of(flag);
            let value = format!("$(PARAM_{name})");
            if matches!(treatment, Treatment::Leave | Treatment::Missing)
                || program.command.iter().any(|word| word.contains(&value))
            {
                continue;
            }
            // `-l=0.1` means something else to most programs; `-lr=0.1` is Go's.
            if flag.spelling.trim_start_matches('-').len() == 1 {
                command.extend([flag.spelling.clone(), value]);
            } else {
                command.push(format!("{}={value}", flag.spelling));
            }
        }
        command
    }
}

/// The name of a flag's parameter.
///
/// # Errors
/// When it cannot be one.
pub(super) fn parameter_name(flag: &str) -> Result<String, String> {
    let name = flag.trim().trim_start_matches('-').replace(['-', '.'], "_");
    ParamName::parse(&name).map(|name| name.to_string()).map_err(|invalid| invalid.problem)
}

fn name_of(flag: &Flag) -> String {
    // A flag's characters are letters, digits, dashes and dots; only a leading digit is in the way.
    let name = flag.name();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// A text for one line of comment.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 90;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}
