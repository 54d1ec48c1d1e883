//! No scheduler: every trial runs to its end.

use super::{Ending, Goal, Scheduler, Verdict, read};
use crate::{
    Resource, TrialIndex,
    registry::{NoOptions, Registration},
};

/// `None`.
pub(super) const REGISTRATION: Registration<super::BuildScheduler> = Registration {
    name: super::NONE,
    summary: "Every trial runs to its end: when trials are short, or worth nothing unless complete.",
    options: || schemars::schema_for!(NoOptions),
    build: |context, options| {
        read::<NoOptions>(options)?;
        Ok(Box::new(RunToTheEnd { max: context.max }))
    },
};

struct RunToTheEnd {
    max: Option<Resource>,
}

impl Scheduler for RunToTheEnd {
    fn goal(&self, _: TrialIndex) -> Option<Goal> {
        Some(Goal { run_to: self.max, bracket: 0 })
    }
    fn started(&mut self, _: TrialIndex, _: Goal) {}
    fn reported(&mut self, _: TrialIndex, _: Resource, _: f64) -> Verdict {
        Verdict::Continue
    }
    fn ended(&mut self, _: TrialIndex, _: Ending) {}
    fn rungs(&self) -> Vec<Resource> {
        self.max.into_iter().collect()
    }
    fn explain(&self) -> String {
        match self.max {
            Some(max) => format!("Every trial runs to {max}."),
            None => "Every trial runs to its own end.".to_owned(),
        }
    }
}
