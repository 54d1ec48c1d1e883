//! Flags of a program, however they were found out.

/// One flag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flag {
    /// As it is written: `--learning-rate`.
    pub(super) spelling: String,
    /// What it takes, where that is known.
    pub(super) takes: Option<Takes>,
    /// Its default, as text.
    pub(super) default: Option<String>,
    /// The values it takes, where there is a list.
    pub(super) choices: Vec<String>,
    /// Whether the program does not start without it.
    pub(super) required: bool,
    /// What it says of itself.
    pub(super) help: String,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// A number.
    Float,
    /// A whole number.
    Int,
    /// Some text.
    Text,
    /// Nothing: it is there or not.
    Nothing,
}

impl Flag {
    /// Its name without dashes, its parts joined by `_`.
    pub(super) fn name(&self) -> String {
        self.spelling.trim_start_matches('-').replace(['-', '.'], "_")
    }

    /// What it takes, where nothing says so: what its default looks like.
    pub(super) fn guess_takes(mut self) -> Self {
        if self.takes.is_none() {
            self.takes = self.default.as_deref().and_then(takes_of);
        }
        self
    }
}

/// What a text could be a value of.
pub(super) fn takes_of(text: &str) -> Option<Takes> {
    if text.parse::<i64>().is_ok() {
        Some(Takes::Int)
    } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
        Some(Takes::Float)
    } else if matches!(text, "True" | "False" | "true" | "false") || text.is_empty() {
        None
    } else {
        Some(Takes::Text)
    }
}
