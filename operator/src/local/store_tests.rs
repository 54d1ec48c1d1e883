use temper_advisor::TrialIndex;

use super::*;
use crate::plan::Ending;

fn ended(trial: u32) -> (Millis, Event) {
    let ending = Ending::Disrupted { message: "a test".into() };
    (
        Millis(u64::from(trial) * 10),
        Event::Observed(Observation::Ended { trial: TrialIndex(trial), attempt: 1, ending }),
    )
}

fn events(store: &Reader) -> Vec<(Millis, Event)> {
    let mut events = Vec::new();
    store.replay(|at, event| events.push((at, event))).unwrap();
    events
}

#[test]
fn what_was_recorded_comes_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let recorded: Vec<_> = (0..5).rev().map(ended).collect();
    let (mut store, made) = Store::open(dir.path(), "a: 1").unwrap();
    assert!(made);
    store.append(&recorded[..2]).unwrap();
    store.append(&recorded[2..]).unwrap();
    let uid = store.meta().uid.clone();
    drop(store);
    let (store, made) = Store::open(dir.path(), "another").unwrap();
    assert!(!made);
    assert_eq!(store.meta(), &Meta { uid, manifest: "a: 1".into() }, "a manifest is changed only on request");
    assert_eq!(events(&Reader::open(dir.path()).unwrap()), recorded);
}

#[test]
fn its_own_checkpoints_move_with_it() {
    let root = tempfile::tempdir().unwrap();
    let (before, after) = (root.path().join("with space"), root.path().join("100%25"));
    let (mut store, _) = Store::open(&before, "").unwrap();
    let checkpointed = |dir: &Path| {
        let uri = temper_runner::agent::file_uri(&dir.canonicalize().unwrap().join("checkpoints/3/9-1-1"));
        let trial = TrialIndex(3);
        (Millis(1), Event::Observed(Observation::Checkpointed { trial, resource: None, uri }))
    };
    store.append(&[checkpointed(&before)]).unwrap();
    assert_eq!(events(&Reader::open(&before).unwrap()), [checkpointed(&before)]);
    drop(store);
    fs::rename(&before, &after).unwrap();
    assert_eq!(events(&Reader::open(&after).unwrap()), [checkpointed(&after)]);
}

#[test]
fn a_store_of_version_1_is_read_and_becomes_one_of_this_version_when_it_is_written() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("job");
    drop(Store::open(&dir, "").unwrap());
    let db = Connection::open(dir.join(FILE)).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let body = r#"{"saw":"checkpointed","trial":3,"resource":9,"uri":"file:///then/.temper/job/checkpoints/3/9-1-1"}"#;
    db.execute("INSERT INTO event (at, trial, body) VALUES (1, 3, ?1)", [body]).unwrap();
    drop(db);
    fs::create_dir_all(dir.join("checkpoints/3/9-1-1")).unwrap();
    let here = temper_runner::agent::file_uri(&dir.canonicalize().unwrap().join("checkpoints/3/9-1-1"));
    let reader = Reader::open(&dir).unwrap();
    assert!(
        matches!(&events(&reader)[..], [(_, Event::Observed(Observation::Checkpointed { uri, .. }))] if *uri == here)
    );
    drop(Store::open(&dir, "").unwrap());
    let db = Connection::open(dir.join(FILE)).unwrap();
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, VERSION);
}

#[test]
fn it_is_read_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), "").unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.running().unwrap(), Holder::Process(std::process::id()));
    store.append(&[ended(1)]).unwrap();
    assert_eq!(events(&reader).len(), 1);
    store.append(&[ended(2)]).unwrap();
    assert_eq!(events(&reader).len(), 2);
    drop(store);
    assert_eq!(reader.running().unwrap(), Holder::Nobody);
}

#[test]
fn only_one_may_write() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Store::open(dir.path(), "").unwrap();
    let error = Store::open(dir.path(), "").unwrap_err().to_string();
    assert!(error.contains(&format!("(pid {})", std::process::id())), "{error}");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), "").unwrap());
    let db = Connection::open(dir.path().join(FILE)).unwrap();
    db.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(db);
    let error = Store::open(dir.path(), "").unwrap_err().to_string();
    assert!(
        error.contains("written by a newer temper: its format is version 3, this temper reads up to 2"),
        "{error}"
    );
    assert!(matches!(Reader::open(dir.path()), Err(StoreError::Newer { found: 3, .. })));
}

#[test]
fn other_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(dir.path()), Err(StoreError::Missing(_))));
    fs::write(
        dir.path().join(FILE),
        "a poem, long enough that no database could begin in such a way".repeat(20),
    )
    .unwrap();
    assert!(matches!(Store::open(dir.path(), ""), Err(StoreError::NotAStore(_))));
    fs::remove_file(dir.path().join(FILE)).unwrap();
    Connection::open(dir.path().join(FILE)).unwrap().execute_batch("CREATE TABLE poems (line)").unwrap();
    assert!(matches!(Store::open(dir.path(), ""), Err(StoreError::NotAStore(_))));
}

#[test]
fn a_person_with_sqlite3_finds_trials_and_reports() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), "").unwrap();
    let event = |json: &str| (Millis(1_700_000_000_500), serde_json::from_str::<Event>(json).unwrap());
    store
        .append(&[
            event(r#"{"do":"create","trial":0,"parameters":{"x":0.5}}"#),
            event(r#"{"do":"create","trial":1,"parameters":{"x":0.7}}"#),
            event(r#"{"do":"start","trial":0,"attempt":1}"#),
            event(r#"{"saw":"reported","trial":0,"attempt":1,"resource":1,"metrics":{"a":0.1}}"#),
            event(r#"{"saw":"reported","trial":0,"attempt":1,"resource":2,"metrics":{"a":0.2}}"#),
            event(r#"{"saw":"ended","trial":0,"attempt":1,"ending":{"how":"disrupted","message":"m"}}"#),
            event(r#"{"do":"start","trial":0,"attempt":2}"#),
        ])
        .unwrap();
    let look = |sql: &str| -> String { store.db.connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    let trials = r#"SELECT group_concat(concat_ws(' ', "index", last_attempt, attempts, resource, metrics, parameters), '; ') FROM trial"#;
    assert_eq!(look(trials), r#"0 running 2 2 {"a":0.2} {"x":0.5}; 1 pending 0 {"x":0.7}"#);
    assert_eq!(
        look("SELECT concat_ws(' ', trial, attempt, resource, time) FROM report"),
        "0 1 1 2023-11-14 22:13:20.500"
    );
}

#[test]
fn a_store_is_set_aside_and_not_thrown_away() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("job");
    assert_eq!(set_aside(&dir).unwrap(), None);
    for number in 1..=2 {
        let (store, made) = Store::open(&dir, "").unwrap();
        assert!(made);
        assert!(matches!(set_aside(&dir), Err(StoreError::InUse { .. })));
        drop(store);
        let aside = parent.path().join(format!("job.{number}"));
        assert_eq!(set_aside(&dir).unwrap(), Some(aside.clone()));
        Reader::open(&aside).unwrap();
    }
    fs::create_dir(&dir).unwrap();
    assert_eq!(set_aside(&dir).unwrap(), None, "a folder without a store is not ours to move");
}
