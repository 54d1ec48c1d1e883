//! `temper-runner train` and `evaluate` as processes, on small data sets written for each test.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde_json::Value;

/// A folder with data, and commands on it.
struct Place {
    folder: tempfile::TempDir,
}

const SIDE: usize = 12;

impl Place {
    /// Noisy images of a bar, by class: lying, standing, or slanted; `count` to train on and 100 to test on.
    fn with_images(count: usize) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let mut generator = Pcg64::seed_from_u64(1);
        for (prefix, count) in [("train", count), ("t10k", 100)] {
            let (mut pixels, mut labels) = (Vec::new(), Vec::new());
            for _ in 0..count {
                let class = generator.random_range(0..3_u8);
                let mut image: Vec<u8> = (0..SIDE * SIDE).map(|_| generator.random_range(0..60)).collect();
                let at = generator.random_range(2..SIDE - 2);
                for along in 2..SIDE - 2 {
                    let (row, column) = match class {
                        0 => (at, along),
                        1 => (along, at),
                        _ => (along, (along + at) % SIDE),
                    };
                    image[row * SIDE + column] = 255;
                }
                pixels.extend(image);
                labels.push(class);
            }
            let head = |kind: u8, lengths: &[usize]| -> Vec<u8> {
                let lengths = lengths.iter().flat_map(|&length| u32::try_from(length).unwrap().to_be_bytes());
                [0, 0, 8, kind].into_iter().chain(lengths).collect()
            };
            let write = |name: &str, head: Vec<u8>, body: Vec<u8>| {
                fs::write(place.path(name), [head, body].concat()).unwrap();
            };
            write(&format!("{prefix}-images-idx3-ubyte"), head(3, &[count, SIDE, SIDE]), pixels);
            write(&format!("{prefix}-labels-idx1-ubyte"), head(1, &[count]), labels);
        }
        place
    }

    /// A table whose class says whether the sum of two of its four features is positive.
    fn with_table() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let mut generator = Pcg64::seed_from_u64(2);
        let mut text = "a,b,c,d,label\n".to_owned();
        for _ in 0..600 {
            let row: Vec<f64> = (0..4).map(|_| generator.random_range(-1.0..1.0)).collect();
            let class = if row[0] + row[2] > 0.0 { "above" } else { "below" };
            text.push_str(&format!("{},{},{},{},{class}\n", row[0], row[1] * 100.0, row[2], row[3]));
        }
        fs::write(place.path("table.csv"), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `train` on the images with one thread, saving to `checkpoints`.
    fn train(&self, checkpoints: &str, arguments: &[&str]) -> Command {
        self.train_on("cpu", checkpoints, arguments)
    }

    fn train_on(&self, device: &str, checkpoints: &str, arguments: &[&str]) -> Command {
        let mut command = runner();
        command
            .args(["train", "--threads", "1", "--device", device, "--data"])
            .arg(format!("idx:{}", self.folder.path().display()))
            .arg("--checkpoint-dir")
            .arg(self.path(checkpoints))
            .args(arguments);
        command
    }

    fn evaluate(&self, checkpoints: &str, split: &str) -> Output {
        let mut command = runner();
        command.args(["evaluate", "--threads", "1", "--device", "cpu", "--split", split, "--model-dir"]);
        command.arg(self.path(checkpoints)).output().unwrap()
    }

    /// Names of what is in the folder of checkpoints.
    fn checkpoints(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(name))
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        names.sort();
        names
    }

    fn weights(&self, checkpoint: &str) -> Vec<u8> {
        fs::read(self.path(checkpoint).join("model.safetensors")).unwrap()
    }
}

fn runner() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temper-runner"));
    for name in ["TEMPER_PARAMETERS", "TEMPER_CHECKPOINT_DIR", "TEMPER_RESOURCE_MAX"] {
        command.env_remove(name);
    }
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The metric lines of a command that must succeed.
fn lines(command: &mut Command) -> Vec<Value> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"))
}

/// What a training computes, without how long it took.
fn results(lines: &[Value]) -> Vec<[f64; 4]> {
    lines
        .iter()
        .map(|line| ["epoch", "accuracy", "loss", "train_loss"].map(|name| number(line, name)))
        .collect()
}

