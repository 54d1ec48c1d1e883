//! The one decision function.
//!
//! ```text
//! executor ──► Event::Observed ──► JobState::apply          (fold, in recorded order)
//!                                  plan(&mut state, now) ──► [Action] ──► recorded, then carried out
//! ```
//! It does no I/O and reads no clock. The local executor, the simulator and the cluster drive the same function.

mod counts;
mod decide;
mod ended;
mod event;
mod front;
mod recall;
mod rules;
mod state;
mod trial;

pub use counts::Counts;
pub use decide::{may_reopen, plan, plan_for};
pub use event::{Action, Ending, Event, FinishReason, JobOutcome, Millis, Observation, StopReason};
pub use front::{LARGEST_FRONT, dominates};
pub use recall::{Recorded, Resumed};
pub use rules::{Budget, FAILURES_BEFORE_GIVING_UP, Goal, Objective, Rules, Strategy};
pub use state::JobState;
pub use trial::{Asked, Checkpoint, Outcome, Phase, Trial};

#[cfg(test)]
mod tests;
