//! What the objects look like.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::ResourceExt;
use serde_json::json;
use temper_advisor::TrialIndex;
use temper_crds::{job::Job, validation};
use temper_runner::agent::protocol::{POD_ORDERS, PodOrders};

use super::{
    delivery::Delivery,
    names::JobKey,
    observe::{PodEnd, PodView, Standing},
    pod::{AgentImage, Purpose, pod},
};

fn job() -> Job {
    validation::parse_job(
        r#"
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: fashion, namespace: team}
spec:
  objectives: [{metric: accuracy, goal: maximize}]
  parameters: [{name: lr, type: float, min: 0.1, max: 1}]
  budget: {maxTrials: 4}
  trial:
    checkpoints: {uri: "pvc://models/here", secretName: keys}
    template:
      metadata: {labels: {kueue.x-k8s.io/queue-name: research}, annotations: {a: b}}
      spec:
        schedulingGates: [{name: later}]
        nodeSelector: {gpu: h200}
        tolerations: [{key: gpu, operator: Exists}]
        priorityClassName: low
        terminationGracePeriodSeconds: 60
        imagePullSecrets: [{name: pull}]
        volumes: [{name: data, emptyDir: {}}]
        containers:
        - {name: proxy, image: "proxy:1"}
        - name: trial
          image: train:1
          command: [python, train.py]
          args: ["--lr=$(PARAM_lr)", "$$HOME"]
          env: [{name: A, value: "$(PARAM_lr)"}]
          resources: {limits: {nvidia.com/gpu: 1}}
          volumeMounts: [{name: data, mountPath: /data}]
"#,
    )
    .unwrap()
}

fn key() -> JobKey {
    JobKey { namespace: "team".into(), name: "fashion".into(), uid: "1-2-3".into() }
}

fn agent() -> AgentImage {
    AgentImage {
        image: "temper:1".into(),
        pull_policy: "IfNotPresent".into(),
        service_account: "temper-trial".into(),
    }
}

fn trial_pod() -> Pod {
    trial_pod_by(Delivery::ImageVolume)
}

fn trial_pod_by(delivery: Delivery) -> Pod {
    let purpose =
        Purpose::Attempt { trial: TrialIndex(3), attempt: 2, trial_uid: "t-uid", parameters: "{}".into() };
    pod(&key(), &job(), &[1, 3, 9], &agent(), delivery, &purpose).unwrap()
}

#[test]
fn the_template_is_kept_but_for_what_the_agent_needs() {
    let made = trial_pod();
    let mut spec = made.spec.clone().unwrap();
    let mut template = job().trial.template.pod().spec.clone().unwrap();
    // What is changed, and nothing else.
    assert_eq!(spec.restart_policy.take().as_deref(), Some("Never"));
    assert_eq!(spec.service_account_name.take().as_deref(), Some("temper-trial"));
    assert_eq!(spec.automount_service_account_token.take(), Some(true));
    let names =
        |spec: &PodSpec| spec.volumes.iter().flatten().map(|volume| volume.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&spec), ["data", "temper", "temper-agent", "temper-checkpoints", "temper-credentials"]);
    spec.volumes.as_mut().unwrap().truncate(1);
    let (made, wanted) = (&mut spec.containers[1], &mut template.containers[1]);
    assert_eq!(made.command.take().unwrap(), ["/temper/agent/temper-runner", "pod"]);
    assert_eq!(made.args.take(), None);
    (wanted.command, wanted.args) = (None, None);
    made.volume_mounts.as_mut().unwrap().truncate(1);
    made.env.as_mut().unwrap().truncate(1);
    assert_eq!(spec, template);
}

#[test]
fn either_way_the_same_program_is_run_beside_the_same_scratch_space() {
    let [mounted, copied] =
        [Delivery::ImageVolume, Delivery::InitContainer].map(|way| trial_pod_by(way).spec.unwrap());
    let training = |spec: &PodSpec| spec.containers[1].clone();
    assert_eq!(training(&mounted).command, training(&copied).command);
    assert_eq!(training(&mounted).env, training(&copied).env);
    let image = mounted.volumes.iter().flatten().find_map(|volume| volume.image.clone()).unwrap();
    assert_eq!(image.reference.as_deref(), Some("temper:1"));
    assert_eq!(image.pull_policy.as_deref(), Some("IfNotPresent"));
    assert_eq!(mounted.init_containers, None);
    let where_it_is = |spec: &PodSpec| {
        let mounts = training(spec).volume_mounts.unwrap().into_iter();
        mounts.map(|mount| (mount.name, mount.mount_path)).collect::<Vec<_>>()
    };
    let agent = ("temper-agent".to_owned(), "/temper/agent".to_owned());
    assert_eq!(
        where_it_is(&mounted).into_iter().filter(|mount| *mount != agent).collect::<Vec<_>>(),
        where_it_is(&copied)
    );
    let installer = &copied.init_containers.unwrap()[0];
    assert_eq!(installer.command.as_deref().unwrap(), ["/temper-runner", "install", "/temper/agent"]);
    assert_eq!(installer.volume_mounts.as_deref().unwrap()[0].mount_path, "/temper");
}

