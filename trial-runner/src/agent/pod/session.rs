//! What the versions of a pod's Trials mean for its agent, and what the agent's messages mean for the Trials: the rules
//! alone, without clocks, threads and requests.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Instant,
};

use k8s_openapi::jiff::Timestamp;
use temper_crds::{
    Trial,
    trial::{Desired, PodReference, ReportState, TrialReport},
};

use super::{assign::assignment, pace::Pace, picture::Picture};
use crate::agent::protocol::{EnvVar, Message, Order, PodOrders};

/// For the agent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// An order.
    Order(Order),
    /// There is no one to work for.
    Over(Over),
}

/// Why there is no one to work for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The attempt is not wanted any more; a worker may get others.
    Unwanted(String),
    /// No report will be accepted from this pod.
    Refused(String),
    /// The pod's one Trial asks for nothing.
    NothingToDo(String),
}

/// Why a write has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may arrive when it is tried again.
    Passing(String),
    /// There is no such Trial any more.
    Gone(String),
    /// It never will.
    Refused(String),
}

/// A report to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Write {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) report: TrialReport,
}

/// The pod's part in its job.
pub(super) struct Session {
    orders: PodOrders,
    inherited: Vec<EnvVar>,
    pod: PodReference,
    /// The Trials that name this pod, in the order in which they are run.
    known: BTreeMap<(u32, String), Trial>,
    /// UID and number of every attempt that was begun.
    begun: HashSet<(String, u32)>,
    open: Option<Open>,
    is_over: bool,
    news: VecDeque<News>,
}

/// The attempt that is being run, or whose end is being written.
struct Open {
    name: String,
    uid: String,
    attempt: u32,
    picture: Picture,
    pace: Pace,
    /// What was wanted last.
    desired: Desired,
    /// The agent does not know of it: it was to end before it was begun.
    is_silent: bool,
    /// It is not wanted any more: nothing is written.
    is_given_up: bool,
    /// The checkpoint that the last report named that was taken.
    recorded: Option<String>,
}

impl Session {
    /// `pod` is this pod, with its UID.
    pub(super) fn new(orders: PodOrders, inherited: Vec<EnvVar>, pod: PodReference) -> Self {
        Self {
            orders,
            inherited,
            pod,
            known: BTreeMap::new(),
            begun: HashSet::new(),
            open: None,
            is_over: false,
            news: VecDeque::new(),
        }
    }

    /// What has come up for the agent.
    pub(super) fn take_news(&mut self) -> VecDeque<News> {
        std::mem::take(&mut self.news)
    }

    /// Whether something has.
    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// These are all the Trials that there are for this pod.
    pub(super) fn synced(&mut self, trials: Vec<Trial>, now: Instant, at: Timestamp) {
        let uids: HashSet<_> = trials.iter().map(uid).collect();
        self.known.retain(|_, trial| uids.contains(&uid(trial)));
        if let Some(open) = &self.open
            && !uids.contains(&open.uid)
        {
            self.give_up(format!("Trial {} is gone", open.name));
        }
        for trial in trials {
            self.see(trial);
        }
        self.turn(now, at);
    }

    /// A Trial has come or changed.
    pub(super) fn changed(&mut self, trial: Trial, now: Instant, at: Timestamp) {
        self.see(trial);
        self.turn(now, at);
    }

    /// A Trial is gone, or names another pod.
    pub(super) fn removed(&mut self, trial: &Trial, now: Instant, at: Timestamp) {
        let removed = uid(trial);
        self.known.retain(|_, known| uid(known) != removed);
        if let Some(open) = &self.open
            && open.uid == removed
        {
            self.give_up(format!("Trial {} is gone", open.name));
        }
        self.turn(now, at);
    }

    fn see(&mut self, trial: Trial) {
        let name = trial.metadata.name.clone().unwrap_or_default();
        let key = (trial.spec.index, name.clone());
        let is_open = self.open.as_ref().is_some_and(|open| open.uid == uid(&trial));
        if let Some(other) = self.other_pod(&trial) {
            self.known.remove(&key);
            let why = format!("Trial {name} has gone to pod {other}");
            if is_open {
                self.give_up(why);
            } else if self.orders.trial.is_some() && self.open.is_none() {
                self.over(Over::Unwanted(why));
            }
            return;
        }
        if trial.spec.pod.is_none() {
            return;
        }
        if is_open {
            self.obey(&trial);
        }
        self.known.insert(key, trial);
    }

    /// The pod that a Trial names, if it is not this one.
    fn other_pod(&self, trial: &Trial) -> Option<String> {
        let named = trial.spec.pod.as_ref()?;
        let is_other_uid = |uid| self.pod.uid.as_ref() != Some(uid);
        if named.name == self.pod.name {
            let uid = named.uid.as_ref().filter(|uid| is_other_uid(uid));
            uid.map(|uid| format!("{} with UID {uid}", named.name))
        } else {
            Some(named.name.clone())
        }
    }

    /// What is wanted of the open attempt may have changed.
    fn obey(&mut self, trial: &Trial) {
        let Some(open) = &mut self.open else { return };
        if trial.spec.attempt != open.attempt {
            let why = format!("attempt {} of Trial {} is wanted now", trial.spec.attempt, open.name);
            self.give_up(why);
            return;
        }
        let before = std::mem::replace(&mut open.desired, trial.spec.desired);
        if open.is_silent || open.is_given_up || before == open.desired {
            return;
        }
        let order = match open.desired {
            Desired::Stop => Order::Stop { reason: trial.spec.reason.clone().unwrap_or_default() },
            Desired::Pause => Order::Pause,
            // What was told to end ends; to go on is another attempt.
            Desired::Run => return,
        };
        self.news.push_back(News::Order(order));
    }

