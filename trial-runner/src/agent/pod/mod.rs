//! The agent in a pod: it reads its Trial from the Kubernetes API, runs what is wanted, and writes the report there.
//!
//! The [session](session) has the rules and no clock, the [wire](wire) makes the requests in a thread of its own, and
//! the [link](link) joins both to the agent's loop.

mod assign;
mod link;
mod pace;
mod picture;
mod refusal;
mod series;
mod session;
mod standing;
#[cfg(test)]
mod testing;
mod wire;

use std::{env, fs, io, os::unix::net::UnixStream, path::Path, sync::Arc, thread};

use thiserror::Error;
use tokio::runtime::Builder;

use self::{
    link::{Closed, PodLink, Shared},
    session::{Over, Session},
    standing::{Standing, api_server},
    wire::Wire,
};
use super::{
    attempt::{self, Echo},
    checkpoints::Places,
    link::Link,
    process::become_reaper,
    protocol::{Assignment, Beginning, Ended, Message, Outcome},
    serve::Waiting,
};

/// 128 + SIGTERM, as shells report a program that the signal ended.
const TERMINATED: u8 = 143;

/// Why nothing can be run in this pod.
#[derive(Debug, Error)]
pub enum NoPod {
    /// The environment does not say what to do; one problem a line.
    #[error("{0}")]
    Environment(String),
    /// The process cannot be set up so that nothing it starts gets away, or the API server not be spoken to.
    #[error(transparent)]
    Process(#[from] io::Error),
}

/// Runs the trials that this pod is for, as the environment says, and gives the exit code for its container: of a pod
/// that is for one trial 0 when the trial is over or paused, and that of its command when it has failed.
///
/// The process must be the agent's own, and the calling thread its first: all children are waited for, and the
/// command dies with the thread. `kubeconfig` takes the place of the pod's service account.
///
/// # Errors
/// When it cannot begin.
pub fn run_in_pod(kubeconfig: Option<&Path>) -> Result<u8, NoPod> {
    let standing = Standing::read(|name| env::var(name).ok()).map_err(NoPod::Environment)?;
    become_reaper()?;
    let is_worker = standing.orders.trial.is_none();
    let places =
        Places { mounts: standing.orders.mounts.clone(), credentials: standing.orders.credentials.clone() };
    let mut link = connect(standing, kubeconfig)?;
    let mut waiting = Waiting::default();
    while let Some(assignment) = waiting.assignment(&mut link) {
        if is_worker {
            // On stdout: it ends the line that the attempt before may have left there without an end.
            println!("{}", Beginning { trial: assignment.trial, attempt: assignment.attempt });
        }
        let ended = run(&assignment, &places, &mut waiting, &mut link);
        if is_worker {
            // Each attempt begins with nothing, and the pod's disk does not fill up.
            let _ = fs::remove_dir_all(&assignment.dir);
            if let Some(Closed::Over(Over::Unwanted(why))) = link.closed() {
                eprintln!(
                    "temper: attempt {} of trial {} is dropped: {why}",
                    assignment.attempt, assignment.trial
                );
                link.reopen();
            }
        } else if let Some(ended) = ended {
            return Ok(exit_code(&ended));
        }
        if link.closed().is_some() {
            break;
        }
    }
    Ok(last_words(link.closed(), is_worker))
}

/// The end of the attempt, if it was told and taken.
fn run(assignment: &Assignment, places: &Places, waiting: &mut Waiting, link: &mut PodLink) -> Option<Ended> {
    let early = waiting.early();
    if link.closed().is_some() {
        return None;
    }
    let finished = attempt::run(assignment, places, early, link, Echo::Instead)?;
    let message = Message::Ended(Box::new(finished.ended));
    link.send(&message);
    // A link that has closed says nothing more.
    let is_taken = link.closed().is_none()
        && (waiting.acknowledgement(link)
            // The trial has gone on elsewhere, which it does when the end is known: that it was may be heard of later.
            || matches!(link.closed(), Some(Closed::Over(Over::Unwanted(_)))));
    match message {
        Message::Ended(ended) if is_taken => Some(*ended),
        _ => None,
    }
}

/// Begins to watch.
fn connect(standing: Standing, kubeconfig: Option<&Path>) -> Result<PodLink, NoPod> {
    let Standing { orders, pod } = standing;
    let namespace = orders.namespace.clone();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(api_server(kubeconfig)).map_err(NoPod::Environment)?;
    let selector = match &orders.trial {
        Some(trial) => format!("metadata.name={trial}"),
        None => format!("spec.pod.name={}", pod.name),
    };
    let grace_seconds = orders.template.grace_seconds;
    let variables = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let shared = Arc::new(Shared::new(Session::new(orders, assign::inherited(variables), pod)));
    let (woken, wake) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    let link = PodLink::new(Arc::clone(&shared), woken, grace_seconds)?;
    let wire = {
        let _runtime = runtime.enter();
        Wire::new(config, &namespace, selector, shared, wake)
    };
    let wire =
        wire.map_err(|error| NoPod::Environment(format!("the Kubernetes API: {}", refusal::text(&error))))?;
    thread::Builder::new().name("wire".into()).spawn(move || runtime.block_on(wire.run()))?;
    Ok(link)
}

fn exit_code(ended: &Ended) -> u8 {
    match &ended.outcome {
        Outcome::Succeeded | Outcome::Stopped | Outcome::Paused => 0,
        // What a shell would say of it.
        Outcome::Failed { message, .. } => {
            eprintln!("temper: the trial has failed: {message}");
            ended.exit_code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
        }
    }
}

/// Says why there is nothing more to do here, and gives the exit code.
fn last_words(closed: Option<&Closed>, is_worker: bool) -> u8 {
    match closed {
        // A worker has done what it was for; a trial that was not begun is not done.
        Some(Closed::Terminated) => {
            if is_worker {
                0
            } else {
                TERMINATED
            }
        }
        Some(Closed::Over(Over::NothingToDo(why))) => {
            eprintln!("temper: nothing to do: {why}");
            0
        }
        Some(Closed::Over(Over::Unwanted(why))) => {
            eprintln!("temper: the attempt is not wanted any more: {why}");
            1
        }
        Some(Closed::Over(Over::Refused(why))) => {
            eprintln!("temper: no report is taken from this pod, so its trial is ended: {why}");
            1
        }
        Some(Closed::Lost) | None => {
            eprintln!("temper: the thread that speaks to the Kubernetes API has broken off");
            1
        }
    }
}