#[test]
fn the_agent_is_told_what_to_run_and_where_things_are() {
    let made = trial_pod();
    let container = &made.spec.as_ref().unwrap().containers[1];
    let orders = container.env.iter().flatten().find(|variable| variable.name == POD_ORDERS).unwrap();
    // The kubelet reads `$$` as `$`.
    let orders = PodOrders::from_variable(&orders.value.as_ref().unwrap().replace("$$", "$")).unwrap();
    assert_eq!(orders.trial, Some(key().trial(TrialIndex(3))));
    assert_eq!(orders.template.command, ["python", "train.py", "--lr=$(PARAM_lr)", "$$HOME"]);
    assert_eq!(orders.template.checkpoints.as_deref(), Some("pvc://models/here/1-2-3"));
    assert_eq!(orders.mounts["pvc://models"].to_str(), Some("/temper-volumes/models"));
    assert_eq!(orders.rungs, [1, 3, 9]);
    assert!((orders.template.grace_seconds - 58.0).abs() < 1e-9);
    assert!(container.volume_mounts.iter().flatten().any(|mount| mount.mount_path == "/temper-credentials"));
}

#[test]
fn a_pod_belongs_to_its_trial_and_a_worker_to_its_job() {
    let made = trial_pod();
    assert_eq!(made.owner_references()[0].kind, "Trial");
    assert_eq!(made.owner_references()[0].uid, "t-uid");
    assert_eq!(made.labels()["kueue.x-k8s.io/queue-name"], "research");
    assert_eq!(made.labels()["temper.rs/index"], "3");
    let worker =
        pod(&key(), &job(), &[], &agent(), Delivery::ImageVolume, &Purpose::Worker { number: 4 }).unwrap();
    assert_eq!(worker.owner_references()[0].kind, "TuningJob");
    assert_eq!(worker.labels()["temper.rs/worker"], "4");
}

/// The pod of a trial as its node tells of it: its phase, and of each container whether it ended, and how.
fn standing(phase: &str, containers: &[(&str, Option<i32>)]) -> PodView {
    let statuses: Vec<serde_json::Value> = containers
        .iter()
        .map(|(name, ended)| {
            let state = match ended {
                Some(code) => json!({"terminated": {"exitCode": code, "reason": "Error"}}),
                None => json!({"running": {}}),
            };
            json!({"name": name, "state": state, "ready": false, "restartCount": 0, "image": "", "imageID": ""})
        })
        .collect();
    let mut made = trial_pod();
    made.metadata.uid = Some("p-uid".to_owned());
    made.status = serde_json::from_value(json!({"phase": phase, "containerStatuses": statuses})).unwrap();
    PodView::of(&made).unwrap()
}

#[test]
fn a_pod_is_over_when_its_training_container_is_though_others_go_on() {
    let runs = standing("Running", &[("proxy", None), ("trial", None)]);
    assert_eq!((&runs.standing, runs.is_left_over), (&Standing::Running, false));
    let only_the_other = standing("Running", &[("proxy", Some(1)), ("trial", None)]);
    assert_eq!(only_the_other.standing, Standing::Running);

    let well = standing("Running", &[("proxy", None), ("trial", Some(0))]);
    assert_eq!((&well.standing, well.is_left_over), (&Standing::Over(PodEnd::Succeeded), true));
    assert!(well.may_be_ended());
    let killed = standing("Running", &[("proxy", None), ("trial", Some(137))]);
    let Standing::Over(PodEnd::Failed { message, .. }) = &killed.standing else { panic!("{killed:?}") };
    assert!(message.contains("container trial ended with exit code 137"), "{message}");

    let whole = standing("Failed", &[("proxy", Some(0)), ("trial", Some(137))]);
    assert!(matches!(whole.standing, Standing::Over(PodEnd::Failed { .. })));
    assert!(!whole.is_left_over && !whole.may_be_ended(), "there is nothing to end");
}
