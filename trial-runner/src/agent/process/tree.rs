//! Everything below the agent.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, set_child_subreaper, waitid},
};

/// Between two looks at what is left of a command, once it was killed.
const PAUSE: Duration = Duration::from_millis(1);

/// Makes the agent the parent of every process below it whose own parent ends, so that none can get away.
///
/// # Errors
/// When the kernel does not know how.
pub(in crate::agent) fn become_reaper() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Takes leave of adopted processes that have ended, while `command` still runs: else they would pile up as zombies.
pub(in crate::agent) fn reap_adopted(command: Pid) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    if !matches!(waitid(WaitId::All, look | WaitIdOptions::NOWAIT), Ok(Some(_))) {
        return;
    }
    // One by one, since the command's own end is for whoever asks for its status.
    for pid in children().remove(&getpid()).unwrap_or_default() {
        if pid != command {
            let _ = waitid(WaitId::Pid(pid), look);
        }
    }
}

/// Kills and reaps every process below the agent, until there is none. The command itself must have been waited for.
/// False when some would not die before `deadline` (a process stuck in the kernel).
///
/// When nothing is left, which is the rule, this is one system call.
pub(in crate::agent) fn end_descendants(deadline: Instant) -> bool {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => {
                for pid in descendants() {
                    let _ = kill_process(pid, Signal::KILL);
                }
                if Instant::now() > deadline {
                    return false;
                }
                thread::sleep(PAUSE);
            }
            // No child is left, and so nothing below one either.
            Err(_) => return true,
        }
    }
}

/// Whether a process below the agent has a file below the folder open for writing.
pub(in crate::agent) fn is_written_to(folder: &Path) -> bool {
    descendants().into_iter().any(|pid| writes(pid, |file| file.starts_with(folder)))
}

/// Whether a process that is not the agent, nor below it, has the file open for writing.
pub(in crate::agent) fn is_written_by_others(file: &Path) -> bool {
    let Ok(file) = file.canonicalize() else { return false };
    let own = descendants();
    processes().any(|pid| pid != getpid() && !own.contains(&pid) && writes(pid, |written| written == file))
}

/// Whether a process has such a file open for writing.
fn writes(pid: Pid, is_such: impl Fn(&Path) -> bool) -> bool {
    let pid = pid.as_raw_nonzero();
    fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().any(|fd| {
        fs::read_link(fd.path()).is_ok_and(|file| is_such(&file))
            && is_for_writing(&format!("/proc/{pid}/fdinfo/{}", fd.file_name().display()))
    })
}

/// `flags:` are those of `open`, in octal; their lowest two bits are 0 for reading only.
fn is_for_writing(fdinfo: &str) -> bool {
    let flags = |text: String| {
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(flags.trim(), 8).ok()
    };
    fs::read_to_string(fdinfo).ok().and_then(flags).is_none_or(|flags| flags & 0b11 != 0)
}

/// The processes below the agent that are alive.
fn descendants() -> Vec<Pid> {
    let mut children = children();
    let mut found = Vec::new();
    let mut open = vec![getpid()];
    while let Some(parent) = open.pop() {
        let below = children.remove(&parent).unwrap_or_default();
        found.extend(&below);
        open.extend(below);
    }
    found
}

/// The children of every process.
fn children() -> HashMap<Pid, Vec<Pid>> {
    let mut children: HashMap<_, Vec<_>> = HashMap::new();
    for pid in processes() {
        if let Some(parent) = parent_of(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// Every process there is.
fn processes() -> impl Iterator<Item = Pid> {
    let pid = |entry: fs::DirEntry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?);
    fs::read_dir("/proc").into_iter().flatten().filter_map(move |entry| pid(entry.ok()?))
}

fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // `pid (name) state ppid ...`, where the name may hold anything.
    let behind_name = stat.iter().rposition(|byte| *byte == b')')?;
    let parent =
        stat[behind_name + 1..].split(|byte| *byte == b' ').filter(|word| !word.is_empty()).nth(1)?;
    Pid::from_raw(std::str::from_utf8(parent).ok()?.parse().ok()?)
}
