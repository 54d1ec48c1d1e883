//! The ask-tell protocol: a job whose trials somebody else runs, in lines of JSON.
//!
//! ```text
//! {"ask": 1}                                                     {"trials": [{"id": 0, "parameters": {"x": 0.5}}]}
//! {"tell": {"id": 0, "metrics": {"y": 0.3}}}                     {"ok": true}
//! {"tell": {"id": 0, "metrics": {"y": 0.3}, "step": 1}}          {"ok": true, "decision": "continue"}
//! {"tell": {"id": 0, "failed": true}}                            {"ok": true}
//! anything else                                                  {"error": "..."}
//! ```
//! - A trial under a scheduler has `"runTo"`: how far it may go. `tell` with a `step` is a report on the way; without,
//!   it is what came of the trial at the end of the way, and the trial ends (or waits at its rung).
//! - A `decision` is there when anything decides on reports: a scheduler, `earlyStopping` or `stopWhen`. After `stop`
//!   the trial is over. After `pause` it waits; a later ask may give it out again with `"resume": true` and a higher
//!   `runTo`.
//! - A trial that failed and has retries left is given out again with `"attempt"` above 1.
//! - An ask may get fewer trials than it asked for, with a `"reason"`: the job is over, or the scheduler waits for
//!   trials that run.
//!
//! The job's parallelism is not looked at: whoever asks has a place. Nothing else differs from other executors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use temper_advisor::{Invalid, Resource, TrialIndex, schedule, space::Configuration, suggest::did_you_mean};
use temper_crds::job::Job;

use crate::{
    plan::{Action, Asked, Ending, Event, JobState, Millis, Observation, Outcome, Phase, Trial, plan_for},
    warm_start::Learned,
};

/// Most trials of one ask: a slip of the keyboard should not fill the memory.
const MOST: u32 = 100_000;

/// A job whose trials somebody else runs.
pub struct AskTell {
    state: JobState,
    /// Whether reports are decided on.
    decides: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    id: u32,
    #[serde(default)]
    metrics: Map<String, Value>,
    #[serde(default)]
    step: Option<Resource>,
    #[serde(default)]
    failed: bool,
    /// Why it failed.
    #[serde(default)]
    message: Option<String>,
}

/// A trial that is given out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Given<'a> {
    id: u32,
    parameters: &'a Configuration,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_to: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resume: bool,
    #[serde(skip_serializing_if = "is_first")]
    attempt: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

/// What is to become of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Continue,
    Stop,
    Pause,
}

impl AskTell {
    /// A job that begins at `now`, with what it learned from earlier ones.
    ///
    /// # Errors
    /// What is wrong with the search or the scheduler; a [`Job`] was found to be right in both.
    pub fn new(job: &Job, learned: Option<Learned>, now: Millis) -> Result<Self, Vec<Invalid>> {
        let mut state = JobState::of(job)?;
        if let Some(learned) = learned {
            state.apply(now, &Event::Observed(learned.into()));
        }
        state.apply(now, &Event::Observed(Observation::Opened));
        let decides = job.settings.scheduler.kind != schedule::NONE
            || job.stop_rules.early_stopping.is_some()
            || !job.stop_rules.stop_when.is_empty();
        Ok(Self { state, decides })
    }

    /// The answer to one line: one JSON object.
    pub fn answer(&mut self, line: &str, now: Millis) -> Value {
        self.understand(line, now).unwrap_or_else(|error| json!({ "error": error }))
    }

