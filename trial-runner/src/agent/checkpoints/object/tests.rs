use super::*;
use server::{BUCKET, S3};

#[path = "../../../../tests/s3/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;

/// A folder of credentials as Kubernetes mounts a Secret.
fn mounted(variables: &[(&str, String)]) -> (tempfile::TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("..data");
    fs::create_dir(&data).unwrap();
    for (name, value) in variables {
        fs::write(data.join(name), format!("{value}\n")).unwrap();
        std::os::unix::fs::symlink(format!("..data/{name}"), folder.path().join(name)).unwrap();
    }
    let places = Places { credentials: Some(folder.path().to_owned()), ..Places::default() };
    (folder, places)
}

#[test]
fn credentials_are_the_files_of_a_folder_and_other_files_are_passed_over() {
    let (_folder, places) = mounted(&[
        ("AWS_ACCESS_KEY_ID", "key".into()),
        ("AWS_ENDPOINT_URL", "http://host".into()),
        ("notes", "for people".into()),
    ]);
    let variables = Variables::read("AWS_", &places).unwrap().0;
    assert_eq!(variables["AWS_ACCESS_KEY_ID"], "key");
    assert!(!variables.contains_key("notes"));
    let places = Places { credentials: Some("/not/there".into()), ..Places::default() };
    let problem = format!("{:#}", Variables::read("AWS_", &places).err().unwrap());
    assert!(problem.starts_with("the credentials in /not/there: No such file"), "{problem}");
}

#[test]
fn every_kind_of_store_opens_with_what_its_own_tools_are_told() {
    let (_folder, places) = mounted(&[
        ("AWS_ACCESS_KEY_ID", "key".into()),
        ("AWS_SECRET_ACCESS_KEY", "secret".into()),
        ("AZURE_STORAGE_ACCOUNT_NAME", "account".into()),
        ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5".into()),
        ("GOOGLE_SKIP_SIGNATURE", "true".into()),
    ]);
    for (open, uri) in [
        (s3 as super::super::Open, "s3://bucket/some/prefix"),
        (s3, "s3://bucket"),
        (gs, "gs://bucket/prefix/"),
        (az, "az://container/prefix"),
    ] {
        assert!(open(uri, &places).is_ok(), "{uri}: {:#}", open(uri, &places).err().unwrap());
    }
    let problem = format!("{:#}", az("az://container/x", &Places::default()).err().unwrap());
    assert!(problem.contains("az://container/x") && problem.contains("ccount"), "{problem}");
}

#[test]
fn the_store_keeps_what_it_is_given_under_its_keys() {
    let Some(server) = S3::start() else { return };
    let (_folder, places) = mounted(&server.variables());
    let store = s3(&format!("s3://{BUCKET}/deep/prefix"), &places).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert_eq!(store.list("3").unwrap(), [] as [&str; 0]);
    assert_eq!(store.read("3/1-1-1/manifest.json").unwrap(), None);
    store.remove("3/1-1-1").unwrap();

    fs::write(&file, "weights").unwrap();
    store.put("3/1-1-1/sub/model 1+%2F.pt", &file, true).unwrap();
    store.put("3/2-1-2/model.pt", &file, false).unwrap();
    store.put_last("3/1-1-1/manifest.json", b"{}").unwrap();
    assert_eq!(fs::read(server.object("deep/prefix/3/1-1-1/manifest.json")).unwrap(), b"{}");
    let mut names = store.list("3").unwrap();
    names.sort();
    assert_eq!(names, ["1-1-1", "2-1-2"]);
    store.get("3/1-1-1/sub/model 1+%2F.pt", &folder.path().join("back")).unwrap();
    assert_eq!(fs::read(folder.path().join("back")).unwrap(), b"weights");

    store.put_last("3/1-1-1/manifest.json", b"{}").unwrap();
    let problem = store.put_last("3/1-1-1/manifest.json", b"{\"other\": 1}").unwrap_err().to_string();
    assert!(problem.starts_with("somebody else has committed it"), "{problem}");
    assert_eq!(store.read("3/1-1-1/manifest.json").unwrap(), Some(b"{}".to_vec()));

    store.remove("3/1-1-1").unwrap();
    assert_eq!(store.list("3").unwrap(), ["2-1-2"]);
}
