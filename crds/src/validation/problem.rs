//! What is wrong with a manifest, for who reads it.

use std::fmt;

use serde::Serialize;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// One thing that is wrong, or that deserves a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the field: `spec.parameters[1].min`. Empty when the text as a whole is meant.
    pub path: String,
    /// Where it stands in the text, where there is one.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What is wrong, what was given and what is allowed.
    pub message: String,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), position: None, message: message.into() }
    }

    pub(super) fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }
}

/// `12:9: spec.parameters[1].min: must be less than max, ...`, without what is not known.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a manifest; at least one error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// What must be mended, in the order of the text.
    pub errors: Vec<Problem>,
    /// What should be looked at.
    pub warnings: Vec<Problem>,
}

impl Errors {
    pub(super) fn one(problem: Problem) -> Self {
        Self { errors: vec![problem], warnings: Vec::new() }
    }

    /// For a terminal: `job.yaml:12:9: spec.parameters[1].min: ...`, one a line, warnings after errors, then how many
    /// there are. `source` is the name of the file.
    pub fn render(&self, source: &str) -> String {
        let mut lines: Vec<String> = self.errors.iter().map(|error| line(source, "", error)).collect();
        lines.extend(self.warnings.iter().map(|warning| line(source, "warning: ", warning)));
        let mut count = counted(self.errors.len(), "error");
        if !self.warnings.is_empty() {
            count = format!("{count}, {}", counted(self.warnings.len(), "warning"));
        }
        lines.push(count);
        lines.join("\n")
    }
}

/// Warnings alone, for a terminal, as [`Errors::render`] has them.
pub fn render_warnings(warnings: &[Problem], source: &str) -> String {
    warnings.iter().map(|warning| line(source, "warning: ", warning)).collect::<Vec<_>>().join("\n")
}

fn line(source: &str, kind: &str, problem: &Problem) -> String {
    let separator = if problem.position.is_some() { ":" } else { ": " };
    let text = Problem { message: String::new(), ..problem.clone() }.to_string();
    format!("{source}{separator}{text}{kind}{}", problem.message)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// All errors in one text, for a condition's message: no positions, one a line.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
