use std::fs;

use super::*;

pub(super) fn read_line(format: &mut dyn LineFormat, line: &str) -> Vec<(String, f64)> {
    let mut values = Vec::new();
    format.read(line.as_bytes(), &mut values);
    values
}

fn settings(format: &str) -> MetricsSource {
    MetricsSource { format: format.into(), ..MetricsSource::default() }
}

fn objectives() -> Vec<String> {
    vec!["accuracy".into()]
}

fn values(found: &Found) -> Vec<f64> {
    found.readings.iter().flat_map(|reading| &reading.values).map(|(_, value)| *value).collect()
}

#[test]
fn a_misspelt_format_is_told_the_nearest_and_all_there_are() {
    let problem = Metrics::open(&settings("jsonlines"), &objectives(), None, Path::new("/")).err().unwrap();
    assert!(problem.contains("did you mean \"JSONLines\"?"), "{problem}");
    assert!(problem.contains("KeyValue, Regex, TensorBoard, Auptimizer"), "{problem}");
}

#[test]
fn only_the_output_that_is_the_source_is_read() {
    for (file, read) in [(None, 1.0), (Some("/dev/stdout"), 1.0), (Some("/dev/stderr"), 2.0)] {
        let mut metrics =
            Metrics::open(&settings("KeyValue"), &objectives(), file.map(PathBuf::from), Path::new("/"))
                .unwrap();
        let mut found = Found::default();
        metrics.output(Stream::Stdout, b"accuracy=1\n", &mut found);
        metrics.output(Stream::Stderr, b"accuracy=2\n", &mut found);
        assert_eq!(values(&found), [read]);
        assert!(!metrics.is_polled());
    }
}

#[test]
fn a_file_is_followed_and_its_last_line_need_not_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.txt");
    fs::write(&path, "accuracy=0.1\n").unwrap();
    let mut metrics =
        Metrics::open(&settings("KeyValue"), &objectives(), Some(path.clone()), Path::new("/")).unwrap();
    let mut found = Found::default();
    fs::write(&path, "accuracy=0.1\naccuracy=0.2\naccuracy=0.").unwrap();
    metrics.poll(&mut found);
    assert_eq!(values(&found), [0.2]);
    fs::write(&path, "accuracy=0.1\naccuracy=0.2\naccuracy=0.3").unwrap();
    metrics.poll(&mut found);
    metrics.finish(&mut found);
    assert_eq!(values(&found), [0.2, 0.3]);
}

#[test]
fn colours_and_binary_output_do_not_hide_a_metric() {
    let mut metrics = Metrics::open(&settings("JSONLines"), &objectives(), None, Path::new("/")).unwrap();
    let mut found = Found::default();
    metrics.output(Stream::Stdout, b"\xff\xfe\0\x80{\n\x1b[32m{\"accuracy\": 0.5}\x1b[0m\r\n", &mut found);
    assert_eq!(values(&found), [0.5]);
}

#[test]
fn what_was_looked_for_is_said_with_its_place() {
    let metrics =
        Metrics::open(&settings("KeyValue"), &objectives(), Some("/no/such".into()), Path::new("/")).unwrap();
    assert_eq!(
        metrics.looked_for("accuracy"),
        "lines such as \"accuracy=0.91\" or \"accuracy: 0.91\" in /no/such, which is not there (format KeyValue)"
    );
    let metrics =
        Metrics::open(&settings("TensorBoard"), &objectives(), None, Path::new("/no/such")).unwrap();
    assert_eq!(
        metrics.looked_for("accuracy"),
        "event files with a scalar accuracy below /no/such, which is not there (format TensorBoard)"
    );
}
