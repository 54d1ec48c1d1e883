//! A store's own checkpoints, and how its journal names them: relative to the store, so that they are found wherever the
//! store is moved to. Everybody but the journal has URIs in full.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use temper_runner::agent::{file_uri, is_committed};

use crate::plan::{Event, Observation};

/// Within the store.
const FOLDER: &str = "checkpoints";

/// Where a store keeps checkpoints.
#[derive(Clone, Debug)]
pub(super) struct Own {
    folder: PathBuf,
    uri: String,
}

impl Own {
    /// `store` is the store's folder, absolute.
    pub(super) fn of(store: &Path) -> Self {
        let folder = store.join(FOLDER);
        Self { uri: file_uri(&folder), folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// As the journal has it.
    pub(super) fn recorded<'e>(&self, event: &'e Event) -> Cow<'e, Event> {
        let Event::Observed(Observation::Checkpointed { trial, resource, uri }) = event else {
            return Cow::Borrowed(event);
        };
        let Some(within) = uri.strip_prefix(&self.uri).filter(|within| within.starts_with('/')) else {
            return Cow::Borrowed(event);
        };
        let uri = format!("{FOLDER}{within}");
        Cow::Owned(Event::Observed(Observation::Checkpointed { trial: *trial, resource: *resource, uri }))
    }

    /// As everybody else has it.
    pub(super) fn resolved(&self, mut event: Event) -> Event {
        if let Event::Observed(Observation::Checkpointed { uri, .. }) = &mut event
            && let Some(in_full) = self.in_full(uri)
        {
            *uri = in_full;
        }
        event
    }

    fn in_full(&self, uri: &str) -> Option<String> {
        match uri.strip_prefix(FOLDER) {
            Some(within) if within.starts_with('/') => Some(format!("{}{within}", self.uri)),
            _ => self.moved(uri),
        }
    }

    /// Stores of version 1 have the URIs in full, of where the store was when they were written. What is meant is in this
    /// one, unless it was committed before escapes were read, and so lies beside it.
    fn moved(&self, uri: &str) -> Option<String> {
        let mut parts = uri.strip_prefix("file://")?.rsplitn(4, '/');
        let (name, trial) = (parts.next()?, parts.next()?);
        if parts.next()? != FOLDER {
            return None;
        }
        let here = format!("{}/{trial}/{name}", self.uri);
        let is_here = is_committed(&here) == Some(true);
        (is_here || (!uri.contains('%') && self.folder.is_dir())).then_some(here)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use temper_advisor::TrialIndex;

    use super::*;

    fn checkpointed(uri: &str) -> Event {
        Event::Observed(Observation::Checkpointed {
            trial: TrialIndex(3),
            resource: None,
            uri: uri.to_owned(),
        })
    }

    fn uri_of(event: &Event) -> &str {
        match event {
            Event::Observed(Observation::Checkpointed { uri, .. }) => uri,
            _ => "",
        }
    }

    #[test]
    fn what_is_in_the_store_is_named_from_it_and_nothing_else_is() {
        let (here, there) =
            (Own::of(Path::new("/my work/.temper/job")), Own::of(Path::new("/elsewhere/job.1")));
        let uri = "file:///my%20work/.temper/job/checkpoints/3/9-1-1";
        let recorded = here.recorded(&checkpointed(uri)).into_owned();
        assert_eq!(uri_of(&recorded), "checkpoints/3/9-1-1");
        assert_eq!(uri_of(&here.resolved(recorded.clone())), uri);
        assert_eq!(uri_of(&there.resolved(recorded)), "file:///elsewhere/job.1/checkpoints/3/9-1-1");
        for other in
            ["s3://bucket/checkpoints/3/9-1-1", "file:///my%20work/.temper/job/checkpoints.old/3/9-1-1"]
        {
            assert_eq!(uri_of(&here.recorded(&checkpointed(other))), other);
            assert_eq!(uri_of(&here.resolved(checkpointed(other))), other);
        }
    }

    #[test]
    fn a_store_whose_journal_has_them_in_full_may_have_been_moved() {
        let root = tempfile::tempdir().unwrap();
        let moved = Own::of(&root.path().join("job.1"));
        let resolved = |uri: &str| uri_of(&moved.resolved(checkpointed(uri))).to_owned();
        let (plain, escaped) =
            ("file:///old/job/checkpoints/3/9-1-1", "file:///my%20old/job/checkpoints/3/9-1-1");
        assert_eq!(resolved(plain), plain, "this store has none of its own");
        let folder = moved.folder().join("3/9-1-1");
        fs::create_dir_all(&folder).unwrap();
        let here = file_uri(&folder);
        assert_eq!(resolved(plain), here, "not what another store has there now");
        assert_eq!(resolved(escaped), escaped, "it was written where the URI is a path");
        fs::write(folder.join("manifest.json"), "{}").unwrap();
        assert_eq!((resolved(plain), resolved(escaped)), (here.clone(), here));
        let of_the_user = "file:///data/checkpoints/0123abcd/3/9-1-1";
        assert_eq!(resolved(of_the_user), of_the_user);
    }
}
