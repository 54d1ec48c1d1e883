#!/bin/bash
# The chart's life on a real cluster, with the real operator and jobs that run meanwhile: install, upgrade to a newer
# image and newer definitions, rollback, uninstall with the results kept, install elsewhere, uninstall with everything
# gone, install without a release. What the docs say is done as they say it.
#
#   TEMPER_TEST_KUBECONFIG=... tests/chart/release.sh [--short]
#
# --short: what another helm could do otherwise. HELM names it, of version 3 for instance.
#
# The cluster must have no Temper in it, and must have the images TEMPER_TEST_IMAGE (temper.test/temper:dev),
# TEMPER_TEST_NEXT_IMAGE (its next version, of another tag; the same where none is named) and TEMPER_TEST_TRIAL_IMAGE
# (busybox:1).
set -euo pipefail
cd "$(dirname "$0")/../.."
export KUBECONFIG=${TEMPER_TEST_KUBECONFIG:?names the kubeconfig of the cluster to test on}
helm=${HELM:-$(scripts/tool.sh helm)}
export helm
system=temper-system other=temper-release-other ns=temper-release-test
image=${TEMPER_TEST_IMAGE:-temper.test/temper:dev}
next_image=${TEMPER_TEST_NEXT_IMAGE:-$image}
trial_image=${TEMPER_TEST_TRIAL_IMAGE:-busybox:1}
definitions=(tuningjobs.temper.rs trials.temper.rs trialhistories.temper.rs)
work=$(mktemp -d)

step() { printf '%4d s  %s\n' $SECONDS "$*"; }
fail() {
    echo "FAILED: $*" >&2
    kubectl get tuningjobs,trials,pods --all-namespaces 2>&1 | tail -40 >&2 || true
    kubectl --namespace $system logs --selector app.kubernetes.io/name=temper --tail 10 >&2 || true
    exit 1
}
if kubectl get crd tuningjobs.temper.rs >/dev/null 2>&1 || kubectl get namespace $system >/dev/null 2>&1; then
    echo "error: this cluster has Temper's definitions or the namespace $system; this test needs one without" >&2
    exit 2
fi
clean_up() {
    "$helm" uninstall temper --namespace $system >/dev/null 2>&1 || true
    "$helm" uninstall second --namespace $other >/dev/null 2>&1 || true
    kubectl delete --ignore-not-found crd "${definitions[@]}" >/dev/null 2>&1 || true
    kubectl delete clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings \
        --selector app.kubernetes.io/instance=temper >/dev/null 2>&1 || true
    kubectl delete --ignore-not-found namespace $system $other $ns >/dev/null 2>&1 || true
    rm -r "$work"
}
trap clean_up EXIT

