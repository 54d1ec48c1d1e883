//! The agents: one process for each slot that is in use, kept for one trial after another.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::SyncSender,
    thread,
};

use temper_advisor::TrialIndex;
use temper_runner::agent::protocol::{Assignment, EnvVar, Message, Order};

use super::{orphans, slots::Slot};

/// What comes in from outside the loop.
#[derive(Debug)]
pub(super) enum Input {
    /// An agent says something.
    Said(AgentId, Message),
    /// An agent's end of the line is closed: it is gone, or has gone wrong.
    Gone(AgentId, Option<String>),
    /// The user wants the run to end.
    Interrupted,
}

/// Which agent, of all that ever were in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AgentId(u64);

/// One attempt at a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) trial: TrialIndex,
    pub(super) number: u32,
}

/// How agents are started.
#[derive(Debug)]
pub(super) struct Launch {
    /// Value of [`orphans::MARKER`] in their environment.
    pub(super) marker: String,
    /// Where they write what nobody expects of them.
    pub(super) log: PathBuf,
    /// Where their messages go.
    pub(super) inputs: SyncSender<Input>,
}

/// All agents, by slot.
#[derive(Debug)]
pub(super) struct Crew {
    launch: Launch,
    places: Vec<Place>,
    hired: u64,
}

#[derive(Debug)]
struct Place {
    slot: Slot,
    agent: Option<Agent>,
}

#[derive(Debug)]
struct Agent {
    id: AgentId,
    process: Child,
    orders: ChildStdin,
    attempt: Option<Attempt>,
    /// Process group of the command it runs.
    command: Option<u32>,
}

/// An agent that is no more.
#[derive(Debug)]
pub(super) struct Departed {
    /// What it ran.
    pub(super) attempt: Option<Attempt>,
    /// How it ended, for people.
    pub(super) how: String,
}

impl Crew {
    /// Nobody yet: agents are started when there is something to run.
    pub(super) fn new(slots: Vec<Slot>, launch: Launch) -> Self {
        let places = slots.into_iter().map(|slot| Place { slot, agent: None }).collect();
        Self { launch, places, hired: 0 }
    }

    /// Whether nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.agents().all(|agent| agent.attempt.is_none())
    }

    /// What an agent runs.
    pub(super) fn attempt_of(&self, id: AgentId) -> Option<Attempt> {
        self.agents().find(|agent| agent.id == id)?.attempt
    }

    /// The agent's command runs as this process group.
    pub(super) fn command_started(&mut self, id: AgentId, group: u32) {
        if let Some(agent) = self.agent_mut(id) {
            agent.command = Some(group);
        }
    }

    /// Nothing runs there any more. What it was.
    pub(super) fn attempt_ended(&mut self, id: AgentId) -> Option<Attempt> {
        let agent = self.agent_mut(id)?;
        agent.command = None;
        agent.attempt.take()
    }

    /// Gives an order that needs no answer. An agent that is gone does not take it, and is found to be gone.
    pub(super) fn order(&mut self, id: AgentId, order: &Order) {
        if let Some(agent) = self.agent_mut(id) {
            agent.send(order);
        }
    }

    /// Gives an order to whoever runs the trial.
    pub(super) fn order_trial(&mut self, trial: TrialIndex, order: &Order) {
        let of_trial = |agent: &&mut Agent| agent.attempt.is_some_and(|attempt| attempt.trial == trial);
        if let Some(agent) = self.places.iter_mut().filter_map(|place| place.agent.as_mut()).find(of_trial) {
            agent.send(order);
        }
    }

    /// Gives the attempt to an agent that has none, warm ones first, and starts one if there is none.
    ///
    /// # Errors
    /// When no agent can be started; the caller never gives more attempts than there are slots.
    pub(super) fn assign(
        &mut self,
        attempt: Attempt,
        mut assignment: Assignment,
    ) -> std::io::Result<AgentId> {
        let is_free = |place: &Place| place.agent.as_ref().is_none_or(|agent| agent.attempt.is_none());
        let warm = self.places.iter().position(|place| is_free(place) && place.agent.is_some());
        let Some(free) = warm.or_else(|| self.places.iter().position(is_free)) else {
            return Err(std::io::Error::other("every slot is taken"));
        };
        let place = &mut self.places[free];
        let agent = match &mut place.agent {
            Some(agent) => agent,
            none => {
                self.hired += 1;
                none.insert(hire(AgentId(self.hired), &self.launch)?)
            }
        };
        agent.attempt = Some(attempt);
        assignment.env.extend(
            place.slot.env.iter().map(|(name, value)| EnvVar { name: name.clone(), value: value.clone() }),
        );
        agent.send(&Order::Assign(Box::new(assignment)));
        Ok(agent.id)
    }

    /// Takes an agent off the books: it and all that it ran are brought to an end.
    pub(super) fn dismiss(&mut self, id: AgentId) -> Option<Departed> {
        let place =
            self.places.iter_mut().find(|place| place.agent.as_ref().is_some_and(|agent| agent.id == id))?;
        let mut agent = place.agent.take()?;
        // It has closed its line, so it ends or hangs.
        let _ = agent.process.kill();
        let how = agent.process.wait().map_or_else(|error| error.to_string(), describe);
        if let Some(group) = agent.command {
            orphans::kill_group(group);
        }
        let others: BTreeSet<u32> = self.agents().map(|agent| agent.process.id()).collect();
        let alive = orphans::end_adopted(&others);
        let how = if alive.is_empty() {
            how
        } else {
            format!("{how}; these processes cannot be killed: {alive:?}")
        };
        Some(Departed { attempt: agent.attempt, how })
    }

    fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.places.iter().filter_map(|place| place.agent.as_ref())
    }

    fn agent_mut(&mut self, id: AgentId) -> Option<&mut Agent> {
        self.places.iter_mut().filter_map(|place| place.agent.as_mut()).find(|agent| agent.id == id)
    }
}

