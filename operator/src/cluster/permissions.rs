//! What trial pods need to report: a service account in the job's namespace, bound to a role that allows of no more
//! than that. Which Trial a pod may write to is for the chart's admission policy to say.

use std::{collections::BTreeSet, sync::Mutex};

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

/// Makes sure that pods may report.
#[derive(Debug)]
pub(super) struct Permissions {
    /// The service account of pods whose template names none.
    pub(super) service_account: String,
    pub(super) cluster_role: String,
    /// Namespaces and service accounts that are done.
    done: Mutex<BTreeSet<(String, String)>>,
}

impl Permissions {
    pub(super) fn new(service_account: String, cluster_role: String) -> Self {
        Self { service_account, cluster_role, done: Mutex::default() }
    }

    /// Lets pods of a namespace report that run as this service account.
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
        let is_done = self.done.lock().is_ok_and(|done| done.contains(&entry));
        if is_done {
            return Ok(());
        }
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
        if let Ok(mut done) = self.done.lock() {
            done.insert(entry);
        }
        Ok(())
    }
}