fn learns(lines: &[Value], accuracy: f64) {
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    assert!(number(last, "train_loss") < 0.7 * number(first, "train_loss"), "{first}\n{last}");
    assert!(number(last, "accuracy") >= accuracy, "{last}");
}

#[test]
fn every_model_learns_images() {
    let place = Place::with_images(600);
    for (model, arguments) in [
        ("mlp", ["--set", "hidden=64"]),
        ("cnn", ["--set", "width=8"]),
        ("resnet", ["--set", "width=4"]),
        ("transformer", ["--set", "width=32"]),
    ] {
        let common = ["--model", model, "--epochs", "6", "--set", "batchSize=20", "--set", "lr=0.005"];
        let lines = lines(place.train(model, &common).args(arguments));
        assert_eq!(lines.len(), 6);
        learns(&lines, 0.6);
        assert!(number(&lines[0], "images_per_second") > 0.0 && number(&lines[0], "seconds") > 0.0);
    }
}

#[test]
fn bfloat16_learns_as_well() {
    let place = Place::with_images(600);
    for model in ["cnn", "resnet", "transformer"] {
        let arguments = ["--model", model, "--epochs", "6", "--set", "batchSize=20", "--set", "lr=0.005"];
        let lines =
            lines(place.train(model, &arguments).args(["--set", "width=8", "--set", "precision=bfloat16"]));
        learns(&lines, 0.6);
    }
}

#[test]
fn rows_are_learnt_by_the_models_that_can_read_them() {
    let place = Place::with_table();
    let data = format!("csv:{}", place.path("table.csv").display());
    let train = |model: &str| {
        let mut command = runner();
        command.args(["train", "--threads", "1", "--data", &data, "--model", model, "--epochs", "8"]);
        command.args(["--set", "batchSize=32", "--set", "lr=0.01", "--set", "width=16"]);
        command.arg("--checkpoint-dir").arg(place.path(model));
        command
    };
    for model in ["mlp", "transformer"] {
        learns(&lines(&mut train(model)), 0.85);
        let test: Value = serde_json::from_slice(&place.evaluate(model, "test").stdout).unwrap();
        assert_eq!(test["samples"], 120, "a fifth is held out where there is no test part");
        assert!(number(&test, "accuracy") > 0.85, "{test}");
    }
    let refused = train("cnn").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("use mlp or transformer"), "{}", stderr(&refused));
}

/// Everything that draws random numbers, and state in the optimizer and the schedule.
const RANDOM: [&str; 14] = [
    "--model",
    "cnn",
    "--set",
    "width=4",
    "--set",
    "dropout=0.3",
    "--set",
    "augmentation=flip+crop+cutout",
    "--set",
    "batchSize=16",
    "--set",
    "schedule=cosine",
    "--set",
    "epochs=4",
];

#[test]
fn training_two_epochs_and_two_more_is_training_four() {
    let place = Place::with_images(300);
    for (optimizer, extra) in
        [("sgd", "gradientClip=1"), ("adam", "weightDecay=0.1"), ("adamw", "labelSmoothing=0.1")]
    {
        let (unbroken, broken) = (format!("{optimizer}-unbroken"), format!("{optimizer}-broken"));
        let choice = ["--set", &format!("optimizer={optimizer}"), "--set", extra];
        let whole = lines(place.train(&unbroken, &RANDOM).args(choice));
        let mut parts = lines(place.train(&broken, &RANDOM).args(choice).env("TEMPER_RESOURCE_MAX", "2"));
        assert_eq!(parts.len(), 2);
        parts.extend(lines(place.train(&broken, &RANDOM).args(choice).env("TEMPER_RESOURCE_MAX", "4")));
        assert_eq!(results(&whole), results(&parts), "{optimizer}");
        let weights = |name: &str| place.weights(&format!("{name}/epoch-0004"));
        assert_eq!(weights(&unbroken), weights(&broken), "{optimizer}: the weights differ");
    }
}

#[test]
fn a_training_that_is_already_there_says_its_last_line_again() {
    let place = Place::with_images(100);
    let arguments = ["--model", "mlp", "--set", "epochs=2"];
    let first = lines(&mut place.train("c", &arguments));
    assert_eq!(lines(&mut place.train("c", &arguments)), first[1..]);
}

