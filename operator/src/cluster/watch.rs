//! Watches on the API server, whose events become changes in the jobs' mailboxes. An object that cannot be read is
//! said and passed over: it never stops the others.

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

/// Namespace and name.
type Name = (Option<String>, String);

async fn forward<K, I>(
    events: impl Stream<Item = watcher::Result<watcher::Event<DeserializeGuard<K>>>>,
    sender: mpsc::Sender<Seen<K, I>>,
    identify: fn(&K) -> Option<I>,
) where
    K: Resource<DynamicType = ()>,
    I: Clone,
{
    let mut known: HashMap<Name, I> = HashMap::new();
    let mut missing = HashMap::new();
    let mut is_first = true;
    let kind = K::kind(&()).into_owned();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let (object, is_there) = match event {
            Ok(watcher::Event::Init) => {
                // Perhaps for the second time, where a list was broken off.
                missing.extend(known.drain());
                continue;
            }
            Ok(watcher::Event::InitDone) => {
                for (_, gone) in missing.drain() {
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
        let (name, object) = readable(&kind, object);
        let before = missing.remove(&name).or_else(|| known.remove(&name));
        let identified = object.as_ref().and_then(identify);
        let seen = match object {
            // It may be another object of the same name by now.
            Some(object) if is_there => {
                let Some(identity) = identified.or(before) else { continue };
                known.insert(name, identity.clone());
                Seen::There(identity, object)
            }
            // It cannot be read any more, and is there all the same.
            None if is_there => {
                known.extend(before.map(|identity| (name, identity)));
                continue;
            }
            _ => {
                let Some(identity) = before.or(identified) else { continue };
                Seen::Gone(identity)
            }
        };
        if sender.send(seen).await.is_err() {
            return;
        }
    }
}

/// Namespace and name of an object, and the object, where it can be read.
fn readable<K>(kind: &str, object: DeserializeGuard<K>) -> (Name, Option<K>)
where
    K: Resource<DynamicType = ()>,
{
    match object.0 {
        Ok(object) => ((object.namespace(), object.name_any()), Some(object)),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            let namespace = invalid.metadata.namespace;
            let error = invalid.error;
            tracing::warn!(kind, name, namespace, error, "the object cannot be read and is passed over");
            ((namespace, name), None)
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

#[cfg(test)]
mod tests {
    use futures::stream;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    type Guarded = DeserializeGuard<Trial>;

    /// A trial that can be read only if its index is a number.
    fn trial(name: &str, index: &serde_json::Value) -> Guarded {
        serde_json::from_value(json!({
            "apiVersion": "temper.rs/v1alpha1", "kind": "Trial",
            "metadata": {"name": name, "namespace": "team", "ownerReferences": [{
                "apiVersion": "temper.rs/v1alpha1", "kind": "TuningJob", "name": "job", "uid": "uid",
            }]},
            "spec": {"job": "job", "index": index, "parameters": {}},
        }))
        .unwrap()
    }

    fn good(index: u32) -> Guarded {
        trial(&format!("trial-{index}"), &index.into())
    }

    fn bad(name: &str) -> Guarded {
        let bad = trial(name, &"one".into());
        assert!(bad.0.is_err(), "it is not bad at all");
        bad
    }

    /// What is told of these events: `+1` for trial 1 that is there, `-1` for one that is gone, `=` for all told.
    async fn told(events: Vec<watcher::Result<Event<Guarded>>>) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(64);
        forward(stream::iter(events), sender, identify_trial).await;
        let mut told = Vec::new();
        while let Some(seen) = receiver.recv().await {
            told.push(match seen {
                Seen::There((_, index), trial) => {
                    assert_eq!(trial.spec.index, index);
                    format!("+{index}")
                }
                Seen::Gone((_, index)) => format!("-{index}"),
                Seen::Synced { is_first } => if is_first { "first =" } else { "=" }.to_owned(),
            });
        }
        told
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_stops_none_of_the_others() {
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(good(0))),
            Ok(Event::InitApply(bad("bad"))),
            Ok(Event::InitApply(good(1))),
            Ok(Event::InitDone),
            Ok(Event::Apply(bad("bad"))),
            Ok(Event::Apply(good(2))),
            Ok(Event::Delete(bad("bad"))),
            Ok(Event::Delete(good(0))),
            Err(watcher::Error::NoResourceVersion),
            Ok(Event::Init),
            Ok(Event::InitApply(bad("worse"))),
            Ok(Event::InitApply(good(2))),
            Ok(Event::InitDone),
            Ok(Event::Apply(good(3))),
        ];
        assert_eq!(told(events).await, ["+0", "+1", "first =", "+2", "-0", "+2", "-1", "=", "+3"]);
    }

    #[tokio::test]
    async fn what_went_while_a_list_was_broken_off_is_told_as_gone() {
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(good(0))),
            Ok(Event::InitApply(good(1))),
            Ok(Event::InitDone),
            Ok(Event::Init),
            Ok(Event::InitApply(good(0))),
            Ok(Event::Init),
            Ok(Event::InitApply(good(0))),
            Ok(Event::InitDone),
        ];
        assert_eq!(told(events).await, ["+0", "+1", "first =", "+0", "+0", "-1", "="]);
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_any_more_is_there_until_it_goes() {
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(good(0))),
            Ok(Event::InitApply(good(1))),
            Ok(Event::InitDone),
            Ok(Event::Apply(bad("trial-0"))),
            Ok(Event::Init),
            Ok(Event::InitApply(bad("trial-0"))),
            Ok(Event::InitApply(bad("trial-1"))),
            Ok(Event::InitDone),
            Ok(Event::Delete(bad("trial-0"))),
            Ok(Event::Apply(good(1))),
        ];
        assert_eq!(told(events).await, ["+0", "+1", "first =", "=", "-0", "+1"]);
    }
}
