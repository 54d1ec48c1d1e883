//! Jobs to try.

use serde_json::{Value, json};

/// Trains for nine epochs of 0.3 s, saves after each, and goes on from what was saved.
pub const TRAINER: &str = r#"
state=$TEMPER_CHECKPOINT_DIR/state
epoch=$(cat "$state" 2>/dev/null || echo 0)
echo "begins after epoch $epoch"
while [ "$epoch" -lt 9 ]; do
    epoch=$((epoch + 1)); sleep 0.3
    echo "$epoch" >"$state.new" && mv "$state.new" "$state"
    echo "{\"epoch\": $epoch, \"loss\": $PARAM_x}"
done
"#;

/// A manifest in the making.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) manifest: Value,
}

impl Job {
    /// Runs a shell script four times, two at once, for the least `loss`; `x` is between 0 and 1.
    pub fn new(name: &str, script: &str) -> Self {
        let manifest = json!({
            "apiVersion": "temper.rs/v1alpha1",
            "kind": "TuningJob",
            "metadata": {"name": name},
            "spec": {
                "objectives": [{"metric": "loss", "goal": "minimize"}],
                "parameters": [{"name": "x", "type": "float", "min": 0, "max": 1}],
                "search": {"algorithm": "Random"},
                "budget": {"maxTrials": 4, "parallelism": 2},
                "seed": 1,
                "trial": {"template": {"spec": {
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{"name": "trial", "command": ["sh", "-c", script]}],
                }}},
            },
        });
        Self { manifest }
    }

    /// With some of its spec changed: a JSON merge patch.
    #[must_use]
    pub fn with(mut self, spec: &Value) -> Self {
        merge(&mut self.manifest["spec"], spec);
        self
    }

    /// With some of its pods' spec changed.
    #[must_use]
    pub fn with_pod(self, spec: &Value) -> Self {
        self.with(&json!({"trial": {"template": {"spec": spec}}}))
    }

    /// With some of its training container changed.
    #[must_use]
    pub fn with_container(mut self, container: &Value) -> Self {
        merge(&mut self.manifest["spec"]["trial"]["template"]["spec"]["containers"][0], container);
        self
    }

    /// With another container beside the training one, which runs a shell script.
    #[must_use]
    pub fn beside(self, image: &str, script: &str) -> Self {
        let mut containers = self.manifest["spec"]["trial"]["template"]["spec"]["containers"].clone();
        let other = json!({"name": "other", "image": image, "command": ["sh", "-c", script]});
        if let Some(containers) = containers.as_array_mut() {
            containers.push(other);
        }
        self.with_pod(&json!({"containers": containers}))
    }

    /// So many trials, so many at once.
    #[must_use]
    pub fn sized(self, trials: u32, parallelism: u32) -> Self {
        self.with(&json!({"budget": {"maxTrials": trials, "parallelism": parallelism}}))
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.manifest["metadata"]["name"].as_str().unwrap_or_default().to_owned()
    }
}

/// A JSON merge patch (RFC 7386).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().map(|target| target.remove(name));
        } else {
            merge(&mut target[name], value);
        }
    }
}
