//! Which pod this is, and what it is for.

use std::path::{Path, PathBuf};

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use temper_crds::trial::PodReference;

use crate::agent::protocol::{POD_ORDERS, POD_UID, PodOrders};

/// All that the environment says.
#[derive(Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) orders: PodOrders,
    pub(super) pod: PodReference,
}

impl Standing {
    /// `variable` gives the value of a variable.
    ///
    /// # Errors
    /// All that is missing or wrong, one a line.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("the variable {name} is not set"))
        };
        let orders = set(POD_ORDERS).and_then(|text| PodOrders::from_variable(&text));
        match (orders, set(POD_UID)) {
            (Ok(orders), Ok(uid)) => {
                let pod = PodReference { name: orders.pod.clone(), uid: Some(uid) };
                Ok(Self { orders, pod })
            }
            (orders, uid) => {
                Err([orders.err(), uid.err()].into_iter().flatten().collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

/// How to reach the API server: as the pod's service account, or as a kubeconfig says.
///
/// # Errors
/// What is missing, for a person.
pub(super) async fn api_server(kubeconfig: Option<&Path>) -> Result<Config, String> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path).await.map_err(|error| format!("{}: {error}", path.display()))?,
        None => Config::incluster().map_err(|error| {
            format!(
                "the Kubernetes API cannot be reached from this pod: {error}; the agent needs the pod's service \
                 account (automountServiceAccountToken must not be false)"
            )
        })?,
    };
    config.connect_timeout = Some(super::wire::CONNECT);
    // What is tried again, and when, is the agent's to decide.
    config.default_retry = false;
    Ok(config)
}

async fn from_file(path: &Path) -> Result<Config, kube::config::KubeconfigError> {
    Config::from_custom_kubeconfig(Kubeconfig::read_from(PathBuf::from(path))?, &KubeConfigOptions::default())
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::pod::testing::orders;

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let problem = Standing::read(|_| None).unwrap_err();
        assert_eq!(problem, "the variable TEMPER_POD is not set\nthe variable TEMPER_POD_UID is not set");
    }

    #[test]
    fn a_pod_knows_itself_by_its_environment() {
        let text = serde_json::to_string(&orders()).unwrap();
        let standing =
            Standing::read(|name| Some(if name == POD_ORDERS { text.clone() } else { name.to_lowercase() }));
        assert_eq!(
            standing,
            Ok(Standing {
                orders: orders(),
                pod: PodReference { name: orders().pod, uid: Some("temper_pod_uid".into()) },
            })
        );
    }
}
