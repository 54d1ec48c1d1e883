use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    commit::{Commit, Committed},
    manifest::MANIFEST,
    watch::{PATIENCE, QUIET, fingerprint},
    *,
};

/// A place for checkpoints and a folder that a command saves to.
struct Setting {
    _root: TempDir,
    place: PathBuf,
    folder: PathBuf,
}

impl Setting {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (place, folder) = (root.path().join("place"), root.path().join("checkpoint"));
        fs::create_dir(&folder).unwrap();
        Self { _root: root, place, folder }
    }

    fn uri(&self) -> String {
        format!("file://{}", self.place.display())
    }

    fn save(&self, path: &str, content: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn prepare(&self, resource: u64) -> Commit {
        Commit {
            store: open(&self.uri(), &Places::default()).unwrap(),
            folder: self.folder.clone(),
            content: fingerprint(&self.folder).unwrap(),
            trial: 7,
            attempt: 1,
            resource,
            from_zero: true,
            recorded: None,
            may_move: false,
        }
    }

    fn commit(&self, resource: u64) -> String {
        match self.prepare(resource).run().unwrap() {
            Committed::Yes(key) => key,
            Committed::Changed => panic!("it has not changed"),
        }
    }

    /// The files of a restored checkpoint and their content, or why it is refused.
    fn restore(&self, key: &str) -> Result<Vec<(String, String)>, String> {
        let to = tempfile::tempdir().unwrap();
        restore(&format!("{}/{key}", self.uri()), &Places::default(), to.path())
            .map_err(|error| format!("{error:#}"))?;
        let files = fingerprint(to.path()).unwrap();
        Ok(files
            .into_iter()
            .map(|(path, _)| {
                (path.as_str().to_owned(), fs::read_to_string(to.path().join(path.as_str())).unwrap())
            })
            .collect())
    }

    fn listed(&self) -> Vec<String> {
        let mut names = open(&self.uri(), &Places::default()).unwrap().list("7").unwrap();
        names.sort();
        names
    }
}

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, content)| ((*path).into(), (*content).into())).collect()
}

#[test]
fn what_is_committed_comes_back_without_what_is_hidden_or_temporary() {
    let setting = Setting::new();
    for path in ["model.pt", "optimizer/state", ".lock", "model.pt.tmp", "next.tmp/model.pt"] {
        setting.save(path, path);
    }
    std::os::unix::fs::symlink("model.pt", setting.folder.join("latest")).unwrap();
    std::os::unix::fs::symlink("nowhere", setting.folder.join("broken")).unwrap();
    let key = setting.commit(3);
    assert_eq!(key, "7/3-1-1");
    assert_eq!(
        setting.restore(&key).unwrap(),
        files(&[("latest", "model.pt"), ("model.pt", "model.pt"), ("optimizer/state", "optimizer/state")])
    );
    let to = tempfile::tempdir().unwrap();
    let manifest = restore(&format!("{}/{key}", setting.uri()), &Places::default(), to.path()).unwrap();
    assert_eq!((manifest.resource, manifest.from_zero), (3, true));
}

#[test]
fn what_a_command_writes_later_does_not_reach_the_committed() {
    let setting = Setting::new();
    setting.save("model.pt", "old");
    let key = setting.commit(1);
    setting.save("model.pt", "new");
    assert_eq!(setting.restore(&key).unwrap(), files(&[("model.pt", "old")]));
}

#[test]
fn the_newest_two_are_kept_and_what_was_torn_is_removed() {
    let setting = Setting::new();
    setting.save("model.pt", "x");
    setting.commit(1);
    fs::create_dir_all(setting.place.join("7/2-1-2")).unwrap();
    fs::write(setting.place.join("7/2-1-2/model.pt"), "torn").unwrap();
    fs::create_dir_all(setting.place.join("7/notes")).unwrap();
    for resource in [2, 2, 3] {
        setting.commit(resource);
    }
    assert_eq!(setting.listed(), ["2-1-4", "3-1-5", "notes"]);
}