    /// The open attempt is not wanted any more.
    fn give_up(&mut self, why: String) {
        let Some(open) = &mut self.open else { return };
        if open.is_given_up {
            return;
        }
        if open.is_silent && self.orders.trial.is_none() {
            self.open = None;
            return;
        }
        open.is_given_up = true;
        self.news.push_back(News::Over(Over::Unwanted(why)));
    }

    fn over(&mut self, over: Over) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.news.push_back(News::Over(over));
        }
    }

    /// The agent has let go of an attempt that was given up, and may get another.
    pub(super) fn let_go(&mut self) {
        self.open = None;
    }

    /// Begins an attempt if there is one to begin.
    pub(super) fn turn(&mut self, now: Instant, at: Timestamp) {
        while self.open.is_none() && !self.is_over {
            let next = self.known.iter().find(|(_, trial)| !self.is_settled(trial));
            let Some(((_, name), trial)) = next else {
                if self.orders.trial.is_some() && !self.known.is_empty() {
                    self.over(Over::NothingToDo("its Trial's report is final".into()));
                }
                return;
            };
            let (name, trial) = (name.clone(), trial.clone());
            self.begin(name, &trial, now, at);
        }
    }

    /// Its attempt was begun here, or its report is final.
    fn is_settled(&self, trial: &Trial) -> bool {
        let attempt = trial.spec.attempt;
        let report = trial.status.as_ref().and_then(|status| status.report.as_ref());
        self.begun.contains(&(uid(trial), attempt))
            || report.is_some_and(|report| report.attempt == attempt && report.state.is_over())
    }

    fn begin(&mut self, name: String, trial: &Trial, now: Instant, at: Timestamp) {
        let (uid, attempt, desired) = (uid(trial), trial.spec.attempt, trial.spec.desired);
        let before = trial.status.as_ref().and_then(|status| status.report.clone());
        let mut picture = Picture::new(&self.orders, attempt, self.pod.clone(), before);
        let mut pace = Pace::new(now);
        let ended = match desired {
            Desired::Run => None,
            Desired::Pause => Some(ReportState::Paused),
            Desired::Stop => Some(ReportState::Stopped),
        };
        self.begun.insert((uid.clone(), attempt));
        if let Some(state) = ended {
            picture.end(state, at);
            pace.finish();
        } else {
            match assignment(&self.orders, &self.inherited, &name, trial) {
                Ok(assignment) => self.news.push_back(News::Order(Order::Assign(Box::new(assignment)))),
                Err(problem) => return self.over(Over::Refused(problem)),
            }
        }
        let is_silent = ended.is_some();
        self.open = Some(Open {
            name,
            uid,
            attempt,
            picture,
            pace,
            desired,
            is_silent,
            is_given_up: false,
            recorded: None,
        });
    }

    /// The agent says something of the open attempt. Whether [`Self::due`] may have changed by it.
    pub(super) fn message(&mut self, message: &Message, now: Instant, at: Timestamp) -> bool {
        let Some(open) = self.open.as_mut().filter(|open| !open.is_given_up) else { return false };
        open.picture.take(message, at);
        match message {
            Message::Warning { .. } => false,
            Message::Started { .. } => {
                open.pace = Pace::new(now);
                open.pace.news()
            }
            Message::Report(_) | Message::Checkpoint(_) => open.pace.news(),
            Message::Ended(_) => {
                open.pace.finish();
                true
            }
        }
    }

    /// When there is something to write.
    pub(super) fn due(&self) -> Option<Instant> {
        self.open.as_ref().filter(|open| !open.is_given_up)?.pace.due()
    }

    /// What is to be written now, if it is time. [`Self::written`] follows.
    pub(super) fn begin_write(&mut self, now: Instant) -> Option<Write> {
        if self.due()? > now {
            return None;
        }
        let open = self.open.as_mut()?;
        open.pace.begin(now);
        Some(Write { name: open.name.clone(), uid: open.uid.clone(), report: open.picture.report() })
    }

    /// What came of a write. `jitter` from 0 to 1 is for the wait before it is tried again.
    pub(super) fn written(
        &mut self,
        write: &Write,
        result: Result<(), Failure>,
        jitter: f64,
        now: Instant,
        at: Timestamp,
    ) {
        let is_written = |open: &&mut Open| {
            !open.is_given_up && open.uid == write.uid && open.attempt == write.report.attempt
        };
        let Some(open) = self.open.as_mut().filter(is_written) else { return };
        match result {
            Ok(()) => {
                if open.pace.done() {
                    let is_silent = open.is_silent;
                    self.open = None;
                    if !is_silent {
                        self.news.push_back(News::Order(Order::Ack));
                    }
                } else if let Some(checkpoint) = &write.report.checkpoint
                    && open.recorded.as_ref() != Some(&checkpoint.uri)
                    && !open.is_silent
                {
                    open.recorded = Some(checkpoint.uri.clone());
                    let checkpoint = checkpoint.uri.clone();
                    self.news.push_back(News::Order(Order::Recorded { checkpoint }));
                }
            }
            Err(Failure::Passing(_)) => open.pace.failed(now, jitter),
            Err(Failure::Gone(why)) => self.give_up(why),
            Err(Failure::Refused(why)) => {
                open.is_given_up = true;
                self.over(Over::Refused(why));
            }
        }
        self.turn(now, at);
    }
}

fn uid(trial: &Trial) -> String {
    trial.metadata.uid.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests;