/// Starts a training and waits for its first metric line; the rest of its output is thrown away.
fn started(mut command: Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("\"epoch\":1"), "{line:?}");
    std::thread::spawn(move || for _ in reader.lines() {});
    child
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn sigterm_saves_where_it_is_and_the_rest_is_as_if_nothing_had_happened() {
    let place = Place::with_images(4000);
    let mut child = started(place.train("broken", &RANDOM));
    std::thread::sleep(Duration::from_millis(100));
    let asked = Instant::now();
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
    let left = place.checkpoints("broken");
    assert!(left.iter().any(|name| name.contains("-step-")), "no checkpoint within an epoch: {left:?}");

    let whole = lines(&mut place.train("unbroken", &RANDOM));
    let rest = lines(&mut place.train("broken", &RANDOM));
    assert_eq!(results(&whole[whole.len() - rest.len()..]), results(&rest));
    assert_eq!(place.weights("unbroken/epoch-0004"), place.weights("broken/epoch-0004"));
}

#[test]
fn ctrl_c_saves_and_says_that_it_was_interrupted() {
    let place = Place::with_images(4000);
    let mut child = started(place.train("c", &RANDOM));
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.checkpoints("c").is_empty());
}

#[test]
fn sigkill_at_any_moment_leaves_only_whole_checkpoints() {
    let place = Place::with_images(300);
    // As often as it can: an epoch is a few steps.
    let arguments = ["--model", "mlp", "--set", "hidden=700", "--set", "epochs=60", "--set", "batchSize=100"];
    for round in 0..5 {
        let mut child =
            place.train("c", &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while place.checkpoints("c").is_empty() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(37 * round));
        signal(&child, "KILL");
        child.wait().unwrap();
        for name in place.checkpoints("c").iter().filter(|name| !name.contains(".tmp")) {
            let output = place.evaluate(&format!("c/{name}"), "validation");
            assert!(output.status.success(), "{name}: {}", stderr(&output));
        }
    }
    // What was half written is cleared away by the next start.
    fs::create_dir_all(place.path("c/epoch-0099.tmp")).unwrap();
    lines(&mut place.train("c", &arguments));
    assert!(place.checkpoints("c").iter().all(|name| !name.contains(".tmp")));
    lines(&mut place.train("unbroken", &arguments));
    assert_eq!(place.weights("c/epoch-0060"), place.weights("unbroken/epoch-0060"));
}

#[test]
fn the_newest_two_checkpoints_and_the_best_are_kept_and_the_best_is_evaluated() {
    let place = Place::with_images(600);
    let arguments = ["--model", "cnn", "--set", "width=8", "--set", "epochs=6", "--set", "batchSize=20"];
    let lines = lines(&mut place.train("c", &arguments));
    let best = lines.iter().map(|line| number(line, "accuracy")).fold(0.0, f64::max);
    let first_best = lines.iter().find(|line| number(line, "accuracy") >= best).unwrap();
    let kept = place.checkpoints("c");
    assert!(
        kept.len() <= 3 && kept.contains(&"epoch-0005".to_owned()) && kept.contains(&"epoch-0006".to_owned())
    );
    let again: Value = serde_json::from_slice(&place.evaluate("c", "validation").stdout).unwrap();
    assert_eq!(again["epoch"], first_best["epoch"]);
    assert_eq!(again["accuracy"], first_best["accuracy"]);
    let test: Value = serde_json::from_slice(&place.evaluate("c", "test").stdout).unwrap();
    assert_eq!(test["samples"], 100);
    assert!(number(&test, "accuracy") > 0.6, "{test}");
}

