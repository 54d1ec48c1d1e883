//! Why a command ended without its result, and the exit code that says so.

/// A failed `train` or `evaluate`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for cannot be: every problem, one an entry. Exit code 2.
    #[error("{}", .0.join("\n"))]
    Input(Vec<String>),
    /// It could be, and went wrong. Exit code 1.
    #[error("{0:#}")]
    Run(#[from] anyhow::Error),
}

impl Failure {
    pub(crate) fn input(problem: impl Into<String>) -> Self {
        Self::Input(vec![problem.into()])
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 2,
            Self::Run(_) => 1,
        }
    }
}

impl From<tch::TchError> for Failure {
    fn from(error: tch::TchError) -> Self {
        Self::Run(error.into())
    }
}