#[test]
fn what_is_on_record_is_kept_however_many_are_newer() {
    let setting = Setting::new();
    let start = Instant::now();
    let mut keeper = keeper(&setting, start);
    let commit = |keeper: &mut Keeper, turn: u32| {
        setting.save("model.pt", &turn.to_string().repeat(turn as usize));
        let at = start + 4 * turn * QUIET;
        keeper.look(at);
        tend_until_done(keeper, at + QUIET).unwrap().uri
    };
    let first = commit(&mut keeper, 1);
    keeper.recorded(&first);
    let last = (2..=5).map(|turn| commit(&mut keeper, turn)).last().unwrap();
    assert_eq!(setting.listed(), ["2-1-1", "2-1-4", "2-1-5"]);
    keeper.recorded(&last);
    commit(&mut keeper, 6);
    assert_eq!(setting.listed(), ["2-1-5", "2-1-6"]);
}

#[test]
fn a_change_since_the_look_or_while_copying_leaves_nothing_behind() {
    let setting = Setting::new();
    setting.save("model.pt", "x");
    let commit = setting.prepare(1);
    setting.save("model.pt", "longer");
    assert!(matches!(commit.run().unwrap(), Committed::Changed));
    let commit = setting.prepare(1);
    fs::remove_file(setting.folder.join("model.pt")).unwrap();
    assert!(matches!(commit.run().unwrap(), Committed::Changed));
    assert_eq!(setting.listed(), [] as [&str; 0]);
}

#[test]
fn the_files_of_a_dead_command_are_moved() {
    let setting = Setting::new();
    setting.save("sub/model.pt", "x");
    let commit = Commit { may_move: true, ..setting.prepare(1) };
    let Committed::Yes(key) = commit.run().unwrap() else { panic!("it has not changed") };
    assert!(!setting.folder.join("sub/model.pt").exists());
    assert_eq!(setting.restore(&key).unwrap(), files(&[("sub/model.pt", "x")]));
}

#[test]
fn what_is_not_whole_is_refused_with_the_reason() {
    let setting = Setting::new();
    setting.save("model.pt", "weights");
    let refusal = |tamper: &dyn Fn(PathBuf)| {
        let key = setting.commit(1);
        tamper(setting.place.join(&key));
        setting.restore(&key).unwrap_err()
    };
    let edit = |folder: PathBuf, from: &str, to: &str| {
        let text = fs::read_to_string(folder.join(MANIFEST)).unwrap();
        assert!(text.contains(from));
        fs::write(folder.join(MANIFEST), text.replace(from, to)).unwrap();
    };
    for (problem, reason) in [
        (refusal(&|folder| fs::remove_file(folder.join(MANIFEST)).unwrap()), "it was never committed"),
        (refusal(&|folder| fs::remove_file(folder.join("model.pt")).unwrap()), "model.pt cannot be read"),
        (refusal(&|folder| fs::write(folder.join("model.pt"), "weight").unwrap()), "has 6 bytes where"),
        (refusal(&|folder| fs::write(folder.join("model.pt"), "weighty").unwrap()), "has the SHA-256"),
        (refusal(&|folder| fs::write(folder.join(MANIFEST), "{").unwrap()), "not one of Temper's"),
        (refusal(&|folder| edit(folder, "\"version\": 1", "\"version\": 2")), "is of version 2"),
        (refusal(&|folder| edit(folder, "model.pt", "../model.pt")), "no path below the checkpoint"),
        (refusal(&|folder| edit(folder, "model.pt", "/etc/passwd")), "no path below the checkpoint"),
    ] {
        assert!(problem.starts_with("the checkpoint file://") && problem.contains(reason), "{problem}");
    }
}

#[test]
fn a_place_that_is_not_known_is_refused_with_those_that_are() {
    let problem = |uri: &str| format!("{:#}", open(uri, &Places::default()).err().unwrap());
    assert!(
        problem("ftp://host/x")
            .contains("this agent knows no ftp://; it keeps checkpoints in file://, pvc://")
    );
    assert!(problem("fil:///x").contains("did you mean \"file\"?"));
    assert!(problem("/data").contains("begins with one of file://"));
    assert!(problem("file://data").contains("file:///data/checkpoints"));
}

#[test]
fn a_file_with_the_manifest_s_name_is_refused() {
    let setting = Setting::new();
    setting.save(MANIFEST, "{}");
    assert!(setting.prepare(1).run().err().unwrap().to_string().contains("the name is Temper's own"));
    assert_eq!(setting.listed(), [] as [&str; 0]);
}