#[test]
fn parameters_come_from_the_file_and_every_wrong_one_is_told() {
    let place = Place::with_images(100);
    let parameters = place.path("parameters.json");
    fs::write(&parameters, r#"{"lr": -1, "batchsize": 10, "widht": 8, "optimizer": "adagrad"}"#).unwrap();
    let output =
        place.train("c", &["--model", "cnn"]).env("TEMPER_PARAMETERS", &parameters).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    for part in ["learningRate: -1 is not", "widht: not known; did you mean width?", "optimizer: \"adagrad\""]
    {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    assert!(place.checkpoints("c").is_empty(), "nothing was trained");

    fs::write(&parameters, r#"{"epochs": 1, "hidden": 8}"#).unwrap();
    let mut command = place.train("c", &["--model", "mlp", "--set", "hidden=16"]);
    lines(command.env("TEMPER_PARAMETERS", &parameters));
    let state: Value =
        serde_json::from_slice(&fs::read(place.path("c/epoch-0001/state.json")).unwrap()).unwrap();
    assert_eq!(state["architecture"]["hidden"], 16, "--set goes before the file");

    let other =
        place.train("c", &["--model", "mlp", "--set", "hidden=32", "--epochs", "2"]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("does not fit"), "{}", stderr(&other));
}

#[test]
fn a_diverging_training_says_so() {
    let place = Place::with_images(200);
    let arguments = ["--model", "mlp", "--epochs", "2", "--set", "optimizer=sgd", "--set", "lr=1e30"];
    let output = place.train("c", &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains(r#""loss":NaN"#));
    let told = stderr(&output);
    assert!(told.contains("in epoch 1") && told.contains("learning rate"), "{told}");
    assert!(place.checkpoints("c").is_empty());
}

#[test]
fn wrong_data_is_told_with_its_file() {
    let place = Place::with_images(50);
    fs::write(place.path("train-images-idx3-ubyte"), b"no images").unwrap();
    let output = place.train("c", &["--model", "mlp"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("train-images-idx3-ubyte: not an idx file"), "{}", stderr(&output));
    let output = place.evaluate("nowhere", "test");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("holds no checkpoint"), "{}", stderr(&output));
}

#[test]
fn a_whole_run_leaves_no_trace_of_the_test_part_in_training() {
    let place = Place::with_images(200);
    let arguments = ["--model", "mlp", "--set", "epochs=2"];
    let before = lines(&mut place.train("a", &arguments));
    let images = fs::read(place.path("t10k-images-idx3-ubyte")).unwrap();
    let blank: Vec<u8> =
        images.iter().enumerate().map(|(at, &byte)| if at < 16 { byte } else { 0 }).collect();
    fs::write(place.path("t10k-images-idx3-ubyte"), blank).unwrap();
    assert_eq!(results(&lines(&mut place.train("b", &arguments))), results(&before));
    assert_eq!(place.weights("a/epoch-0002"), place.weights("b/epoch-0002"));
}

/// Where there is a GPU: one short epoch and another from its checkpoint, in bfloat16. Where there is none, that is said.
#[test]
fn a_gpu_trains_and_resumes_and_without_one_it_is_an_error() {
    let place = Place::with_images(600);
    let arguments = [
        "--model",
        "cnn",
        "--set=width=8",
        "--set=epochs=2",
        "--set=batchSize=20",
        "--set=precision=bfloat16",
    ];
    let train = |until: &str| {
        let mut command = place.train_on("cuda", "c", &arguments);
        command.env("TEMPER_RESOURCE_MAX", until);
        command
    };
    let hidden = train("1").env("CUDA_VISIBLE_DEVICES", "").output().unwrap();
    let told = stderr(&hidden);
    assert_eq!(hidden.status.code(), Some(2), "{told}");
    assert!(told.starts_with("error: --device cuda: ") && told.lines().count() == 1, "{told}");
    assert!(place.checkpoints("c").is_empty(), "nothing was trained");
    let is_hidden = std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|devices| devices.trim().is_empty());
    if is_hidden || !std::path::Path::new("/dev/nvidiactl").exists() {
        eprintln!("skipped: there is no GPU to train on");
        return;
    }
    let mut lines: Vec<Value> = ["1", "2"].into_iter().flat_map(|until| lines(&mut train(until))).collect();
    assert_eq!(lines.len(), 2, "the second goes on from the first: {lines:?}");
    assert!(number(&lines[1], "train_loss") < number(&lines[0], "train_loss"), "{lines:?}");
    let again: Value = serde_json::from_slice(&place.evaluate("c", "validation").stdout).unwrap();
    let best = lines.drain(..).map(|line| number(&line, "accuracy")).fold(0.0, f64::max);
    assert!(
        (number(&again, "accuracy") - best).abs() < 0.05,
        "the CPU evaluates what the GPU trained: {again}"
    );
}

#[test]
fn the_parameters_of_a_model_can_be_listed() {
    let output = runner().args(["train", "--model", "cnn", "--list-parameters"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["learningRate, lr", "width, channels", "dropout", "augmentation"] {
        assert!(text.contains(name), "{name} is not in:\n{text}");
    }
}
