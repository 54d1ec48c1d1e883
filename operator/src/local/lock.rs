//! One `temper run` for each store: a lock that the kernel releases when its holder dies, however it dies.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
};

/// Name of the lock file within a store.
const FILE: &str = "lock";

/// The right to write to a store, as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Who runs the job of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No one.
    Nobody,
    /// The process with this id.
    Process(u32),
    /// A process that has not said its id yet.
    Unknown,
}

/// Why the lock was not had.
#[derive(Debug)]
pub(super) enum NotLocked {
    /// A living process holds it; its pid, when it had already said so.
    HeldBy(Option<u32>),
    /// The file cannot be made or read.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock of the store in `dir`, without waiting.
    pub(super) fn take(dir: &Path) -> Result<Self, NotLocked> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(FILE))
            .map_err(NotLocked::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(NotLocked::Io)?;
                return Err(NotLocked::HeldBy(holder.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(NotLocked::Io(error)),
        }
        let write_pid = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        // The pid is for people. A full disk that refuses it is reported by the store itself, where it matters.
        let _ = write_pid(&mut file);
        Ok(Self { _file: file })
    }

    /// Who writes to the store in `dir` now.
    pub(super) fn holder(dir: &Path) -> io::Result<Holder> {
        let mut file = match File::open(dir.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::Nobody),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Holder::Nobody),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                Ok(holder.trim().parse().map_or(Holder::Unknown, Holder::Process))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_learns_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(dir.path()).unwrap(), Holder::Nobody);
        let first = Lock::take(dir.path()).unwrap();
        let me = std::process::id();
        assert!(matches!(Lock::take(dir.path()), Err(NotLocked::HeldBy(Some(pid))) if pid == me));
        assert_eq!(Lock::holder(dir.path()).unwrap(), Holder::Process(me));
        drop(first);
        assert_eq!(Lock::holder(dir.path()).unwrap(), Holder::Nobody);
        Lock::take(dir.path()).unwrap();
    }
}
