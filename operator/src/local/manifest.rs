//! Whether a store's job and a manifest are the same job.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::Value;
use temper_crds::TuningJobSpec;

/// Parts of a manifest that may change between runs.
const MAY_CHANGE: [&str; 4] =
    ["spec.budget", "spec.suspend", "spec.retention", "spec.ttlSecondsAfterFinished"];

/// What of a manifest makes a job the job it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    name: Value,
    /// With every default filled in: saying a default and leaving it out is the same.
    spec: Value,
}

impl Identity {
    /// Of a manifest that was found to be right.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(manifest: &str) -> anyhow::Result<Self> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).context("it is no YAML")?;
        let job = documents
            .into_iter()
            .find(|document| document.get("kind").and_then(Value::as_str) == Some("TuningJob"))
            .context("there is no TuningJob in it")?;
        let spec: TuningJobSpec = serde_json::from_value(job.get("spec").cloned().unwrap_or_default())
            .context("its spec cannot be read")?;
        Ok(Self {
            name: job.pointer("/metadata/name").cloned().unwrap_or_default(),
            spec: serde_json::to_value(spec).context("its spec cannot be compared")?,
        })
    }

    /// Paths in which `other` differs where the same job must not.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        compare("metadata.name", &self.name, &other.name, &mut paths);
        compare("spec", &self.spec, &other.spec, &mut paths);
        paths
    }
}

fn compare(path: &str, left: &Value, right: &Value, paths: &mut Vec<String>) {
    if MAY_CHANGE.contains(&path) {
        return;
    }
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let of = |side: &serde_json::Map<String, Value>| side.get(name).cloned().unwrap_or_default();
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
    use super::*;

    const JOB: &str = "
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: a}
spec:
  objectives: [{metric: loss, goal: minimize}]
  parameters: [{name: x, type: float, min: 0, max: 1}, {name: k, type: categorical, values: [1, 2]}]
  budget: {maxTrials: 4, parallelism: 2}
  trial: {template: {spec: {containers: [{name: trial, command: [train]}]}}}
";

    fn differences(from: &str, to: &str) -> Vec<String> {
        assert!(from.is_empty() || JOB.contains(from));
        let changed = Identity::of(&JOB.replace(from, to)).unwrap();
        Identity::of(JOB).unwrap().differences(&changed)
    }

    #[test]
    fn what_may_change_may_change() {
        assert_eq!(differences("maxTrials: 4, parallelism: 2", "maxTrials: 9"), [""; 0]);
        assert_eq!(
            differences("  budget: {", "  suspend: true\n  retention: {trials: 7}\n  budget: {"),
            [""; 0]
        );
    }

    #[test]
    fn a_default_may_be_written_out() {
        assert_eq!(
            differences("  budget: {", "  seed: 0\n  search: {algorithm: Auto}\n  budget: {"),
            [""; 0]
        );
        assert_eq!(differences("min: 0, max: 1", "min: 0.0, max: 1.0"), [""; 0]);
    }

    #[test]
    fn every_other_difference_is_named_by_its_path() {
        assert_eq!(differences("name: a", "name: b"), ["metadata.name"]);
        assert_eq!(differences("max: 1}", "max: 2}"), ["spec.parameters[0].max"]);
        assert_eq!(differences("values: [1, 2]", "values: [1, 2, 3]"), ["spec.parameters[1].values"]);
        assert_eq!(
            differences("command: [train]", "command: [train, --fast]"),
            ["spec.trial.template.spec.containers[0].command"]
        );
        assert_eq!(differences("  budget: {", "  seed: 1\n  budget: {"), ["spec.seed"]);
    }
}
