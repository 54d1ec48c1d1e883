//! `temper-runner install`.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::harness::BINARY;

#[test]
fn a_copy_is_put_into_a_folder_in_one_step_and_can_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a/b"), folder.path().join("c"));
    assert!(Command::new(BINARY).arg("install").arg(&first).status().unwrap().success());
    let copy = first.join("temper-runner");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::read_dir(&first).unwrap().count(), 1, "nothing beside it");
    // Also over one that is there and runs.
    for _ in 0..2 {
        assert!(Command::new(&copy).arg("install").arg(&second).status().unwrap().success());
    }
    assert!(fs::read(second.join("temper-runner")).unwrap() == fs::read(BINARY).unwrap());

    let output = Command::new(BINARY).args(["install", "/proc/no/such"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(problem.starts_with("error: /proc/no/such/temper-runner cannot be made"), "{problem}");
}
