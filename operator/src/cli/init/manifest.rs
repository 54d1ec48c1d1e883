//! The job that `init` writes, with comments that say what can be changed.

use super::{domain::Domain, metric::Printed};

/// What goes into the first job.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// Of the job.
    pub(super) name: String,
    /// What is tuned for.
    pub(super) metric: String,
    /// Whether smaller is better.
    pub(super) minimize: bool,
    /// What is searched.
    pub(super) parameters: Vec<Parameter>,
    /// Flags that are left at their default: a line of comment each.
    pub(super) left: Vec<String>,
    /// The command, its flags for the parameters included.
    pub(super) command: Vec<String>,
    /// The container image, for clusters.
    pub(super) image: Option<String>,
    /// How many trials.
    pub(super) trials: u32,
    /// How many at once.
    pub(super) parallelism: u32,
    /// How metrics are printed.
    pub(super) printed: Option<Printed>,
    /// The metric that counts how far a trial is, and how far it goes, where the script reports one.
    pub(super) resource: Option<(String, i64)>,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) domain: Domain,
    /// What the flag says of itself.
    pub(super) comment: String,
}

/// Rounds of a trial that ASHA needs to have anything to decide.
const LEAST_LENGTH: i64 = 3;

impl Plan {
    /// As YAML.
    pub(super) fn yaml(&self) -> String {
        let goal = if self.minimize { "minimize" } else { "maximize" };
        let mut text = format!(
            "# Check it:            temper validate FILE\n\
             # See what it would do: temper explain FILE\n\
             # Tune:                temper run FILE\n\
             apiVersion: temper.rs/v1alpha1\n\
             kind: TuningJob\n\
             metadata:\n  name: {}\n\
             spec:\n  \
               # What is best. With \"target: 0.95\" the job ends as soon as a trial reaches it.\n  \
               objectives:\n  \
               - {{metric: {}, goal: {goal}}}\n\n  \
               # What is tried. $(PARAM_<name>) in the command below is the value of a trial.\n  \
               parameters:\n",
            scalar(&self.name),
            scalar(&self.metric),
        );
        for parameter in &self.parameters {
            if !parameter.comment.is_empty() {
                text.push_str(&format!("  # {}\n", parameter.comment));
            }
            text.push_str(&format!("  - {}\n", parameter.yaml()));
        }
        if !self.left.is_empty() {
            text.push_str("  # Left at their defaults:\n");
            for line in &self.left {
                text.push_str(&format!("  #   {line}\n"));
            }
        }
        text.push_str(
            "\n  # Auto chooses by the size and kind of the space; temper explain says what and why.\n  \
             search: {algorithm: Auto}\n",
        );
        text.push_str(&self.scheduler());
        text.push_str(&format!(
            "\n  budget: {{maxTrials: {}, parallelism: {}}}\n\n  trial:\n",
            self.trials, self.parallelism
        ));
        text.push_str(&self.metrics());
        text.push_str("    template:\n      spec:\n        containers:\n        - name: trial\n");
        match &self.image {
            Some(image) => text.push_str(&format!("          image: {}\n", scalar(image))),
            None => text.push_str("          # For a cluster, an image that holds the command:\n          # image: registry.example.com/train:1\n"),
        }
        text.push_str("          command:\n");
        for word in &self.command {
            text.push_str(&format!("          - {}\n", scalar(word)));
        }
        text.push_str(
            "          # What one trial gets; on a machine with GPUs, nvidia.com/gpu: 1.\n          \
             # resources: {limits: {cpu: 1}}\n",
        );
        text
    }

