//! What trial pods need to report: a service account in the job's namespace, bound to a role that allows of no more
//! than that. Which Trial a pod may write to is for the chart's admission policy to say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{
        core::v1::ServiceAccount,
        rbac::v1::{RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};

use super::{
    names::{MANAGED_BY, MANAGER, TEMPER},
    writer::{Refused, Writer},
};

/// What was granted so long ago is granted anew: somebody may have taken it away.
const HOLDS: Duration = Duration::from_mins(10);

/// When it was granted last; locked while it is.
type Granted = tokio::sync::Mutex<Option<Instant>>;

/// Makes sure that pods may report.
#[derive(Debug)]
pub(super) struct Permissions {
    /// The service account of pods whose template names none.
    pub(super) service_account: String,
    pub(super) cluster_role: String,
    /// When it was last granted to which namespace and service account.
    granted: Mutex<BTreeMap<(String, String), Arc<Granted>>>,
}

impl Permissions {
    pub(super) fn new(service_account: String, cluster_role: String) -> Self {
        Self { service_account, cluster_role, granted: Mutex::default() }
    }

    /// What was granted in a namespace may be gone with it: it is granted anew before the next pod.
    pub(super) fn doubt(&self, namespace: &str) {
        if let Ok(mut granted) = self.granted.lock() {
            granted.retain(|(of, _), _| of != namespace);
        }
    }

    /// Lets pods of a namespace report that run as this service account, unless they were let a short while ago.
    ///
    /// # Errors
    /// What the API server says.
    pub(super) async fn grant(
        &self,
        client: &Client,
        writer: &Writer,
        namespace: &str,
        service_account: &str,
    ) -> Result<(), Refused> {
        let entry = (namespace.to_owned(), service_account.to_owned());
        // Others that need the same wait for it here.
        let granted = match self.granted.lock() {
            Ok(mut granted) => granted.entry(entry).or_default().clone(),
            Err(_) => Arc::default(),
        };
        let mut granted = granted.lock().await;
        if granted.is_some_and(|at| at.elapsed() < HOLDS) {
            return Ok(());
        }
        let answer = self.ask(client, writer, namespace, service_account).await;
        // What is refused is not asked for again with every pod.
        if !matches!(answer, Err(Refused::NotLeader)) {
            *granted = Some(Instant::now());
        }
        answer
    }

    async fn ask(
        &self,
        client: &Client,
        writer: &Writer,
        namespace: &str,
        service_account: &str,
    ) -> Result<(), Refused> {
        let params = PatchParams::apply(MANAGER).force();
        let metadata = |name: &str| ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some([(MANAGED_BY.to_owned(), TEMPER.to_owned())].into()),
            ..ObjectMeta::default()
        };
        if service_account == self.service_account {
            let account = Patch::Apply(ServiceAccount {
                metadata: metadata(service_account),
                ..ServiceAccount::default()
            });
            let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
            writer
                .until_answered("apply", "serviceaccounts", || {
                    accounts.patch(service_account, &params, &account)
                })
                .await?;
        }
        // One binding for each account: two of them never overwrite each other's subjects.
        let name = if service_account == self.service_account {
            service_account.to_owned()
        } else {
            format!("{}-{service_account}", self.service_account)
        };
        let binding = Patch::Apply(RoleBinding {
            metadata: metadata(&name),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "ClusterRole".to_owned(),
                name: self.cluster_role.clone(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name: service_account.to_owned(),
                namespace: Some(namespace.to_owned()),
                api_group: None,
            }]),
        });
        let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
        writer.until_answered("apply", "rolebindings", || bindings.patch(&name, &params, &binding)).await?;
        Ok(())
    }
}
