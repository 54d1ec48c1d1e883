//! A local job's memory: one `SQLite` file, whose truth is a journal of [`plan::Event`](crate::plan::Event)s in the
//! order in which they were recorded. Everything else is folded from it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

pub use super::lock::Holder;
use super::{
    checkpoints::Own,
    lock::{Lock, NotLocked},
};
use crate::plan::{Action, Event, Millis, Observation};

/// Name of the database within a store.
pub const FILE: &str = "store.db";

/// Version of what is recorded, in the file's `user_version`. A store of a later version is refused.
/// - 1: the store's own checkpoints are recorded with their URIs in full, and so of where the store was
/// - 2: relative to the store
const VERSION: i32 = 2;

/// Says in the file's header that it is ours: "tmpr".
const APPLICATION_ID: i32 = 0x746d_7072;

/// The tables, and views for a person with `sqlite3`.
const SCHEMA: &str = include_str!("schema.sql");

/// What a store was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Random; in the environment of everything the job runs.
    pub uid: String,
    /// The manifest as it was given last.
    pub manifest: String,
}

/// What went wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else runs the job.
    #[error("another temper{} is running the job of this store: {}", pid.map_or_else(String::new, |pid| format!(" (pid {pid})")), dir.display())]
    InUse {
        /// Who.
        pid: Option<u32>,
        /// The store.
        dir: PathBuf,
    },
    /// The store was written by a later version of this program.
    #[error("{} was written by a newer temper: its format is version {found}, this temper reads up to {VERSION}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i32,
    },
    /// It is some other database, or none.
    #[error("{} is not a temper store", .0.display())]
    NotAStore(PathBuf),
    /// Nothing was run there.
    #[error("there is no store in {}", .0.display())]
    Missing(PathBuf),
    /// The disk is full.
    #[error("no space is left for {}: nothing that was recorded is lost", .0.display())]
    DiskFull(PathBuf),
    /// A record cannot be read.
    #[error("event {seq} of {} cannot be read", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// The record.
        seq: i64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Anything else the database says.
    #[error("cannot use {}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
    /// Anything else the file system says.
    #[error("cannot use {}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it says.
        #[source]
        source: io::Error,
    },
}

/// A store that is open for writing. It is the only one of its folder.
#[derive(Debug)]
pub struct Store {
    db: Journal,
    meta: Meta,
    _lock: Lock,
}

impl Store {
    /// Opens the store in `dir`, or makes one for this manifest. What it returns says which.
    ///
    /// # Errors
    /// [`StoreError`]: in use, written by a newer version, not a store, disk full.
    pub fn open(dir: &Path, manifest: &str) -> Result<(Self, bool), StoreError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        fs::create_dir_all(dir).map_err(at(dir))?;
        let dir = dir.canonicalize().map_err(at(dir))?;
        let lock = Lock::take(&dir).map_err(|error| match error {
            NotLocked::HeldBy(pid) => StoreError::InUse { pid, dir: dir.clone() },
            NotLocked::Io(source) => at(&dir)(source),
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Journal::open(&dir, flags)?;
        let made = db.prepare(manifest)?;
        let meta = db.meta()?;
        Ok((Self { db, meta, _lock: lock }, made))
    }

    /// Its folder, as an absolute path without links.
    pub fn dir(&self) -> &Path {
        &self.db.dir
    }

    /// What it was made with.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Takes a changed manifest.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn set_manifest(&mut self, manifest: &str) -> Result<(), StoreError> {
        self.db
            .connection
            .execute("UPDATE meta SET value = ?1 WHERE key = 'manifest'", [manifest])
            .map_err(|error| self.db.error(error))?;
        manifest.clone_into(&mut self.meta.manifest);
        Ok(())
    }

    /// Records events, all or none; when this returns they are on the disk.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`], or whatever else the database says; nothing was recorded then.
    pub fn append(&mut self, events: &[(Millis, Event)]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let own = Own::of(self.dir());
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT INTO event (at, trial, body) VALUES (?1, ?2, ?3)")?;
                for (at, event) in events {
                    let body = serde_json::to_string(own.recorded(event).as_ref())
                        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                    insert.execute(params![at.0.cast_signed(), trial_of(event), body])?;
                }
            }
            transaction.commit()
        };
        write(&mut self.db.connection).map_err(|error| self.db.error(error))
    }

    /// Every event, in order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the database says.
    pub fn replay(&self, take: impl FnMut(Millis, Event)) -> Result<(), StoreError> {
        self.db.replay(take)
    }
}

/// Moves the store in `dir` aside, to `<dir>.1` or the first number that is free. Where it is now; nothing is done where
/// there is no store.
///
/// # Errors
/// When it is in use, or cannot be moved.
pub fn set_aside(dir: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !dir.join(FILE).is_file() {
        return Ok(None);
    }
    let io = |source| StoreError::Io { path: dir.to_owned(), source };
    // The lock moves along.
    let _lock = Lock::take(dir).map_err(|error| match error {
        NotLocked::HeldBy(pid) => StoreError::InUse { pid, dir: dir.to_owned() },
        NotLocked::Io(source) => io(source),
    })?;
    let mut number = 1;
    let numbered = |number: u32| PathBuf::from(format!("{}.{number}", dir.display()));
    while numbered(number).exists() {
        number += 1;
    }
    fs::rename(dir, numbered(number)).map_err(io)?;
    Ok(Some(numbered(number)))
}