    fn scheduler(&self) -> String {
        let (resource, length) = match &self.resource {
            Some((resource, length)) if *length >= LEAST_LENGTH => (resource.as_str(), *length),
            other => {
                let resource = other.as_ref().map_or("epoch", |(resource, _)| resource);
                return format!(
                    "\n  # Stop trials that are not promising. For this the command must report the metric again and \
                     again\n  # as it learns, and with it how far it is, as \"{resource}\":\n  \
                     # scheduler: {{type: ASHA, resource: {resource}, min: 1, max: 27}}\n"
                );
            }
        };
        format!(
            "\n  # Trials that are not promising are stopped early: after 1, 3, 9, ... of {length}, only the best third \
             goes on.\n  scheduler: {{type: ASHA, resource: {}, min: 1, max: {length}, reductionFactor: 3}}\n",
            scalar(resource)
        )
    }

    fn metrics(&self) -> String {
        let metric = &self.metric;
        let printed = self.printed.unwrap_or(Printed::JsonLines);
        let comment = match printed {
            Printed::KeyValue => format!("The command prints {metric}=0.9 or {metric}: 0.9."),
            Printed::TensorBoard => {
                "The command writes TensorBoard event files below its working directory.".to_owned()
            }
            Printed::JsonLines => format!("The command prints a line of JSON such as {{\"{metric}\": 0.9}}."),
        };
        let format = printed.format();
        format!(
            "    # {comment}\n    # Other formats: JSONLines, KeyValue, Regex, TensorBoard, Auptimizer.\n    metrics: {{format: {format}}}\n"
        )
    }
}

impl Parameter {
    fn yaml(&self) -> String {
        let name = scalar(&self.name);
        match &self.domain {
            Domain::Float { min, max, scale } => {
                let scale = scale.name();
                format!(
                    "{{name: {name}, type: float, min: {}, max: {}, scale: {scale}}}",
                    number(*min),
                    number(*max)
                )
            }
            Domain::Int { min, max, step, scale } => {
                let step = if *step == 1 { String::new() } else { format!(", step: {step}") };
                format!("{{name: {name}, type: int, min: {min}, max: {max}{step}, scale: {}}}", scale.name())
            }
            Domain::Choice(values) => {
                let values: Vec<String> = values.iter().map(|value| value_of(value)).collect();
                format!("{{name: {name}, type: categorical, values: [{}]}}", values.join(", "))
            }
            Domain::Fixed(value) => format!("{{name: {name}, type: fixed, value: {}}}", value_of(value)),
        }
    }
}

/// A float that YAML reads as one.
fn number(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once('e') {
        // YAML's floats need a point before the exponent.
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// A number where it is one, otherwise a text.
fn value_of(text: &str) -> String {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(_), _) => text.to_owned(),
        (_, Ok(float)) if float.is_finite() => number(float),
        _ => scalar(text),
    }
}

/// A text that YAML, of 1.1 too, reads as this text: quoted where a bare one could be read as something else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/' | '_'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && text.chars().any(|c| c.is_ascii_alphabetic())
        && text.parse::<f64>().is_err();
    let means_something = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .contains(&text.to_lowercase().as_str())
        || text.to_lowercase().starts_with(".inf")
        || text.to_lowercase().starts_with(".nan");
    if plain && !means_something {
        return text.to_owned();
    }
    // JSON's strings are YAML's.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_yaml_would_read_as_something_else_are_quoted() {
        assert_eq!(scalar("train.py"), "train.py");
        for text in ["yes", "1e3", "--lr=$(PARAM_lr)", "a: b", "", "#x", "a\"b", "-", ".5", ".inf", "~"] {
            let quoted = scalar(text);
            assert!(quoted.starts_with('"'), "{text} became {quoted}");
            assert_eq!(serde_saphyr::from_str::<String>(&quoted).expect("YAML"), text);
        }
    }

    #[test]
    fn floats_are_floats_in_yaml() {
        for value in [1e-5, 0.1, 1.0, 1e20] {
            let read: f64 = serde_saphyr::from_str(&number(value)).expect("a number");
            assert_eq!(read.to_bits(), value.to_bits());
            assert!(number(value).contains('.'), "{}", number(value));
        }
    }
}
