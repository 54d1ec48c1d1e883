//! The checkpoints of one attempt.

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pipe::{PipeFlags, pipe_with},
};

use super::{
    Places, Store,
    commit::{Commit, Committed, Known},
    open,
    watch::{Fingerprint, Watch},
};
use crate::agent::protocol::Checkpoint;

/// Between two looks at the folder. Looking takes at most a tenth of the agent's time.
const LOOK: Duration = Duration::from_millis(200);
const LOOK_SHARE: u32 = 10;

/// How far the trial is, for the checkpoint's manifest.
#[derive(Clone, Copy)]
pub(in crate::agent) struct Mark {
    pub(in crate::agent) resource: u64,
    pub(in crate::agent) from_zero: bool,
}

/// Commits what an attempt saves, whenever its folder has changed and is quiet, and at the end.
pub(in crate::agent) struct Keeper {
    store: Arc<dyn Store>,
    prefix: String,
    trial: u32,
    attempt: u32,
    watch: Watch,
    next_look: Instant,
    under_way: Option<UnderWay>,
    last: Option<Checkpoint>,
    /// What the attempt would be followed up from were it lost now.
    recorded: Option<Known>,
    /// What the folder held in a moment when nobody wrote, before the command was asked to end.
    before_end: Option<Fingerprint>,
    has_failed: bool,
}

/// A commit in a thread of its own, so that the command's output is read on.
struct UnderWay {
    thread: JoinHandle<Result<Committed>>,
    /// Its other end closes with the thread.
    done: OwnedFd,
    content: Fingerprint,
    resource: u64,
}

impl Keeper {
    /// `folder` is where the command saves; what it holds now is committed already.
    ///
    /// # Errors
    /// When there is no such place.
    pub(in crate::agent) fn new(
        uri: &str,
        places: &Places,
        trial: u32,
        attempt: u32,
        folder: PathBuf,
        now: Instant,
    ) -> Result<Self> {
        let store = open(uri, places)?;
        let watch = Watch::new(folder, now);
        let prefix = uri.trim_end_matches('/').to_owned();
        Ok(Self {
            store,
            prefix,
            trial,
            attempt,
            watch,
            next_look: now,
            under_way: None,
            last: None,
            recorded: None,
            before_end: None,
            has_failed: false,
        })
    }

