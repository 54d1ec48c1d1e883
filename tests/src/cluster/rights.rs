//! The rights of the operators under test: those that the chart gives an operator, and no more. So a right that the
//! chart forgets is missed here first.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams, config::Kubeconfig};
use serde_json::json;

use super::machine::LONG;
use crate::{root, succeed};

/// Stands for a test's namespace in what was rendered.
const PLACE: &str = "temper-test-place";
/// Longer than any run of the tests.
const DAY: Duration = Duration::from_hours(24);

/// Where an operator may run jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// In every namespace: what the chart gives by default.
    Everywhere,
    /// In its own: `watchNamespaces`.
    Own,
}

/// What the chart installs for an operator besides itself.
#[derive(Debug)]
pub(super) struct Rights {
    /// Its account, the role of trial pods, and the policy that ties each to its Trial.
    common: String,
    everywhere: String,
    own: String,
}

impl Rights {
    /// As the chart of this checkout has them.
    pub(super) fn render() -> Self {
        let own = format!("watchNamespaces={{{PLACE}}}");
        let of_trials = ["operator/serviceaccount", "rbac-trial", "admissionpolicy"];
        Self {
            // In one namespace: each policy refuses every operator but the one that it was installed with.
            common: render(&of_trials, Some(&own)),
            everywhere: render(&["rbac-operator"], None),
            own: render(&["rbac-operator"], Some(&own)),
        }
    }

    /// A test's namespace, and in it an account with an operator's rights.
    pub(super) fn of(&self, namespace: &str, reach: Reach) -> String {
        let operator = match reach {
            Reach::Everywhere => &self.everywhere,
            Reach::Own => &self.own,
        };
        let rights = format!("{}\n---\n{operator}", self.common).replace(PLACE, namespace);
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n---\n{rights}")
    }
}

/// Name of the account and of the Lease of the operator of a namespace.
pub(super) fn operator_name(namespace: &str) -> String {
    format!("{namespace}-operator")
}

/// Name of the role of its trial pods.
pub(super) fn trial_role(namespace: &str) -> String {
    format!("{namespace}-trial")
}

/// As the API server calls an operator.
pub(super) fn user(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:{}", operator_name(namespace))
}

fn render(templates: &[&str], values: Option<&str>) -> String {
    let helm = root().join("target/cluster/bin/helm");
    let mut helm = Command::new(if helm.exists() { helm } else { "helm".into() });
    helm.current_dir(root()).args(["template", PLACE, "charts/temper", "--namespace", PLACE]);
    helm.arg("--set").arg(format!("fullnameOverride={PLACE}"));
    helm.args(values.iter().flat_map(|values| ["--set", values]));
    for template in templates {
        helm.arg("--show-only").arg(format!("templates/{template}.yaml"));
    }
    String::from_utf8_lossy(&succeed(&mut helm).stdout).into_owned()
}

/// The administrator's kubeconfig with the operator's token in place of the administrator's credentials.
pub(super) async fn kubeconfig(
    client: &Client,
    namespace: &str,
    administrator: &Kubeconfig,
) -> Result<String, Box<dyn std::error::Error>> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let wanted = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(DAY.as_secs().cast_signed()),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let made =
        accounts.create_token_request(&operator_name(namespace), &PostParams::default(), &wanted).await?;
    let token = made.status.ok_or("the API server gave no token")?.token;
    let mut file = serde_json::to_value(administrator)?;
    for user in file["users"].as_array_mut().into_iter().flatten() {
        user["user"] = json!({"token": token});
    }
    Ok(file.to_string())
}

/// Waits until the API server goes by the roles and bindings that were just made: one right of each is asked for.
pub(super) async fn in_force(client: &Client, namespace: &str) -> kube::Result<()> {
    let right = |verb: &str, group: &str, resource: &str, namespace: Option<&str>| ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let definition = ResourceAttributes {
        name: Some("trials.temper.rs".to_owned()),
        ..right("get", "apiextensions.k8s.io", "customresourcedefinitions", None)
    };
    let rights = [
        definition,
        right("create", "coordination.k8s.io", "leases", Some(namespace)),
        right("create", "", "pods", Some(namespace)),
    ];
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    for right in rights {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user(namespace)),
                resource_attributes: Some(right),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let deadline = Instant::now() + LONG;
        while !reviews.create(&PostParams::default(), &review).await?.status.is_some_and(|it| it.allowed) {
            assert!(Instant::now() < deadline, "the chart's rights are never in force: {review:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Whether a line of an operator's log tells of a request that it had no right to make. What quotas and policies
/// refuse is forbidden in other words.
pub(super) fn tells_of_a_missing_right(line: &str) -> bool {
    line.contains("is forbidden: User ") || line.contains("attempting to grant RBAC permissions")
}
