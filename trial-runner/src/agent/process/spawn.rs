//! A command's process.

use std::{
    env, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal},
};

use crate::agent::nearest::nearest;

/// What to start.
pub(in crate::agent) struct Launch {
    /// The program and its arguments.
    pub(in crate::agent) command: Vec<String>,
    /// Added to the agent's own environment.
    pub(in crate::agent) env: Vec<(String, String)>,
    /// Where it runs; the agent's own folder when absent.
    pub(in crate::agent) working_dir: Option<PathBuf>,
}

/// A command that was started, in a process group of its own.
pub(in crate::agent) struct Running {
    child: Child,
    pid: Pid,
    ended: OwnedFd,
}

/// The command's stdout and stderr; to read them does not wait.
pub(in crate::agent) type Pipes = [OwnedFd; 2];

impl Launch {
    /// The process gets a group of its own, an empty stdin, and dies with the calling thread.
    ///
    /// # Errors
    /// Why it cannot start, for a person.
    pub(in crate::agent) fn start(&self) -> Result<(Running, Pipes), String> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err("the command is empty".into());
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(dir) = &self.working_dir {
            command.current_dir(dir);
        }
        die_with_this_thread(&mut command);
        let child = command.spawn().map_err(|error| self.why_not(program, &error))?;
        Running::watch(child).map_err(|error| format!("cannot watch {program}: {error}"))
    }

    fn why_not(&self, program: &str, error: &io::Error) -> String {
        if let Some(dir) = &self.working_dir
            && !dir.is_dir()
        {
            return format!("the working folder {} is not there", dir.display());
        }
        let has_path = program.contains('/');
        let file = self.working_dir.as_deref().unwrap_or(Path::new("")).join(program);
        match error.kind() {
            io::ErrorKind::NotFound if !has_path => {
                let hint = self.similar_program(program).map(|name| format!(" (did you mean {name:?}?)"));
                format!("command not found: {program:?} is in no folder of PATH{}", hint.unwrap_or_default())
            }
            io::ErrorKind::NotFound if file.exists() => {
                format!("{program} names an interpreter in its first line that is not there")
            }
            io::ErrorKind::NotFound => format!("command not found: there is no file {}", file.display()),
            io::ErrorKind::PermissionDenied if file.is_dir() => {
                format!("{program} is a folder, not a program")
            }
            io::ErrorKind::PermissionDenied => format!("{program} is not executable (chmod +x {program})"),
            _ => format!("cannot start {program}: {error}"),
        }
    }

    fn similar_program(&self, program: &str) -> Option<String> {
        let own = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.into());
        let path = own.or_else(|| env::var_os("PATH"))?;
        let names: Vec<String> = env::split_paths(&path)
            .filter_map(|folder| folder.read_dir().ok())
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        nearest(program, names.iter().map(String::as_str)).map(str::to_owned)
    }
}

impl Running {
    fn watch(mut child: Child) -> io::Result<(Self, Pipes)> {
        let pid = Pid::from_child(&child);
        let watched = (|| {
            let stdout = child.stdout.take().ok_or(Errno::BADF)?;
            let stderr = child.stderr.take().ok_or(Errno::BADF)?;
            let outputs = [OwnedFd::from(stdout), OwnedFd::from(stderr)];
            for output in &outputs {
                rustix::io::ioctl_fionbio(output, true)?;
                // A wider pipe lets a chatty command go on while the agent is busy; where it is not allowed, it
                // is not needed either.
                let _ = rustix::pipe::fcntl_setpipe_size(output, PIPE_SIZE);
            }
            io::Result::Ok((pidfd_open(pid, PidfdFlags::empty())?, outputs))
        })();
        match watched {
            Ok((ended, outputs)) => Ok((Self { child, pid, ended }, outputs)),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// Of the process and of its group.
    pub(in crate::agent) fn pid(&self) -> Pid {
        self.pid
    }

    /// Becomes readable when the process has ended.
    pub(in crate::agent) fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// When somebody else has waited for it.
    pub(in crate::agent) fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends a signal to the command and to what it has started in its group.
    pub(in crate::agent) fn signal(&self, signal: Signal) {
        // An error means that the group is gone, which is as good; or that the command has left it.
        if kill_process_group(self.pid, signal).is_err() || signal == Signal::KILL {
            let _ = pidfd_send_signal(&self.ended, signal);
        }
    }
}

const PIPE_SIZE: usize = 1 << 18;

/// Has the kernel kill the command when the thread that starts it ends: an agent that is killed itself leaves no
/// command behind.
#[allow(unsafe_code, reason = "what runs between fork and exec cannot be checked by the compiler")]
fn die_with_this_thread(command: &mut Command) {
    let agent = rustix::process::getpid();
    // SAFETY: between fork and exec only what is async-signal-safe may run. Both calls are single system calls, made
    // without libc and without allocating, and neither is the error's construction allocating.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The agent may have died before that took effect.
            if rustix::process::getppid() == Some(agent) { Ok(()) } else { Err(Errno::SRCH.into()) }
        });
    }
}