    fn understand(&mut self, line: &str, now: Millis) -> Result<Value, String> {
        const KNOWN: [&str; 2] = ["ask", "tell"];
        let forms = r#"write {"ask": 1} or {"tell": {"id": 0, "metrics": {...}}}"#;
        let request: Value = serde_json::from_str(line).map_err(|error| {
            let hint = if line.contains("NaN") || line.contains("Infinity") {
                "; a metric that is no finite number is a failure: \"failed\": true"
            } else {
                ""
            };
            format!("this is no JSON: {error}{hint}; {forms}")
        })?;
        let Value::Object(mut request) = request else {
            return Err(format!("this is no object; {forms}"));
        };
        if let Some(unknown) = request.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("{unknown:?} is not known{}; {forms}", did_you_mean(unknown, KNOWN)));
        }
        match (request.remove("ask"), request.remove("tell")) {
            (Some(ask), None) => {
                let count = ask.as_u64().and_then(|count| u32::try_from(count).ok());
                let count = count.filter(|count| (1..=MOST).contains(count));
                let count = count.ok_or_else(|| format!("ask for 1 to {MOST} trials, not {ask}"))?;
                Ok(self.ask(count, now))
            }
            (None, Some(tell)) => {
                let tell = serde_json::from_value(tell).map_err(|error| format!("tell: {error}"))?;
                self.tell(tell, now)
            }
            (Some(_), Some(_)) => Err("ask and tell in lines of their own".to_owned()),
            (None, None) => Err(format!("this asks and tells nothing; {forms}")),
        }
    }

    fn ask(&mut self, count: u32, now: Millis) -> Value {
        let places = self.state.counts().running.saturating_add(count);
        let actions = plan_for(&mut self.state, now, places);
        let started = actions.iter().filter_map(|action| match action {
            Action::Start { trial, .. } => Some(*trial),
            _ => None,
        });
        let given: Vec<Given<'_>> = started.filter_map(|index| given(&self.state, index)).collect();
        let missing = (given.len() as u64) < u64::from(count);
        let mut answer = json!({ "trials": given });
        if missing {
            answer["reason"] = self.why_no_more().into();
        }
        answer
    }

    fn why_no_more(&self) -> String {
        let running = self.state.counts().running;
        match self.state.outcome() {
            Some(outcome) => format!("the job is over: {}", outcome.message),
            None if running > 0 => {
                format!("there is nothing to start before something is told of the {running} trials that run")
            }
            None => "there is nothing to start now".to_owned(),
        }
    }

    fn tell(&mut self, tell: Tell, now: Millis) -> Result<Value, String> {
        let index = TrialIndex(tell.id);
        let trial = self.running(index)?;
        let attempt = trial.attempts;
        let ended = if tell.failed {
            let message = tell.message.unwrap_or_else(|| "it was told to have failed".to_owned());
            Some(Ending::Failed { reason: "Told".to_owned(), message, retryable: true })
        } else {
            let metrics = self.metrics(&tell.metrics)?;
            let resource = resource(trial, tell.step)?;
            let run_to = trial.run_to;
            let reported = Observation::Reported { trial: index, attempt, resource, metrics };
            self.see(reported, now);
            // At the end of its way, and at the end of all ways, a trial ends by itself.
            let arrived = tell.step.is_none() || run_to.is_some_and(|run_to| resource >= run_to);
            arrived.then_some(Ending::Succeeded)
        };
        self.decide(now);
        let asked = self.state.trial(index).map(|trial| trial.phase.clone());
        let ended = ended.or(match asked {
            Some(Phase::Running { asked: Some(Asked::Stop(_)) }) => Some(Ending::Stopped),
            Some(Phase::Running { asked: Some(Asked::Pause) }) => Some(Ending::Paused),
            _ => None,
        });
        if let Some(ending) = ended {
            self.see(Observation::Ended { trial: index, attempt, ending }, now);
            self.decide(now);
        }
        let mut answer = json!({ "ok": true });
        // Without anything that decides, a report on the way may still find the job over.
        let is_decided = self.decides || (tell.step.is_some() && self.state.outcome().is_some());
        if is_decided && !tell.failed {
            answer["decision"] = json!(self.decision(index));
        }
        Ok(answer)
    }

    /// What follows from what was seen, without new trials.
    fn decide(&mut self, now: Millis) {
        let places = self.state.counts().running;
        plan_for(&mut self.state, now, places);
    }

    fn see(&mut self, observation: Observation, now: Millis) {
        self.state.apply(now, &Event::Observed(observation));
    }

    /// A trial of which something can be told.
    fn running(&self, index: TrialIndex) -> Result<&Trial, String> {
        let created = self.state.counts().created;
        let trial = self.state.trial(index).ok_or_else(|| match created {
            0 => format!("there is no trial {index}: none was asked for yet"),
            1 => format!("there is no trial {index}: only trial 0 was asked for"),
            created => format!("there is no trial {index}: trials 0 to {} were asked for", created - 1),
        })?;
        match &trial.phase {
            Phase::Running { .. } => Ok(trial),
            Phase::Pending { .. } => Err(format!("trial {index} does not run: ask for it again first")),
            Phase::Paused => {
                Err(format!("trial {index} is paused: it may be given out again by a later ask"))
            }
            Phase::Finished(outcome) => {
                let how = match outcome {
                    Outcome::Completed => "it has completed",
                    Outcome::Stopped(_) => "it was stopped",
                    Outcome::Failed { .. } => "it has failed",
                };
                Err(format!("trial {index} is over: {how}"))
            }
        }
    }

    /// Finite numbers, every objective among them.
    fn metrics(&self, told: &Map<String, Value>) -> Result<BTreeMap<String, f64>, String> {
        let mut metrics = BTreeMap::new();
        for (name, value) in told {
            let number = value.as_f64().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| {
                format!("metrics.{name}: {value} is no finite number; a trial without a result is \"failed\": true")
            })?;
            metrics.insert(name.clone(), number);
        }
        for objective in &self.state.rules().objectives {
            let name = &objective.metric;
            if !metrics.contains_key(name) {
                let hint = did_you_mean(name, metrics.keys().map(String::as_str));
                return Err(format!("metrics: the objective {name:?} is missing{hint}"));
            }
        }
        Ok(metrics)
    }

    fn decision(&self, index: TrialIndex) -> Option<Decision> {
        Some(match self.state.trial(index)?.phase {
            Phase::Running { .. } => Decision::Continue,
            Phase::Paused | Phase::Pending { .. } => Decision::Pause,
            Phase::Finished(_) => Decision::Stop,
        })
    }
}

fn given(state: &JobState, index: TrialIndex) -> Option<Given<'_>> {
    let trial = state.trial(index)?;
    let parameters = &state.advisor().history().get(index)?.configuration;
    Some(Given {
        id: index.0,
        parameters,
        run_to: trial.run_to.map(Resource::get),
        resume: trial.reached.is_some(),
        attempt: trial.failures + 1,
    })
}

/// How far a trial is: where it says, or at the end of its way, or one further than before.
fn resource(trial: &Trial, step: Option<Resource>) -> Result<Resource, String> {
    let reached = trial.reached;
    match step {
        // A trial that is tried again repeats its steps.
        Some(step) if reached.is_some_and(|reached| step <= reached) && trial.failures == 0 => {
            let reached = reached.map(Resource::get).unwrap_or_default();
            Err(format!("step {step} was told already: the trial is at {reached}"))
        }
        Some(step) => Ok(step),
        None => {
            let next = Resource::new(reached.map_or(1, |reached| reached.get().saturating_add(1)));
            Ok(trial.run_to.or(next).unwrap_or(Resource::ONE))
        }
    }
}

#[cfg(test)]
mod tests;