impl Agent {
    /// A line that cannot be written is no error here: the agent is gone then, and its messages' end says so.
    fn send(&mut self, order: &Order) {
        let mut line = serde_json::to_vec(order).unwrap_or_default();
        line.push(b'\n');
        let _ = self.orders.write_all(&line).and_then(|()| self.orders.flush());
    }
}

/// Starts an agent: this program, asked to be one.
fn hire(id: AgentId, launch: &Launch) -> std::io::Result<Agent> {
    let log = File::options().create(true).append(true).open(&launch.log)?;
    // The link and not the path it leads to: this very program, even where the file was replaced by another since.
    let mut process = Command::new("/proc/self/exe")
        .arg0("temper")
        .arg("agent")
        .env(orphans::MARKER, &launch.marker)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C is for the executor, which tells its agents what to do.
        .process_group(0)
        .spawn()?;
    let (Some(orders), Some(messages)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(std::io::Error::other("an agent was started without pipes"));
    };
    let inputs = launch.inputs.clone();
    thread::Builder::new().name("agent messages".into()).spawn(move || {
        let gone = listen(id, BufReader::new(messages), &inputs);
        // The loop that would hear of it has ended.
        let _ = inputs.send(Input::Gone(id, gone));
    })?;
    Ok(Agent { id, process, orders, attempt: None, command: None })
}

/// Passes messages on until there are no more; why, if it is for another reason than the end of the pipe.
fn listen(id: AgentId, messages: impl BufRead, inputs: &SyncSender<Input>) -> Option<String> {
    for line in messages.lines() {
        let message = line.map_err(|error| error.to_string()).and_then(|line| {
            serde_json::from_str(&line).map_err(|error| format!("it said {line:?}: {error}"))
        });
        match message {
            Ok(message) => inputs.send(Input::Said(id, message)).ok()?,
            Err(problem) => return Some(problem),
        }
    }
    None
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => {
            let name =
                signal_hook::low_level::signal_name(signal).map_or_else(|| signal.to_string(), str::to_owned);
            format!("killed by {name}")
        }
        (None, None) => status.to_string(),
    }
}

impl Drop for Crew {
    /// Without their executor the agents end what they run, and themselves. They are waited for, so that nothing is
    /// left when this program has ended.
    fn drop(&mut self) {
        let agents: Vec<Agent> = self.places.iter_mut().filter_map(|place| place.agent.take()).collect();
        let processes: Vec<Child> = agents
            .into_iter()
            .map(|agent| {
                drop(agent.orders);
                agent.process
            })
            .collect();
        for mut process in processes {
            // An error here means that it is not there any more.
            let _ = process.wait();
        }
        orphans::end_adopted(&BTreeSet::new());
    }
}