release() { # release COMMAND ARGUMENT...: of helm
    "$helm" "$@" --wait --timeout 120s >"$work/helm" 2>&1 || fail "helm $*: $(cat "$work/helm")"
}
as_documented() { # as_documented COMMANDS: what stands in the docs, with this test's helm and image
    local commands=${1//registry.example\/temper/${image%:*},image.tag=${image##*:}}
    # shellcheck disable=SC2016  # for the shell that runs them
    bash -euo pipefail -c 'helm() { "$helm" "$@"; }; eval "$1"' docs "$commands" >"$work/documented" 2>&1 ||
        fail "$commands: $(cat "$work/documented")"
}
read_docs() { # read_docs FILE FIRST-LINE: leaves the commands of a block, from the line that begins so, in `commands`
    commands=$(sed -n "/^$2/,/^\`\`\`/p" "$1" | sed '/^```/d')
    [ -n "$commands" ] || fail "$1 has no commands that begin with: $2"
}
job() { # job NAME TRIALS SECONDS: trials that take so long
    kubectl --namespace $ns apply -f - >/dev/null <<END
apiVersion: temper.rs/v1alpha1
kind: TuningJob
metadata: {name: $1}
spec:
  objectives: [{metric: accuracy, goal: maximize}]
  parameters: [{name: x, type: float, min: 0, max: 1}]
  search: {algorithm: Random}
  budget: {maxTrials: $2, parallelism: 2}
  trial:
    metrics: {format: KeyValue}
    template:
      spec:
        terminationGracePeriodSeconds: 3
        securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
        containers:
        - name: trial
          image: $trial_image
          command: [sh, -c, "sleep $3; echo accuracy=\$(PARAM_x)"]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
END
}
runs() { # runs NAME: waits until a job has two trials at work
    kubectl --namespace $ns wait --for=jsonpath='{.status.trials.running}'=2 --timeout=60s tuningjob/"$1" >/dev/null ||
        fail "job $1 does not run"
}
wait_job() { # wait_job NAME TRIALS
    kubectl --namespace $ns wait --for=condition=Complete --timeout=120s tuningjob/"$1" >/dev/null || fail "job $1 did not complete"
    local finished
    finished=$(kubectl --namespace $ns get trials --field-selector spec.job="$1" -o json |
        jq '[.items[] | select(.status.report.state == "Succeeded") | .spec.index] | unique | length')
    [ "$finished" = "$2" ] || fail "job $1: $finished of $2 trials succeeded"
}
undisturbed() { # undisturbed JOB: none of its trials was begun more than once
    local again
    again=$(kubectl --namespace $ns get trials --field-selector spec.job="$1" -o json | jq '[.items[] | select(.spec.attempt > 1)] | length')
    [ "$again" = 0 ] || fail "job $1: $again trials were begun again"
}
agents() { # agents JOB: the images that its pods have the agent from
    kubectl --namespace $ns get pods --selector temper.rs/job="$1" -o json | jq --raw-output '[.items[].spec |
        (.volumes[], .initContainers[]?) | select(.name == "temper-agent").image | .reference? // .] | unique | join(" ")'
}
operators() { # operators IMAGE REPLICAS: of which those are that work or stand by
    local images
    images=$(kubectl --namespace $system get pods --selector app.kubernetes.io/name=temper -o json |
        jq --raw-output '[.items[] | select(.metadata.deletionTimestamp | not).spec.containers[0].image] | join(" ")')
    [ "$(xargs -n 1 <<<"$images" | sort | uniq -c | xargs)" = "$2 $1" ] || fail "operators run $images, and not $2 of them $1"
}
knows_later() { # knows_later true|false: whether a Trial may have the field of the later chart
    local known
    known=$(kubectl get crd trials.temper.rs -o json |
        jq '.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties | has("later")')
    [ "$known" = "$1" ] || fail "whether a Trial may have the field 'later': $known, and not $1"
}
best() { kubectl --namespace $ns get tuningjob second -o jsonpath='{.status.best}'; }
read_metrics() { # of the one operator in a namespace, which must not have been refused anything
    local pod refused
    pod=$(kubectl --namespace "$1" get pods --selector app.kubernetes.io/name=temper -o jsonpath='{.items[0].metadata.name}')
    metrics=$(kubectl get --raw "/api/v1/namespaces/$1/pods/$pod:8080/proxy/metrics")
    refused=$(grep -E '^temper_api_requests_total\{.*code="403"' <<<"$metrics" || true)
    [ -z "$refused" ] || fail "the operator was refused: $refused"
}
gone() { # gone SECONDS WHAT COMMAND...: waits until it prints nothing
    local i found
    for ((i = 0; i < $1; i++)); do
        found=$("${@:3}" 2>&1) && [ -z "$found" ] && return
        sleep 1
    done
    fail "$2: $found"
}
bindings_removed() { # what trials needed, which would stand in the way of another release
    read_docs docs/install.md 'kubectl delete serviceaccounts,rolebindings'
    as_documented "$commands"
    left=$(kubectl --namespace $ns get serviceaccount,rolebinding temper-trial --ignore-not-found -o name)
    [ -z "$left" ] || fail "left in the jobs' namespace: $left"
}
jobs_deleted() { # every one, before the definitions
    read_docs docs/install.md 'kubectl delete tuningjobs --all'
    as_documented "$(sed '/^kubectl delete crd/d' <<<"$commands")"
    left=$(kubectl --namespace $ns get pods -o name)
    [ -z "$left" ] || fail "left though the jobs were deleted: $left"
    gone 60 "left though the jobs were deleted" kubectl --namespace $ns get tuningjobs,trials,trialhistories -o name
}
strict_namespace() { # one that holds its pods to the restricted standard
    kubectl create namespace "$1" >/dev/null
    kubectl label namespace "$1" pod-security.kubernetes.io/enforce=restricted >/dev/null
}

installed() {
    strict_namespace $system
    release install temper charts/temper --namespace $system --set image.repository="${image%:*}",image.tag="${image##*:}"
    step "installed; the operator is ready"
    job first 4 1
    wait_job first 4
    step "a job of 4 trials is complete"
}

measured() {
    read_metrics $system
    # The dashboard and the alerts ask for nothing that the operator does not expose.
    grep -hoE '\b(temper|process)_[a-z_]+' charts/temper/dashboards/temper.json \
        charts/temper/templates/monitoring/prometheusrule.yaml | sed 's/_bucket$//' | sort -u | while read -r name; do
        grep -Eq "^$name(_bucket)?[{ ]" <<<"$metrics" || fail "the operator exposes no metric $name"
    done
    [ "$(sed -n 's/^temper_leader\({[^}]*}\)\{0,1\} //p' <<<"$metrics")" = 1 ] || fail "temper_leader is not 1"
    step "every metric of the dashboard and the alerts is exposed; no request was refused"
}

refused() {
    if "$helm" upgrade temper charts/temper --namespace $system --set replicas=two >"$work/helm" 2>&1; then
        fail "an upgrade with replicas=two was accepted"
    fi
    grep -q /replicas "$work/helm" || fail "the refusal does not name /replicas: $(cat "$work/helm")"
}

upgraded() {
    # A later chart, with a field that this one's definitions do not have.
    cp -r charts/temper "$work"
    sed -i 's/^version: .*/version: 9.9.9/' "$work/temper/Chart.yaml"
    sed -i 's/^              rungs:$/              later: {type: string}\n&/' "$work/temper/templates/crds/trials.yaml"
    knows_later false
    job second 8 3
    runs second
    release upgrade temper "$work/temper" --namespace $system --reset-then-reuse-values --set image.tag="${next_image##*:}" \
        --set replicas=2,'log.level=info\,temper_operator=debug'
    operators "$next_image" 2
    knows_later true
    kubectl --namespace $system get poddisruptionbudget temper-operator >/dev/null || fail "no disruption budget"
    wait_job second 8
    undisturbed second
    [ "$(agents second)" = "$(printf '%s\n' "$image" "$next_image" | sort -u | xargs)" ] ||
        fail "its trials had the agent from $(agents second)"
    holder=$(kubectl --namespace $system get lease temper-operator -o jsonpath='{.spec.holderIdentity}')
    kubectl --namespace $system get pod "$holder" >/dev/null || fail "the Lease's holder '$holder' is no pod"
    step "upgraded to two replicas of the next image, and to newer definitions, while a job of 8 trials ran"
}

rolled_back() {
    job third 4 4
    runs third
    release rollback temper --namespace $system
    operators "$image" 1
    knows_later false
    ! kubectl --namespace $system get poddisruptionbudget temper-operator >/dev/null 2>&1 || fail "the disruption budget is still there"
    wait_job third 4
    undisturbed third
    step "rolled back, image and definitions too, while a job of 4 trials ran"
}

uninstalled() {
    local results
    job held 2 6
    runs held
    read_docs docs/install.md 'kubectl get tuningjobs --all-namespaces'
    as_documented "$commands"
    gone 60 "pods run on though their job is suspended" \
        kubectl --namespace $ns get pods --selector temper.rs/job=held --field-selector status.phase=Running -o name
    results=$(best)
    "$helm" uninstall temper --namespace $system --wait --timeout 60s >/dev/null 2>&1 || fail "helm uninstall"
    left=$(kubectl get deployments,serviceaccounts,services,roles,rolebindings,leases,poddisruptionbudgets --namespace $system \
        --selector app.kubernetes.io/instance=temper -o name
        kubectl get clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings \
            --selector app.kubernetes.io/instance=temper -o name)
    [ -z "$left" ] || fail "left after uninstall: $left"
    [ "$(best)" = "$results" ] || fail "the results are gone"
    [ "$(kubectl --namespace $ns get serviceaccount,rolebinding temper-trial -o name | wc -l)" = 2 ] || fail "what trials need is gone"
    bindings_removed
    step "uninstalled; the results are still there, and nothing that the operator made but them"
}

moved() {
    local results
    results=$(best)
    strict_namespace $other
    local values=(--set image.repository="${image%:*}",image.tag="${image##*:}" --set crds.keep=false,watchNamespaces="{$ns}")
    if "$helm" install second charts/temper --namespace $other "${values[@]}" >"$work/helm" 2>&1; then
        fail "an installation took another's definitions"
    fi
    grep -q 'invalid ownership metadata' "$work/helm" || fail "it is refused otherwise than documented: $(cat "$work/helm")"
    release install second charts/temper --namespace $other --take-ownership "${values[@]}"
    [ "$(best)" = "$results" ] || fail "the results changed"
    kubectl --namespace $ns patch tuningjob held --type=merge -p '{"spec": {"suspend": false}}' >/dev/null
    job fourth 2 1
    wait_job fourth 2
    wait_job held 2
    read_metrics $other
    step "installed under another name over the definitions that were kept, with rights in one namespace only"
}

purged() {
    job fifth 4 30
    runs fifth
    jobs_deleted
    "$helm" uninstall second --namespace $other --wait --timeout 60s >/dev/null 2>&1 || fail "helm uninstall, the definitions too"
    gone 60 "the definitions are still there" kubectl get crd --ignore-not-found -o name "${definitions[@]}"
    bindings_removed
    step "no job, no Trial and no trial pod is left, and the definitions went with the release"
}

templated() {
    kubectl delete namespace $system >/dev/null
    read_docs docs/install.md 'kubectl create namespace temper-system'
    as_documented "$commands"
    kubectl --namespace $system rollout status deployment/temper-operator --timeout=60s >/dev/null || fail "no operator is ready"
    operators "$image" 1
    job sixth 2 1
    wait_job sixth 2
    jobs_deleted
    as_documented "$(sed -e '/^kubectl create/d' -e 's/apply --server-side/delete/' <<<"$commands")"
    gone 60 "the definitions are still there" kubectl get crd --ignore-not-found -o name "${definitions[@]}"
    step "installed without a release, and removed"
}

strict_namespace $ns
case ${1-} in
--short) steps=(installed upgraded rolled_back uninstalled moved purged) ;;
*) steps=(installed measured refused upgraded rolled_back uninstalled moved purged templated) ;;
esac
"$helm" version --short
for each in "${steps[@]}"; do "$each"; done
