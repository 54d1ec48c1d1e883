//! How the agent gets into a pod. Pure: what each way adds to it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ImageVolumeSource, PodSpec, ResourceRequirements, SeccompProfile,
        SecurityContext, Volume, VolumeMount,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::pod::AgentImage;

/// The folder below the pod's scratch volume where the agent lies, whichever way it came.
pub(super) const FOLDER: &str = "/temper/agent";
/// The agent's program there.
pub(super) const PROGRAM: &str = "/temper/agent/temper-runner";
/// Of the volume and of the init container.
pub(super) const NAME: &str = "temper-agent";
/// The user that copies the agent, who needs no rights: that of the image.
const AGENT_USER: i64 = 65_532;

/// How the agent gets into a pod. Either way the same command runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Its image is mounted: nothing is copied, and nothing has to end before the training container starts.
    ImageVolume,
    /// An init container copies it. Every cluster can do that; but the kubelet looks at its containers once a second,
    /// and so takes up to a second to see the copy done.
    InitContainer,
}

impl Delivery {
    /// Adds to a pod what brings the agent into its volume `scratch`, and gives the mounts of the container that is to
    /// have it.
    pub(super) fn bring(
        self,
        spec: &mut PodSpec,
        agent: &AgentImage,
        scratch: VolumeMount,
    ) -> Vec<VolumeMount> {
        match self {
            Self::ImageVolume => {
                spec.volumes.get_or_insert_default().push(volume(agent));
                // After what it lies below.
                vec![scratch, mounted()]
            }
            Self::InitContainer => {
                let installer = installer(agent, scratch.clone());
                spec.init_containers.get_or_insert_default().insert(0, installer);
                vec![scratch]
            }
        }
    }
}

/// A pod that is only asked about: it has the agent as a volume.
pub(super) fn sample(agent: &AgentImage) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![installer(agent, mounted())],
        restart_policy: Some("Never".to_owned()),
        volumes: Some(vec![volume(agent)]),
        ..PodSpec::default()
    }
}

fn volume(agent: &AgentImage) -> Volume {
    Volume {
        name: NAME.to_owned(),
        image: Some(ImageVolumeSource {
            reference: Some(agent.image.clone()),
            pull_policy: Some(agent.pull_policy.clone()),
        }),
        ..Volume::default()
    }
}

fn mounted() -> VolumeMount {
    VolumeMount {
        name: NAME.to_owned(),
        mount_path: FOLDER.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

/// Copies the agent to where the training container finds it.
fn installer(agent: &AgentImage, mount: VolumeMount) -> Container {
    let quantities = |cpu: &str, memory: &str| {
        let quantity = |text: &str| Quantity(text.to_owned());
        Some(BTreeMap::from([("cpu".to_owned(), quantity(cpu)), ("memory".to_owned(), quantity(memory))]))
    };
    Container {
        name: NAME.to_owned(),
        image: Some(agent.image.clone()),
        image_pull_policy: Some(agent.pull_policy.clone()),
        command: Some(vec!["/temper-runner".to_owned(), "install".to_owned(), FOLDER.to_owned()]),
        volume_mounts: Some(vec![mount]),
        // Stated, so that namespaces with quotas admit the pod; far below what any training asks for, so that it does
        // not change where the pod fits.
        resources: Some(ResourceRequirements {
            requests: quantities("10m", "16Mi"),
            limits: quantities("500m", "64Mi"),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            run_as_non_root: Some(true),
            run_as_user: Some(AGENT_USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}
