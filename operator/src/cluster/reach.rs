//! What an operator must be able to read before it is ready: a rollout takes none away for one that could not work.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{Api, Client, Resource, api::ListParams, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use temper_crds::{Trial, TrialHistory, TuningJob};
use tokio::time::{sleep, timeout};

use super::{http::Probes, watch::Namespaces, writer::jitter};

/// Until it is looked again at what could not be read.
const AGAIN: Duration = Duration::from_secs(2);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something could not be read.
enum Unread {
    /// The API server says no.
    Refused(String),
    /// It says nothing.
    Away(String),
}

/// Returns once everything that is tended could be read, and the lease. Until then the log and `/ready` say what cannot.
pub(super) async fn reach(client: &Client, namespaces: &Namespaces, lease: (&str, &str), probes: &Probes) {
    let mut said = Vec::new();
    loop {
        let lacks = match refused(client, namespaces, lease).await {
            Ok(refused) if refused.is_empty() => return,
            Ok(refused) => refused,
            Err(away) => vec![format!("cannot reach the API server: {away}")],
        };
        probes.lacks(lacks.join("\n"));
        if lacks != said {
            for lacks in &lacks {
                tracing::warn!(lacks, "not ready");
            }
            said = lacks;
        }
        sleep(AGAIN.mul_f64(jitter())).await;
    }
}

/// What the API server does not let this operator read, and why; or why it does not answer.
async fn refused(
    client: &Client,
    namespaces: &Namespaces,
    (namespace, name): (&str, &str),
) -> Result<Vec<String>, String> {
    let mut refused = list::<TuningJob>(client, namespaces).await?;
    refused.extend(list::<Trial>(client, namespaces).await?);
    refused.extend(list::<TrialHistory>(client, namespaces).await?);
    refused.extend(list::<Pod>(client, namespaces).await?);
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    match answered(leases.get_opt(name)).await {
        Ok(()) => {}
        Err(Unread::Refused(why)) => {
            refused.push(format!("cannot get the lease {name} in namespace {namespace}: {why}"));
        }
        Err(Unread::Away(why)) => return Err(why),
    }
    Ok(refused)
}

async fn list<K>(client: &Client, namespaces: &Namespaces) -> Result<Vec<String>, String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut refused = Vec::new();
    for api in namespaces.apis::<K>(client) {
        // Whether what there is can be understood is another question, which the watches answer.
        match answered(api.list_metadata(&ListParams::default().limit(1))).await {
            Ok(()) => {}
            Err(Unread::Refused(why)) => {
                let place = api.namespace().map_or_else(String::new, |name| format!(" in namespace {name}"));
                refused.push(format!("cannot list {}{place}: {why}", K::plural(&())));
            }
            Err(Unread::Away(why)) => return Err(why),
        }
    }
    Ok(refused)
}

async fn answered<T>(request: impl Future<Output = kube::Result<T>>) -> Result<(), Unread> {
    match timeout(PATIENCE, request).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(kube::Error::Api(status))) => Err(Unread::Refused(status.message.clone())),
        Ok(Err(error)) => Err(Unread::Away(error.to_string())),
        Err(_) => Err(Unread::Away(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}