const MARK: Mark = Mark { resource: 2, from_zero: false };

fn keeper(setting: &Setting, now: Instant) -> Keeper {
    Keeper::new(&setting.uri(), &Places::default(), 7, 1, setting.folder.clone(), now).unwrap()
}

/// Tends until a commit is done; time is given, not waited for, but for the commit itself.
fn tend_until_done(keeper: &mut Keeper, now: Instant) -> Option<Checkpoint> {
    for _ in 0..1000 {
        if let Some(checkpoint) = keeper.tend(MARK, now).unwrap() {
            return Some(checkpoint);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

use crate::agent::protocol::Checkpoint;

#[test]
fn a_change_is_committed_once_it_is_quiet_and_only_once() {
    let setting = Setting::new();
    let start = Instant::now();
    let mut keeper = keeper(&setting, start);
    setting.save("model.pt", "x");
    keeper.look(start);
    assert_eq!(keeper.tend(MARK, start + QUIET / 2).unwrap(), None);
    assert!(keeper.done().is_none() && keeper.is_busy());
    let checkpoint = tend_until_done(&mut keeper, start + QUIET).unwrap();
    assert_eq!(checkpoint, Checkpoint { uri: format!("{}/7/2-1-1", setting.uri()), resource: 2 });
    assert!(!keeper.is_busy());
    assert_eq!(keeper.tend(MARK, start + 3 * QUIET).unwrap(), None);
    assert!(keeper.done().is_none());
    assert_eq!(keeper.close(MARK, false, start + 4 * QUIET).unwrap(), None);
    keeper.clear();
    assert!(!setting.folder.exists());
}

#[test]
fn what_was_restored_is_not_committed_again() {
    let setting = Setting::new();
    setting.save("model.pt", "restored");
    let start = Instant::now();
    let mut keeper = keeper(&setting, start);
    assert_eq!(keeper.close(MARK, false, start + QUIET).unwrap(), None);
}

#[test]
fn at_the_end_the_last_state_is_committed_unless_it_may_be_torn() {
    for (cut_off, looked_at_before, committed) in
        [(false, false, true), (true, true, true), (true, false, false), (false, true, true)]
    {
        let setting = Setting::new();
        let start = Instant::now();
        let mut keeper = keeper(&setting, start);
        setting.save("model.pt", "x");
        if looked_at_before {
            keeper.look(start);
        }
        let last = keeper.close(MARK, cut_off, start + QUIET).unwrap();
        assert_eq!(last.is_some(), committed, "cut off: {cut_off}, looked at before: {looked_at_before}");
        keeper.clear();
        assert_eq!(setting.folder.exists(), !committed, "what is not committed is not thrown away");
    }
}

#[test]
fn a_commit_that_fails_is_told_once_and_the_next_change_is_tried_again() {
    let setting = Setting::new();
    let start = Instant::now();
    let mut keeper = keeper(&setting, start);
    setting.save(MANIFEST, "{}");
    keeper.look(start);
    let mut now = start + QUIET;
    let mut problems = Vec::new();
    for _ in 0..100 {
        problems.extend(keeper.tend(MARK, now).err());
        now += Duration::from_millis(10);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(problems.len(), 1);
    fs::remove_file(setting.folder.join(MANIFEST)).unwrap();
    setting.save("model.pt", "x");
    keeper.look(now);
    assert!(tend_until_done(&mut keeper, now + QUIET).is_some());
}

#[test]
fn a_command_that_saves_all_the_time_is_committed_in_a_moment_without_writing() {
    let setting = Setting::new();
    let start = Instant::now();
    let mut keeper = keeper(&setting, start);
    let mut now = start;
    let mut committed = None;
    // Saved every 200 ms of given time, for which hardly any passes: it is never quiet.
    for step in 0..20 {
        setting.save("model.pt", &"x".repeat(step));
        keeper.look(now);
        std::thread::sleep(Duration::from_millis(25));
        keeper.tend(MARK, now).unwrap();
        if keeper.done().is_some() {
            assert!(now >= start + PATIENCE, "not before it must");
            committed = tend_until_done(&mut keeper, now);
            break;
        }
        now += Duration::from_millis(200);
    }
    assert!(committed.is_some());
}
