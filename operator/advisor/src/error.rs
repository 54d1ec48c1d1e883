//! What is wrong with a setting, in the words of whoever has to mend it.

/// One thing that is wrong with a setting: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Path of the field, relative to whatever was being read: `min`, `values[2]`, `when.optimizer`.
    pub field: String,
    /// What is wrong, what was given and what is allowed, as one sentence without a full stop.
    pub problem: String,
}

impl Invalid {
    /// `field` is relative to what is being read; it may be empty when the whole is meant.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same error seen from one level further out: `parent.field`, or `parent[2]` where the field is an index.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        let separator = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{parent}{separator}{}", self.field);
        self
    }
}
