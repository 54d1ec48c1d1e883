//! How a command ends: its exit code, and what is printed when it fails.

use std::{fmt, io, process::ExitCode};

use super::shell::{style, to_stderr};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: what was asked for is done.
    Done,
    /// 1: the job, or what was asked for, failed.
    Failed,
    /// 2: the input is wrong; the same command will fail again until it is mended.
    WrongInput,
    /// 130: interrupted from the keyboard; a second run goes on.
    Interrupted,
}

impl Exit {
    /// The code a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::WrongInput => 2,
            // 128 + SIGINT, as shells report a program that the signal ended.
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what was asked, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// The input is wrong.
    pub fn wrong_input(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::WrongInput, error: error.into(), hint: None }
    }

    /// Whether it comes from an error of this type.
    pub(super) fn is<E: std::error::Error + Send + Sync + 'static>(&self) -> bool {
        self.error.is::<E>()
    }

    /// Adds what to do about it, as a sentence without a full stop.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it to stderr: the error, one line for each cause, the hint. A reader of stdout that went away
    /// (`temper trials | head`) is no failure.
    pub(super) fn report(&self) -> Exit {
        if self.error.chain().any(is_broken_pipe) {
            return Exit::Done;
        }
        let mut lines = format!("{0}error{0:#}: {1}", style::ERROR, self.error);
        for cause in self.error.chain().skip(1) {
            lines.push_str(&format!("\n  caused by: {}", indent(&cause.to_string())));
        }
        if let Some(hint) = &self.hint {
            lines.push_str(&format!("\n\n{0}hint{0:#}: {hint}", style::HINT));
        }
        to_stderr(&lines);
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// Further lines of a cause stand under its first.
fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n             ")
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return error.kind() == io::ErrorKind::BrokenPipe;
    }
    cause
        .downcast_ref::<serde_json::Error>()
        .is_some_and(|error| error.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Failed, error, hint: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}
