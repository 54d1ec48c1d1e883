//! What of a job may change once it exists.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::TuningJobSpec;

/// Fields of the spec that may change. The API server refuses changes of the others by rules; a store of another kind
/// asks [`TuningJobSpec::frozen_differences`].
pub const CHANGEABLE: [&str; 4] = ["budget", "suspend", "retention", "ttlSecondsAfterFinished"];

impl TuningJobSpec {
    /// Paths in which two specs differ where the same job must not: `spec.parameters[0].max`. Saying a default and
    /// leaving it out is the same, and so are 1 and 1.0.
    pub fn frozen_differences(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        let fields = |spec: &Self| {
            let mut fields = serde_json::to_value(spec).unwrap_or_default();
            fields
                .as_object_mut()
                .into_iter()
                .for_each(|fields| CHANGEABLE.iter().for_each(|name| drop(fields.remove(*name))));
            fields
        };
        compare("spec", &fields(self), &fields(other), &mut paths);
        paths
    }
}

fn compare(path: &str, left: &Value, right: &Value, paths: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let of = |side: &Map<String, Value>| side.get(name).cloned().unwrap_or_default();
                compare(&format!("{path}.{name}"), &of(left), &of(right), paths);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{path}[{index}]"), left, right, paths);
            }
        }
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {}
        (left, right) if left == right => {}
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::validation::parse_job;

    const JOB: &str = include_str!("../../tests/manifests/minimal.yaml");

    fn differences(from: &str, to: &str) -> Vec<String> {
        assert!(JOB.contains(from), "nothing to replace: {from}");
        let spec = |text: &str| parse_job(text).map(|job| job.spec).map_err(|errors| errors.to_string());
        spec(JOB).unwrap().frozen_differences(&spec(&JOB.replace(from, to)).unwrap())
    }

    #[test]
    fn what_may_change_may_change() {
        let all = "  suspend: true\n  retention: {trials: 7}\n  ttlSecondsAfterFinished: 9\n  budget: {parallelism: 2, maxTrials: 20}";
        assert_eq!(differences("  budget: {maxTrials: 10}", all), [""; 0]);
    }

    #[test]
    fn a_default_may_be_written_out_and_a_number_otherwise() {
        assert_eq!(differences("  budget:", "  seed: 0\n  search: {algorithm: Auto}\n  budget:"), [""; 0]);
        assert_eq!(differences("min: 0, max: 1", "min: 0.0, max: 1.0, step:"), [""; 0]);
    }

    #[test]
    fn every_other_difference_is_named_by_its_path() {
        assert_eq!(differences("max: 1}", "max: 2}"), ["spec.parameters[0].max"]);
        assert_eq!(differences("max: 1}", "max: 1, step: 1}"), ["spec.parameters[0].step"]);
        assert_eq!(
            differences("[./train,", "[./train, --fast,"),
            ["spec.trial.template.spec.containers[0].command"]
        );
        assert_eq!(differences("  budget:", "  seed: 1\n  budget:"), ["spec.seed"]);
        assert_eq!(
            differences("  budget:", "  scheduler: {type: ASHA, max: 9}\n  budget:"),
            ["spec.scheduler"]
        );
    }
}