    /// The newest checkpoint of this attempt.
    pub(in crate::agent) fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
    }

    /// A checkpoint is on record as the one to go on from: it is kept until another is.
    pub(in crate::agent) fn recorded(&mut self, uri: &str) {
        let name = uri.strip_prefix(&format!("{}/{}/", self.prefix, self.trial));
        // Another trial's is that one's to keep.
        self.recorded = name.and_then(Known::parse);
    }

    /// There is something to commit, or being committed.
    pub(in crate::agent) fn is_busy(&self) -> bool {
        self.under_way.is_some() || self.watch.has_news()
    }

    /// Becomes readable when a commit is done.
    pub(in crate::agent) fn done(&self) -> Option<BorrowedFd<'_>> {
        self.under_way.as_ref().map(|commit| commit.done.as_fd())
    }

    /// When [`Self::tend`] is due.
    pub(in crate::agent) fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Looks at the folder at once, not only when it is due.
    pub(in crate::agent) fn look(&mut self, now: Instant) {
        let begun = Instant::now();
        self.watch.look(now);
        self.next_look = now + LOOK.max(begun.elapsed() * LOOK_SHARE);
    }

    /// Takes up a commit that is done, and begins one when the folder has changed and is quiet. Gives what was
    /// committed.
    ///
    /// # Errors
    /// When a commit has failed; what it was to commit is not tried again until the folder changes.
    pub(in crate::agent) fn tend(&mut self, mark: Mark, now: Instant) -> Result<Option<Checkpoint>> {
        let finished = match self.under_way.take_if(|commit| commit.is_done()) {
            Some(commit) => self.settle(commit)?,
            None => None,
        };
        if now >= self.next_look {
            self.look(now);
        }
        if self.under_way.is_none() && self.watch.is_ripe(now) {
            let commit = self.commit(mark, false);
            let content = commit.content.clone();
            match UnderWay::begin(commit) {
                Ok(commit) => self.under_way = Some(commit),
                Err(error) => return self.settled(Err(error), content, mark.resource),
            }
        }
        Ok(finished)
    }

    /// The command is held and about to be asked to end. Whether what it has saved is whole: if so, and nothing is
    /// added to it, it is what [`Self::close`] commits.
    pub(in crate::agent) fn is_whole(&mut self, now: Instant) -> bool {
        self.look(now);
        let is_calm = self.watch.is_calm();
        self.before_end = is_calm.then(|| self.watch.seen().clone());
        is_calm
    }

    /// The command is dead. Commits what it has left, unless it was `cut_off` while it may have been writing. Gives
    /// what was committed.
    ///
    /// # Errors
    /// When a commit has failed.
    pub(in crate::agent) fn close(
        &mut self,
        mark: Mark,
        cut_off: bool,
        now: Instant,
    ) -> Result<Option<Checkpoint>> {
        let mut committed = self.cancel()?;
        self.watch.look(now);
        let is_whole =
            !cut_off || self.watch.is_quiet(now) || self.before_end.as_ref() == Some(self.watch.seen());
        if self.watch.has_news() && is_whole {
            let commit = self.commit(mark, true);
            let done = commit.run();
            committed = self.settled(done, commit.content, mark.resource)?.or(committed);
        }
        Ok(committed)
    }

    /// The command is dead, and what it has left is not wanted. Gives what was being committed.
    ///
    /// # Errors
    /// When that commit has failed.
    pub(in crate::agent) fn cancel(&mut self) -> Result<Option<Checkpoint>> {
        match self.under_way.take() {
            Some(commit) => self.settle(commit),
            None => Ok(None),
        }
    }

    /// Removes the folder, unless it holds what was to be committed and is not.
    pub(in crate::agent) fn clear(self) {
        if !self.watch.has_news() && !self.has_failed {
            self.discard();
        }
    }

    /// Removes the folder.
    pub(in crate::agent) fn discard(self) {
        let _ = fs::remove_dir_all(self.watch.folder());
    }

    fn commit(&self, mark: Mark, may_move: bool) -> Commit {
        Commit {
            store: Arc::clone(&self.store),
            folder: self.watch.folder().to_owned(),
            content: self.watch.seen().clone(),
            trial: self.trial,
            attempt: self.attempt,
            resource: mark.resource,
            from_zero: mark.from_zero,
            recorded: self.recorded,
            may_move,
        }
    }

    fn settle(&mut self, commit: UnderWay) -> Result<Option<Checkpoint>> {
        let done = commit.thread.join().unwrap_or_else(|_| Err(anyhow!("the commit broke off")));
        self.settled(done, commit.content, commit.resource)
    }

    fn settled(
        &mut self,
        done: Result<Committed>,
        content: Fingerprint,
        resource: u64,
    ) -> Result<Option<Checkpoint>> {
        match done {
            Ok(Committed::Changed) => Ok(None),
            Ok(Committed::Yes(key)) => {
                self.watch.settle(content);
                self.has_failed = false;
                let checkpoint = Checkpoint { uri: format!("{}/{key}", self.prefix), resource };
                self.last = Some(checkpoint.clone());
                Ok(Some(checkpoint))
            }
            Err(error) => {
                self.watch.settle(content);
                self.has_failed = true;
                Err(error.context("a checkpoint is not committed"))
            }
        }
    }
}

impl UnderWay {
    fn begin(commit: Commit) -> Result<Self> {
        let (done, until_done) = pipe_with(PipeFlags::CLOEXEC)?;
        let (content, resource) = (commit.content.clone(), commit.resource);
        let thread = thread::Builder::new().name("commit".into()).spawn(move || {
            let result = commit.run();
            drop(until_done);
            result
        })?;
        Ok(Self { thread, done, content, resource })
    }

    fn is_done(&self) -> bool {
        poll(&mut [PollFd::new(&self.done, PollFlags::IN)], Some(&Timespec::default()))
            .is_ok_and(|ready| ready > 0)
    }
}
