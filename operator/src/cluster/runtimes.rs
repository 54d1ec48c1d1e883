//! Which pods can be given the agent as an image volume: those that come only to nodes which mount such volumes, in a
//! cluster whose API server knows them.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec, Taint, Toleration};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, ListParams, ObjectMeta, PostParams},
    core::Object,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    delivery::{self, Delivery},
    pod::AgentImage,
};

/// Nodes and API server change seldom.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// After a look that came to nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(20);
/// For all answers of one look.
const LIMIT: Duration = Duration::from_secs(10);
/// Nodes that are read in one request.
const PAGE: u32 = 250;
/// Nodes that are named in the log.
const NAMED: usize = 3;
/// Since when a kubelet and an API server know image volumes without being told to.
const KUBERNETES: Version = Version { major: 1, minor: 35 };
/// Runtimes that mount them, and since when.
const RUNTIMES: [(&str, Version); 2] =
    [("containerd", Version { major: 2, minor: 1 }), ("cri-o", Version { major: 1, minor: 33 })];

/// Says which delivery a pod gets.
pub(super) enum Deliveries {
    /// One for all.
    Fixed(Delivery),
    /// As the cluster was found; `None`: not looked at yet.
    Found(watch::Receiver<Option<Cluster>>),
}

/// What matters of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cluster {
    /// No pod gets an image volume, for this reason.
    Without(String),
    /// Pods get one that cannot come to any of these nodes.
    With(Vec<Unfit>),
}

/// A node that mounts no image volumes, as far as is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unfit {
    name: String,
    why: String,
    labels: BTreeMap<String, String>,
    /// Those that keep pods away.
    taints: Vec<Taint>,
}

impl Deliveries {
    /// Looks at the cluster now and then, unless it is said which way to take. `namespace` is one where the operator
    /// may make pods.
    pub(super) fn begin(
        client: &Client,
        wanted: Option<Delivery>,
        agent: &AgentImage,
        namespace: &str,
    ) -> Self {
        if let Some(delivery) = wanted {
            return Self::Fixed(delivery);
        }
        let (sender, found) = watch::channel(None);
        tokio::spawn(look_for_ever(client.clone(), agent.clone(), namespace.to_owned(), sender));
        Self::Found(found)
    }

    /// Waits until the cluster was looked at.
    pub(super) async fn known(&self) {
        if let Self::Found(found) = self {
            // An error: nobody looks any more, at the end of the program.
            let _ = found.clone().wait_for(Option::is_some).await;
        }
    }

    /// For a pod of this template.
    pub(super) fn of(&self, template: Option<&PodSpec>) -> Delivery {
        match self {
            Self::Fixed(delivery) => *delivery,
            Self::Found(found) => {
                found.borrow().as_ref().map_or(Delivery::InitContainer, |cluster| cluster.delivery(template))
            }
        }
    }
}

impl Cluster {
    fn delivery(&self, template: Option<&PodSpec>) -> Delivery {
        match self {
            Self::With(unfit) if !unfit.iter().any(|node| node.may_get(template)) => Delivery::ImageVolume,
            _ => Delivery::InitContainer,
        }
    }

    fn say(&self) {
        match self {
            Self::Without(why) => tracing::info!(why, "an init container brings the agent into trial pods"),
            Self::With(unfit) if unfit.is_empty() => {
                tracing::info!("an image volume brings the agent into trial pods: all nodes mount them");
            }
            Self::With(unfit) => {
                let named = unfit.iter().take(NAMED).map(|node| format!("{}: {}", node.name, node.why));
                let named = named.collect::<Vec<_>>().join("; ");
                tracing::info!(
                    nodes = unfit.len(),
                    named,
                    "an image volume brings the agent into trial pods, an init container into those that may come to \
                     nodes without image volumes"
                );
            }
        }
    }
}

