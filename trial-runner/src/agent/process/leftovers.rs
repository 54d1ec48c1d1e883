//! What an agent that was itself killed could not end.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpid, kill_process};

use super::tree::processes;
use crate::agent::environment::PARAMETERS;

/// Kills every process of an attempt whose folder lies below `folder`, known by the environment that it was started
/// with, and waits until they are gone; says how many there were.
///
/// An agent ends what it started, and the kernel kills the command of an agent that is killed. What remains are the
/// processes that such a command had started in turn. To be called when no agent works below `folder`.
pub fn end_leftovers(folder: &Path) -> usize {
    let Ok(folder) = folder.canonicalize() else { return 0 };
    let mark = [PARAMETERS.as_bytes(), b"=", folder.as_os_str().as_bytes(), b"/"].concat();
    let found: Vec<Pid> =
        processes().filter(|pid| *pid != getpid() && was_started_with(*pid, &mark)).collect();
    for pid in &found {
        let _ = kill_process(*pid, Signal::KILL);
    }
    // They are somebody else's children: their end can only be looked for.
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline && found.iter().any(|pid| was_started_with(*pid, &mark)) {
        thread::sleep(Duration::from_millis(1));
    }
    found.len()
}

fn was_started_with(pid: Pid, mark: &[u8]) -> bool {
    fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).is_ok_and(|environment| {
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark))
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn processes_of_attempts_below_the_folder_are_ended_and_no_others() {
        let [ours, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [mut mine, mut foreign] = [&ours, &other].map(|folder| {
            let parameters = folder.path().canonicalize().unwrap().join("attempts/1/parameters.json");
            Command::new("sleep").arg("60").env(PARAMETERS, parameters).spawn().unwrap()
        });
        // A zombie has no environment any more, so the wait ends although nobody reaps it here.
        assert_eq!(end_leftovers(ours.path()), 1);
        assert!(!mine.wait().unwrap().success());
        assert!(foreign.try_wait().unwrap().is_none(), "it was not ours to end");
        foreign.kill().unwrap();
        foreign.wait().unwrap();
        assert_eq!(end_leftovers(&ours.path().join("not there")), 0);
    }
}
