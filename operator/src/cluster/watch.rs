//! Watches on the API server, whose events become changes in the jobs' mailboxes. An object that cannot be read is
//! said once and passed over: it never stops the others.

use std::collections::HashMap;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, NamespaceResourceScope},
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use temper_crds::Trial;
use tokio::sync::mpsc;

use super::{
    http::Probes,
    mailbox::{Changes, Mailboxes},
    names::{JOB_UID, MANAGED_BY, TEMPER},
    observe::PodView,
};

/// Where jobs are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Namespaces {
    All,
    These(Vec<String>),
}

impl Namespaces {
    /// These, or all where none is named.
    pub(super) fn of(names: &[String]) -> Self {
        if names.is_empty() { Self::All } else { Self::These(names.to_vec()) }
    }

    /// An API for each.
    pub(super) fn apis<K>(&self, client: &Client) -> Vec<Api<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match self {
            Self::All => vec![Api::all(client.clone())],
            Self::These(names) => names.iter().map(|name| Api::namespaced(client.clone(), name)).collect(),
        }
    }
}

/// What a watch says, without the difference between a first list, a list after an interruption, and a change.
#[derive(Debug)]
pub(super) enum Seen<K, I> {
    There(I, K),
    Gone(I),
    /// Everything that there was when the watch began, or began again, has been told.
    Synced {
        is_first: bool,
    },
}

/// Watches one kind of object; objects that went while nobody watched are told as gone. `identify` says which of our
/// things an object is, as little as is needed to say that it is gone; `None` passes over it. Ends when the receiver
/// does.
pub(super) fn watch<K, I>(
    api: Api<K>,
    config: watcher::Config,
    identify: fn(&K) -> Option<I>,
) -> mpsc::Receiver<Seen<K, I>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
    I: Clone + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(256);
    tokio::spawn(async move {
        let namespace = api.namespace().map(str::to_owned);
        let client = api.into_client();
        let guarded: Api<DeserializeGuard<K>> = match namespace {
            Some(namespace) => Api::namespaced(client, &namespace),
            None => Api::all(client),
        };
        forward(watcher(guarded, config).default_backoff(), sender, identify).await;
    });
    receiver
}

async fn forward<K, I>(
    events: impl Stream<Item = watcher::Result<watcher::Event<DeserializeGuard<K>>>>,
    sender: mpsc::Sender<Seen<K, I>>,
    identify: fn(&K) -> Option<I>,
) where
    K: Resource<DynamicType = ()>,
    I: Clone,
{
    let mut known: HashMap<(Option<String>, String), I> = HashMap::new();
    let mut before = HashMap::new();
    let mut is_first = true;
    let kind = K::kind(&()).into_owned();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let (object, is_there) = match event {
            Ok(watcher::Event::Init) => {
                before = std::mem::take(&mut known);
                continue;
            }
            Ok(watcher::Event::InitDone) => {
                for (_, gone) in before.drain() {
                    if sender.send(Seen::Gone(gone)).await.is_err() {
                        return;
                    }
                }
                if sender.send(Seen::Synced { is_first }).await.is_err() {
                    return;
                }
                is_first = false;
                continue;
            }
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => (object, true),
            Ok(watcher::Event::Delete(object)) => (object, false),
            Err(error) => {
                tracing::warn!(kind, %error, "the watch was interrupted and is taken up again");
                continue;
            }
        };
        let object = match object.0 {
            Ok(object) => object,
            Err(invalid) => {
                tracing::warn!(
                    kind,
                    name = invalid.metadata.name.as_deref().unwrap_or_default(),
                    namespace = invalid.metadata.namespace.as_deref().unwrap_or_default(),
                    error = %invalid.error,
                    "the object cannot be read and is passed over"
                );
                continue;
            }
        };
        let name = (object.namespace(), object.name_any());
        let Some(identity) =
            before.remove(&name).or_else(|| known.remove(&name)).or_else(|| identify(&object))
        else {
            continue;
        };
        let seen = if is_there {
            // It may be another object of the same name by now.
            let identity = identify(&object).unwrap_or(identity);
            known.insert(name, identity.clone());
            Seen::There(identity, object)
        } else {
            Seen::Gone(identity)
        };
        if sender.send(seen).await.is_err() {
            return;
        }
    }
}

/// UID of its job, and its index.
pub(super) fn identify_trial(trial: &Trial) -> Option<(String, u32)> {
    let owner = trial.metadata.owner_references.as_ref()?.first()?;
    Some((owner.uid.clone(), trial.spec.index))
}

/// UID of its job, and its name.
pub(super) fn identify_pod(pod: &Pod) -> Option<(String, String)> {
    Some((pod.labels().get(JOB_UID)?.clone(), pod.name_any()))
}

/// Passes Trials on to their jobs' mailboxes.
pub(super) async fn pass_on_trials(
    mut seen: mpsc::Receiver<Seen<Trial, (String, u32)>>,
    mailboxes: Mailboxes,
    probes: Probes,
) {
    while let Some(seen) = seen.recv().await {
        let ((uid, index), trial) = match seen {
            Seen::There(identity, mut trial) => {
                trial.metadata.managed_fields = None;
                (identity, Some(Box::new(trial)))
            }
            Seen::Gone(identity) => (identity, None),
            Seen::Synced { is_first } => {
                if is_first {
                    probes.synced();
                }
                continue;
            }
        };
        mailboxes.put(&uid, move |changes: &mut Changes| drop(changes.trials.insert(index, trial)));
    }
}

/// Passes pods on to their jobs' mailboxes.
pub(super) async fn pass_on_pods(
    mut seen: mpsc::Receiver<Seen<Pod, (String, String)>>,
    mailboxes: Mailboxes,
    probes: Probes,
) {
    while let Some(seen) = seen.recv().await {
        let ((uid, name), view) = match seen {
            Seen::There(identity, pod) => (identity, PodView::of(&pod)),
            Seen::Gone(identity) => (identity, None),
            Seen::Synced { is_first } => {
                if is_first {
                    probes.synced();
                }
                continue;
            }
        };
        mailboxes.put(&uid, move |changes: &mut Changes| drop(changes.pods.insert(name, view)));
    }
}

/// The pods that are ours.
pub(super) fn our_pods() -> watcher::Config {
    watcher::Config::default().labels(&format!("{MANAGED_BY}={TEMPER},{JOB_UID}"))
}
