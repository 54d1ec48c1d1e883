//! One attempt to run a trial: from the assignment to what became of it.

mod course;
mod finish;
mod output;
mod setup;
mod told;

use std::{path::PathBuf, time::Instant};

use super::{
    checkpoints::Places,
    link::Link,
    protocol::{Assignment, Checkpoint, Ended, FailureReason, Order, Outcome, Report},
};
use course::Course;
pub(super) use output::Echo;
use setup::Setup;
use told::Told;

/// An attempt that is over.
pub(super) struct Finished {
    /// To be told. Its reports are those that the link refused.
    pub(super) ended: Ended,
    /// All its reports, the newest few thousand.
    pub(super) reports: Vec<Report>,
    /// Its folder.
    pub(super) dir: PathBuf,
}

/// How the command ended.
struct End {
    outcome: Outcome,
    exit_code: Option<i32>,
    last: Option<Report>,
    checkpoint: Option<Checkpoint>,
}

/// Why an attempt cannot begin.
struct Refusal {
    reason: FailureReason,
    message: String,
}

impl Refusal {
    fn cannot_start(message: impl Into<String>) -> Self {
        Self { reason: FailureReason::CannotStart, message: message.into() }
    }
}

impl From<Refusal> for End {
    fn from(Refusal { reason, message }: Refusal) -> Self {
        Self { outcome: Outcome::Failed { reason, message }, exit_code: None, last: None, checkpoint: None }
    }
}

/// Runs an attempt to its end. When this returns nothing that it has started is left. `None` when the executor went
/// while the command ran: the attempt has come to nothing.
///
/// `early`: orders for it that have come already.
pub(super) fn run(
    assignment: &Assignment,
    places: &Places,
    early: Vec<Order>,
    link: &mut dyn Link,
    echo: Echo,
) -> Option<Finished> {
    let begun = Instant::now();
    let mut told = Told::new(link);
    let started =
        Setup::make(assignment, places).and_then(|setup| Course::start(setup, assignment, &mut told, echo));
    let End { outcome, exit_code, last, checkpoint } = match started {
        Ok(course) => course.run(early)?,
        Err(refusal) => refusal.into(),
    };
    let (unsent, reports) = told.into_reports();
    let seconds = begun.elapsed().as_secs_f64();
    let Assignment { trial, attempt, .. } = *assignment;
    Some(Finished {
        ended: Ended { trial, attempt, outcome, exit_code, reports: unsent, last, checkpoint, seconds },
        reports,
        dir: assignment.dir.clone(),
    })
}
