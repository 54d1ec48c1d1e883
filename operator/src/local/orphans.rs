//! Processes that an executor, an agent or a trial left behind, and their end.
//!
//! An agent dies with its executor and takes its command along; what is found here is what escaped that: when the
//! agent itself was killed, or a command moved a child to a session of its own. Everything a job runs carries
//! [`MARKER`] in its environment.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// Variable in the environment of everything a job runs: the store's uid and folder.
pub(super) const MARKER: &str = "TEMPER_STORE";

/// How long agents of an executor that died have to end by themselves: their pipe is closed, so they are at it.
const TIME_TO_END: Duration = Duration::from_secs(3);

/// Time for the kernel to take a killed process away, before what cannot die (a hanging mount) is given up on.
const TIME_TO_DIE: Duration = Duration::from_secs(5);

/// Waits for what an earlier executor of this store left to end by itself, and kills what does not. Returns the pids
/// that could not be brought to an end.
pub(super) fn end_those_of(marker: &str) -> Vec<i32> {
    let entry = format!("{MARKER}={marker}");
    let left = || pids().filter(|&pid| has_in_environment(pid, &entry)).collect::<Vec<_>>();
    wait_until_none(TIME_TO_END, left);
    wait_until_none(TIME_TO_DIE, || {
        let left = left();
        left.iter().copied().for_each(kill);
        left
    })
}

/// Kills what became this process's child without being one of its agents, and all that becomes so by that.
/// This process must be a child subreaper, so that whatever loses its parent becomes its child.
pub(super) fn end_adopted(agents: &BTreeSet<u32>) -> Vec<i32> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    wait_until_none(TIME_TO_DIE, || {
        let adopted: Vec<i32> = pids()
            .filter(|&pid| !u32::try_from(pid).is_ok_and(|pid| agents.contains(&pid)))
            .filter(|&pid| parent_of(pid) == Some(me))
            .collect();
        for &pid in &adopted {
            kill(pid);
            if let Some(pid) = Pid::from_raw(pid) {
                // Not ours after all, or not dead yet: the next turn tells.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
        adopted
    })
}

/// Kills the process group of a command whose agent is gone.
pub(super) fn kill_group(group: u32) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

fn wait_until_none(limit: Duration, look: impl Fn() -> Vec<i32>) -> Vec<i32> {
    let begun = Instant::now();
    loop {
        let left = look();
        if left.is_empty() || begun.elapsed() > limit {
            return left;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn pids() -> impl Iterator<Item = i32> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(move |&pid| pid != me)
}

/// Environments of other users' processes cannot be read; a job does not run as another user. A process that has
/// ended and was not yet waited for has none.
fn has_in_environment(pid: i32, entry: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment.split(|&byte| byte == 0).any(|variable| variable == entry.as_bytes())
    })
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command's name in parentheses, which may hold anything, parentheses too.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn what_carries_the_mark_is_found_and_ended() {
        let marker = format!("test-{}@/nowhere", std::process::id());
        let sleeper = |marker: &str| {
            Command::new("sleep").arg("600").env(MARKER, marker).process_group(0).spawn().unwrap()
        };
        let (mut marked, mut other) = (sleeper(&marker), sleeper(&format!("{marker}2")));
        // A zombie keeps its pid until waited for, and has no environment.
        assert_eq!(end_those_of(&marker), [0; 0]);
        assert!(!marked.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "another store's process lives on");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn parents_are_read_whatever_a_process_is_called() {
        let mut child = Command::new("sleep").arg0("a) b (c").arg("600").spawn().unwrap();
        assert_eq!(parent_of(child.id().cast_signed()), Some(std::process::id().cast_signed()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