/// A store that is looked at, also while its job runs.
#[derive(Debug)]
pub struct Reader {
    db: Journal,
    meta: Meta,
}

impl Reader {
    /// Opens the store in `dir` for reading.
    ///
    /// # Errors
    /// [`StoreError`]: missing, written by a newer version, not a store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        if !dir.join(FILE).is_file() {
            return Err(StoreError::Missing(dir.to_owned()));
        }
        let dir = dir.canonicalize().map_err(|source| StoreError::Io { path: dir.to_owned(), source })?;
        let db = Journal::open(&dir, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        if db.version()? == 0 {
            // It is just being made.
            return Err(StoreError::Missing(dir));
        }
        let meta = db.meta()?;
        Ok(Self { db, meta })
    }

    /// What it was made with.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Its folder, as an absolute path without links.
    pub fn dir(&self) -> &Path {
        &self.db.dir
    }

    /// Who runs the job now.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn running(&self) -> io::Result<Holder> {
        Lock::holder(&self.db.dir)
    }

    /// Every event, in order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the database says.
    pub fn replay(&self, take: impl FnMut(Millis, Event)) -> Result<(), StoreError> {
        self.db.replay(take)
    }
}

/// The database itself.
#[derive(Debug)]
struct Journal {
    connection: Connection,
    dir: PathBuf,
}

impl Journal {
    fn open(dir: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let database = |source| StoreError::Database { path: path.clone(), source };
        let connection = Connection::open_with_flags(&path, flags).map_err(database)?;
        // Readers and the one writer never wait for each other in WAL mode, but for moments at opening and closing.
        connection.busy_timeout(Duration::from_secs(10)).map_err(database)?;
        let journal = Self { connection, dir: dir.to_owned() };
        let version = journal.version()?;
        if version > VERSION {
            return Err(StoreError::Newer { path, found: version });
        }
        Ok(journal)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// 0 for a file in which nothing was ever written.
    fn version(&self) -> Result<i32, StoreError> {
        let pragma = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let read = || Ok((pragma("application_id")?, pragma("user_version")?, pragma("schema_version")?));
        let (application, version, tables) = read().map_err(|error| self.error(error))?;
        match (application, tables) {
            (APPLICATION_ID, _) => Ok(version),
            (0, 0) => Ok(0),
            _ => Err(StoreError::NotAStore(self.path())),
        }
    }

    /// Makes what is not there yet; whether it did.
    fn prepare(&mut self, manifest: &str) -> Result<bool, StoreError> {
        let version = self.version()?;
        let fresh = version == 0;
        let set = |connection: &mut Connection| -> rusqlite::Result<()> {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // What is recorded survives a power cut. One sync for each turn of the loop, however much it holds.
            connection.pragma_update(None, "synchronous", "FULL")?;
            if !fresh {
                if version < VERSION {
                    // From here on what is recorded is of this version.
                    connection.pragma_update(None, "user_version", VERSION)?;
                }
                return Ok(());
            }
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            let uid: String =
                transaction.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))?;
            let rows = [("uid", uid.as_str()), ("manifest", manifest), ("madeBy", env!("CARGO_PKG_VERSION"))];
            for (key, value) in rows {
                transaction.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
            }
            transaction.commit()
        };
        set(&mut self.connection).map_err(|error| self.error(error))?;
        Ok(fresh)
    }

    fn meta(&self) -> Result<Meta, StoreError> {
        let value = |key: &str| {
            self.connection
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, String>(0))
                .optional()
                .map_err(|error| self.error(error))?
                .ok_or_else(|| StoreError::NotAStore(self.path()))
        };
        Ok(Meta { uid: value("uid")?, manifest: value("manifest")? })
    }

    fn replay(&self, mut take: impl FnMut(Millis, Event)) -> Result<(), StoreError> {
        let (own, database) = (Own::of(&self.dir), |error| self.error(error));
        let mut select =
            self.connection.prepare("SELECT seq, at, body FROM event ORDER BY seq").map_err(database)?;
        let mut rows = select.query([]).map_err(database)?;
        while let Some(row) = rows.next().map_err(database)? {
            let (seq, at): (i64, i64) = (row.get(0).map_err(database)?, row.get(1).map_err(database)?);
            let body = row.get_ref(2).map_err(database)?.as_str().unwrap_or_default();
            let event = serde_json::from_str(body).map_err(|source| StoreError::Corrupt {
                path: self.path(),
                seq,
                source,
            })?;
            take(Millis(at.cast_unsigned()), own.resolved(event));
        }
        Ok(())
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        let path = self.path();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull(path),
            Some(ErrorCode::NotADatabase) => StoreError::NotAStore(path),
            _ => StoreError::Database { path, source: error },
        }
    }
}

/// The trial an event is about, for whoever looks at the table.
fn trial_of(event: &Event) -> Option<u32> {
    let trial = match event {
        Event::Decided(action) => match action {
            Action::Create { trial, .. }
            | Action::Promote { trial, .. }
            | Action::Start { trial, .. }
            | Action::Stop { trial, .. }
            | Action::Pause { trial } => *trial,
            Action::Compact { .. } | Action::Finish(_) => return None,
        },
        Event::Observed(observation) => match observation {
            Observation::Reported { trial, .. }
            | Observation::Checkpointed { trial, .. }
            | Observation::Ended { trial, .. } => *trial,
            Observation::Learned { .. }
            | Observation::Opened
            | Observation::Reopened
            | Observation::Suspended { .. } => return None,
        },
    };
    Some(trial.0)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
