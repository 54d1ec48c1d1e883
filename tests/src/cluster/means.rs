//! What a cluster has that trials use: devices, volumes, a store. Other clusters than those of `tests/cluster` may lack
//! some of it.

use std::{env, io::Write as _};

use serde_json::{Map, Value, json};

use super::{Operator, World};

impl World {
    /// Has so many of an extended resource, such as `nvidia.com/gpu`, on the first node.
    pub fn offer(&self, resource: &str, count: u32) {
        let name = resource.replace('/', "~1");
        let steps: Vec<Value> = ["capacity", "allocatable"]
            .iter()
            .map(
                |of| json!({"op": "add", "path": format!("/status/{of}/{name}"), "value": count.to_string()}),
            )
            .collect();
        let nodes = self.cluster().must(&["get", "nodes", "-o", "name"]);
        let node = nodes.lines().next().unwrap_or_default();
        let steps = json!(steps).to_string();
        self.cluster().must(&["patch", node, "--subresource=status", "--type=json", "-p", &steps]);
    }

    /// Says why a test is not done on this cluster, which is somebody else's: those of `tests/cluster` can do all.
    fn skip(&self, lacks: &str) {
        assert!(!self.cluster().is_breakable(), "a cluster of tests/cluster lacks {lacks}");
        // Not by `eprintln!`: what that says is shown for tests that fail only.
        let _ = writeln!(std::io::stderr(), "skipped: {}: the cluster lacks {lacks}", self.namespace());
    }

    /// Whether it is a cluster of `tests/cluster`; false, and it was said what is missing, where it is not.
    #[must_use]
    pub fn is_ours(&self, lacks: &str) -> bool {
        let is_ours = self.cluster().is_breakable();
        if !is_ours {
            self.skip(lacks);
        }
        is_ours
    }

    /// A claim of a volume that all of a job's pods may write to; false, and it was said why, where there is none.
    #[must_use]
    pub fn claim(&self, name: &str) -> bool {
        let class = env::var("TEMPER_TEST_STORAGE_CLASS");
        let mode = if self.cluster().is_breakable() || class.is_ok() {
            "ReadWriteMany"
        } else if self.cluster().must(&["get", "nodes", "-o", "name"]).lines().count() == 1 {
            // One node's pods share a volume of any kind.
            "ReadWriteOnce"
        } else {
            self.skip("a volume for several nodes, of a class that TEMPER_TEST_STORAGE_CLASS names");
            return false;
        };
        let class = class.unwrap_or_else(|_| "standard".to_owned());
        let is_there =
            self.cluster().must(&["get", "storageclass", &class, "--ignore-not-found", "-o", "name"]);
        if is_there.is_empty() {
            self.skip(&format!("the storage class {class}"));
            return false;
        }
        self.make(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {
                "accessModes": [mode], "storageClassName": class, "resources": {"requests": {"storage": "1Mi"}},
            },
        }));
        true
    }

    /// A Secret with what reaches the bucket `temper` of an S3 server; false, and it was said why, where there is none.
    #[must_use]
    pub fn bucket(&self, secret: &str) -> bool {
        if !self.is_ours("the S3 server of tests/cluster") {
            return false;
        }
        let said = self.cluster().fault(&["s3"]);
        let variables: Map<String, Value> = said
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        self.make(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": variables,
        }));
        true
    }

    /// Whether all nodes mount images, as an operator has found; false, and it was said, where they do not.
    #[must_use]
    pub fn mounts_images(&self, operator: &Operator) -> bool {
        let found = self.until("looked at", || operator.log(), |log| log.contains("brings the agent"));
        let has = found.contains("an image volume brings the agent into trial pods: all nodes mount them");
        if !has {
            self.skip("image volumes");
        }
        has
    }
}
