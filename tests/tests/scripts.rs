//! The scripts behind `make setup` and `make run`, with stand-ins for what they start.

#![allow(clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use temper_tests::root;

/// A folder that is taken for the repository's.
struct Place(tempfile::TempDir);

impl Place {
    fn new(scripts: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        for name in scripts {
            let script = fs::read_to_string(root().join("scripts").join(name)).expect("the script");
            place.program(&format!("scripts/{name}"), &script);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
    }

    /// A script, with a home of its own and no data named.
    fn script(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("scripts").join(name));
        command.args(arguments).env("HOME", self.path("home"));
        command.env_remove("TEMPER_DATA").env_remove("XDG_CACHE_HOME").env_remove("PYTHON");
        command
    }
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("utf-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_test_set_is_measured_once_for_each_model() {
    let place = Place::new(&["main-job.sh"]);
    place.program(
        "target/release/temper",
        "#!/bin/sh\nmkdir -p .temper/fashion-mnist\n\
         [ \"$1\" != best ] || echo \"{\\\"checkpoint\\\": \\\"file:///models/$(cat best)\\\"}\"\n",
    );
    place.program(
        "target/release/temper-runner",
        "#!/bin/sh\necho \"$*\" >>measured\necho '{\"split\":\"test\",\"accuracy\":0.5}'\n[ ! -e broken ]\n",
    );
    let measured = || {
        let lines = fs::read_to_string(place.path("measured")).unwrap_or_default();
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = || run(&mut place.script("main-job.sh", &[]));

    place.write("best", "first");
    place.write("broken", "");
    assert_eq!(run().0, Some(1), "a measurement that fails is none");
    fs::remove_file(place.path("broken")).expect("ours");
    for said in ["measured once", "measured before", "measured before"] {
        let (code, out, err) = run();
        assert_eq!(code, Some(0), "{err}");
        assert!(out.contains(said) && out.contains("\"accuracy\":0.5"), "{out}");
    }
    assert_eq!(measured().len(), 2, "{:?}", measured());
    place.write("best", "second");
    assert!(run().1.contains("measured once"));
    assert!(run().1.contains("measured before"));
    assert_eq!(
        measured().last().map(String::as_str),
        Some("evaluate --model-dir /models/second --split test")
    );
    assert_eq!(measured().len(), 3);
}

/// Where Debian's package puts the data.
const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";

#[test]
fn without_root_everything_that_is_missing_is_told_at_once() {
    let place = Place::new(&["setup-system.sh", "setup-data.sh"]);
    place.program("bin/id", "#!/bin/sh\necho 1000\n");
    place.program("bin/apt-get", "#!/bin/sh\necho called >&2\nexit 1\n");
    symlink("/usr/bin/dirname", place.path("bin/dirname")).expect("made");
    let (code, _, err) = run(place.script("setup-system.sh", &[]).env("PATH", place.path("bin")));
    assert_eq!(code, Some(1));
    let data = if Path::new(DEBIAN).exists() { "" } else { " dataset-fashion-mnist" };
    let packages = format!("sudo apt-get install gcc g++ make python3 python3-venv{data}\n");
    assert!(err.contains("there is no cargo here") && err.ends_with(&packages), "{err}");

    // The data set alone stops nothing: it can be downloaded later.
    let (code, out, err) = run(place.script("setup-data.sh", &[]).env("PATH", place.path("bin")));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("Fashion-MNIST is "), "{out}");
}

#[test]
fn setup_and_the_python_example_find_the_data_in_the_same_places() {
    let place = Place::new(&["setup-data.sh"]);
    // The example's own imports are not needed to find a folder.
    place.write("modules/numpy.py", "");
    place.write("modules/torch.py", "Tensor = nn = None\n");
    let look = "import train; print(train.folder())";
    let found = |local: Option<&Path>| {
        let mut setup = place.script("setup-data.sh", &["--find"]);
        let mut example = Command::new("python3");
        example.args(["-c", look]).env("HOME", place.path("home")).env_remove("XDG_CACHE_HOME");
        let example_folder = root().join("examples/pytorch");
        let modules = [place.path("modules"), example_folder];
        example.env("PYTHONPATH", std::env::join_paths(modules).expect("plain names"));
        example.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("TEMPER_DATA");
        if let Some(local) = local {
            setup.env("TEMPER_DATA", local);
            example.env("TEMPER_DATA", local);
        }
        let (setup, example) = (run(&mut setup), run(&mut example));
        assert_eq!((setup.0, &setup.1), (example.0, &example.1), "{}", example.2);
        PathBuf::from(setup.1.trim_end())
    };
    let (local, cache) = (place.path("local"), place.path("home/.cache/temper/data/fashion-mnist"));
    if Path::new(DEBIAN).exists() {
        assert_eq!(found(Some(&local)), Path::new(DEBIAN));
    }
    place.write("home/.cache/temper/data/fashion-mnist/train-images-idx3-ubyte.gz", "");
    assert_eq!(found(Some(&local)), cache);
    assert_eq!(found(None), cache);
    place.write("local/train-images-idx3-ubyte", "");
    assert_eq!(found(Some(&local)), local);
    place.write("local/fashion-mnist/train-images-idx3-ubyte.gz", "");
    assert_eq!(found(Some(&local)), local.join("fashion-mnist"));
}
