use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tensorboard").join(name)
}

fn reader(objectives: &[&str]) -> TensorBoard {
    let objectives: Vec<_> = objectives.iter().map(|name| (*name).to_owned()).collect();
    TensorBoard::new(&Settings { patterns: &[], objectives: &objectives })
}

const FILE: &str = "events.out.tfevents.1.host";

/// What a reader finds in a copy of a fixture that comes to its folder after it began.
fn read(format: &mut TensorBoard, parts: &[&str]) -> Found {
    let root = tempfile::tempdir().unwrap();
    format.poll(root.path(), &mut Found::default());
    for part in parts {
        let to = root.path().join(Path::new(part).file_name().unwrap());
        fs::create_dir_all(&to).unwrap();
        fs::copy(fixture(part).join(FILE), to.join(FILE)).unwrap();
    }
    let mut found = Found::default();
    format.poll(root.path(), &mut found);
    found
}

fn series(found: &Found, name: &str) -> Vec<(f64, f64)> {
    found
        .readings
        .iter()
        .flat_map(|reading| {
            reading.values.iter().map(move |(tag, value)| (reading.resource.unwrap(), tag, *value))
        })
        .filter(|(_, tag, _)| *tag == name)
        .map(|(step, _, value)| (step, value))
        .collect()
}

#[test]
fn simple_scalars_come_with_their_steps() {
    let found = read(&mut reader(&["accuracy"]), &["plain"]);
    assert_eq!(series(&found, "accuracy"), [(1.0, 0.91), (2.0, 0.92), (3.0, 0.93), (4.0, 0.94), (5.0, 0.95)]);
    assert_eq!(series(&found, "loss").len(), 5);
    assert_eq!(found.readings.len(), 5, "one reading a step");
    assert_eq!(found.warnings, [] as [String; 0]);
}

#[test]
fn a_folder_below_is_named_when_the_objective_names_it() {
    let found = read(&mut reader(&["validation/epoch_accuracy"]), &["keras/train", "keras/validation"]);
    let validation = series(&found, "validation/epoch_accuracy");
    assert_eq!(validation, [(0.0, 0.9), (1.0, 0.91), (2.0, 0.92), (3.0, 0.93), (4.0, 0.94)]);
    assert_eq!(series(&found, "epoch_accuracy").len(), 5, "the training scalars keep their tag");
    assert_eq!(found.warnings, [] as [String; 0]);
}

#[test]
fn an_objective_found_in_two_folders_is_warned_of() {
    let found = read(&mut reader(&["epoch_accuracy"]), &["keras/train", "keras/validation"]);
    assert!(
        matches!(&found.warnings[..], [warning]
            if warning.contains("train/epoch_accuracy or validation/epoch_accuracy")),
        "{:?}",
        found.warnings
    );
}

#[test]
fn a_growing_file_gives_what_is_whole_and_what_was_there_before_is_not_read() {
    let bytes = fs::read(fixture("plain").join(FILE)).unwrap();
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(FILE), &bytes).unwrap();
    let mut format = reader(&["accuracy"]);
    format.poll(root.path(), &mut Found::default());
    let path = root.path().join("events.out.tfevents.2.host");
    let mut file = fs::File::create(&path).unwrap();
    let mut steps = Vec::new();
    for piece in bytes.chunks(100) {
        file.write_all(piece).unwrap();
        let mut found = Found::default();
        format.poll(root.path(), &mut found);
        steps.extend(series(&found, "accuracy").into_iter().map(|(step, _)| step));
    }
    assert_eq!(steps, [1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn a_damaged_file_is_warned_of_once_and_the_others_are_read() {
    let root = tempfile::tempdir().unwrap();
    let mut format = reader(&["accuracy"]);
    format.poll(root.path(), &mut Found::default());
    fs::write(root.path().join("a.tfevents"), [7; 100]).unwrap();
    fs::copy(fixture("plain").join(FILE), root.path().join(FILE)).unwrap();
    let mut found = Found::default();
    format.poll(root.path(), &mut found);
    format.poll(root.path(), &mut found);
    assert_eq!(series(&found, "accuracy").len(), 5);
    assert!(
        matches!(&found.warnings[..], [warning] if warning.contains("a.tfevents")),
        "{:?}",
        found.warnings
    );
}