impl Unfit {
    /// Whether the scheduler may put a pod there. Affinities are not looked at: at worst a pod starts more slowly.
    fn may_get(&self, template: Option<&PodSpec>) -> bool {
        let selector = template.and_then(|spec| spec.node_selector.as_ref());
        let tolerations = template.and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
        selector.into_iter().flatten().all(|(name, value)| self.labels.get(name) == Some(value))
            && self
                .taints
                .iter()
                .all(|taint| tolerations.iter().any(|toleration| tolerates(toleration, taint)))
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    given(&toleration.effect).is_none_or(|effect| effect == taint.effect)
        && given(&toleration.key).is_none_or(|key| key == taint.key)
        && match toleration.operator.as_deref() {
            None | Some("" | "Equal") => given(&toleration.value) == given(&taint.value),
            // Exists; comparisons of numbers are taken to hold.
            Some(_) => true,
        }
}

/// Of a node, what is looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct NodeSpec {
    #[serde(default)]
    taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeStatus {
    #[serde(default)]
    node_info: NodeInfo,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    container_runtime_version: String,
    kubelet_version: String,
    operating_system: String,
}

type SeenNode = Object<NodeSpec, NodeStatus>;

/// `None` for a node that mounts image volumes, and for one that runs no trials at all.
fn unfit(node: &SeenNode) -> Option<Unfit> {
    let info = node.status.as_ref().map(|status| status.node_info.clone()).unwrap_or_default();
    if info.operating_system == "windows" {
        return None;
    }
    Some(Unfit {
        name: node.name_any(),
        why: lack(&info)?,
        labels: node.labels().clone(),
        taints: node
            .spec
            .taints
            .iter()
            .filter(|taint| taint.effect != "PreferNoSchedule")
            // Kubernetes' own come and go with the node's condition.
            .filter(|taint| !taint.key.starts_with("node.kubernetes.io/"))
            .cloned()
            .collect(),
    })
}

/// Why a node mounts no image volumes.
fn lack(info: &NodeInfo) -> Option<String> {
    let NodeInfo { container_runtime_version: runtime, kubelet_version: kubelet, .. } = info;
    if Version::parse(kubelet).is_none_or(|version| version < KUBERNETES) {
        return Some(format!("its kubelet is {kubelet:?}, not {KUBERNETES} or later"));
    }
    let (name, version) = runtime.split_once("://").unwrap_or((runtime, ""));
    let Some((_, since)) = RUNTIMES.iter().find(|(known, _)| *known == name) else {
        return Some(format!("its runtime is {runtime:?}"));
    };
    let is_fit = Version::parse(version).is_some_and(|version| version >= *since);
    (!is_fit).then(|| format!("its runtime is {runtime:?}, not {since} or later"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Of `v1.35.4+k3s1` and the like.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
        Some(Self { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

async fn look_for_ever(
    client: Client,
    agent: AgentImage,
    namespace: String,
    sender: watch::Sender<Option<Cluster>>,
) {
    loop {
        let found = timeout(LIMIT, look(&client, &agent, &namespace)).await;
        let found = found.map_or_else(
            |_| Err(format!("no answer within {} s", LIMIT.as_secs())),
            |found| found.map_err(|error| error.to_string()),
        );
        let wait = if found.is_ok() { LOOK_EVERY } else { LOOK_AGAIN };
        let found = match found {
            Ok(found) => Some(found),
            // What was known before still holds, as far as is known.
            Err(_) if sender.borrow().is_some() => None,
            Err(error) => Some(Cluster::Without(format!("the nodes cannot be read yet: {error}"))),
        };
        if let Some(found) = found {
            sender.send_if_modified(|known| {
                let is_news = known.as_ref() != Some(&found);
                if is_news {
                    found.say();
                    *known = Some(found);
                }
                is_news
            });
        }
        if sender.is_closed() {
            return;
        }
        sleep(wait).await;
    }
}

/// Looks at nodes and API server.
///
/// # Errors
/// When that may work at another time.
async fn look(client: &Client, agent: &AgentImage, namespace: &str) -> kube::Result<Cluster> {
    let nodes: Api<SeenNode> = Api::all_with(client.clone(), &ApiResource::erase::<Node>(&()));
    let mut lacking = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let found = match nodes.list(&page).await {
            Ok(found) => found,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                return Ok(Cluster::Without(format!(
                    "what nodes can do is not known, since they may not be read ({})",
                    status.message
                )));
            }
            Err(error) => return Err(error),
        };
        lacking.extend(found.items.iter().filter_map(unfit));
        match found.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    lacking.sort_by(|one, other| one.name.cmp(&other.name));
    keeps_image_volumes(client, agent, namespace).await.map(|lack| match lack {
        Some(why) => Cluster::Without(why),
        None => Cluster::With(lacking),
    })
}

/// Asks whether a pod with an image volume would be as it was sent: an API server that does not know such volumes, or is
/// told not to have them, drops the field and makes an empty folder of it. What it says against it.
async fn keeps_image_volumes(
    client: &Client,
    agent: &AgentImage,
    namespace: &str,
) -> kube::Result<Option<String>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let pod = Pod {
        metadata: ObjectMeta { generate_name: Some("temper-agent-".to_owned()), ..ObjectMeta::default() },
        spec: Some(delivery::sample(agent)),
        status: None,
    };
    match pods.create(&params, &pod).await {
        Ok(made) => {
            let mut volumes = made.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
            let is_kept = volumes.any(|volume| volume.image.is_some());
            Ok((!is_kept).then(|| "the API server knows no image volumes".to_owned()))
        }
        Err(kube::Error::Api(status)) if (400..500).contains(&status.code) && status.code != 429 => {
            Ok(Some(format!("a pod with an image volume is refused: {}", status.message)))
        }
        Err(error) => Err(error),
    }
}
