#!/usr/bin/env bash
# Starts a cluster of two nodes in a folder of its own, runs pods in it to their ends, breaks it and mends it, ends it,
# and looks for what is left of it. Prints what took how long. With --faults it also loses nodes, which takes minutes.
# A start may take 20 s, or TEMPER_TEST_SLACK times as long: on a machine that has other things to do.
# shellcheck disable=SC2016  # what stands in single quotes is for the shell of a pod
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
images=$(dirname "$(dirname "$here")")/target/cluster/bin
dir=$(mktemp -d "${TMPDIR:-/tmp}/temper-cluster-check.XXXX")
# The cluster to check, as administrator.
cluster() { "$here/cluster" --dir "$dir" "$@"; }
kubectl() { cluster kubectl "$@"; }
trap 'cluster down; rm -rf "$dir"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# timed WHAT COMMAND...: leaves in `took` for how many seconds
timed() {
    local start=$EPOCHREALTIME
    "${@:2}" >/dev/null
    took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')
    printf '%6s s  %s\n' "$took" "$1"
}

# started WHAT COMMAND...: the same, and not for too long
started() {
    local most=$((20 * ${TEMPER_TEST_SLACK:-1}))
    timed "$@"
    [ "${took%.*}" -lt $most ] || fail "$1 took $took s, and may take $most"
}

# pod NAME SHELL-COMMAND [NODE]
pod() {
    kubectl apply -f - <<POD
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  ${3:+nodeName: $3}
  containers:
  - {name: main, image: busybox:1, imagePullPolicy: Never, command: [sh, -c, '$2']}
POD
}

pod_reaches() { kubectl wait "pod/$1" --for="jsonpath=.status.phase=$2" --timeout=60s; }

pod_to_end() { pod "$@" && pod_reaches "$1" Succeeded; }

node_becomes() { kubectl wait "node/$1" --for="condition=Ready=$2" --timeout=120s; }

logs_are() { [ "$(kubectl logs "$1")" = "$2" ] || fail "pod $1 said '$(kubectl logs "$1")', not '$2'"; }

descendants() {
    local each
    echo "$1"
    for each in $(pgrep -P "$1"); do descendants "$each"; done
}

# Namespaces of the cluster's machines and of the pods in them. Everything there comes from a machine's first process.
namespaces() {
    local each pid
    for each in "$dir"/machines/*/holder; do
        read -r pid _ <"$each"
        # One that has just ended has none.
        for pid in $(descendants "$pid"); do find "/proc/$pid/ns/" -type l -printf '%l\n' 2>/dev/null || true; done
    done | sort -u | comm -23 - <(find /proc/self/ns/ -type l -printf '%l\n' | sort -u)
}

namespaces_of_all() { find /proc/[0-9]*/ns/ -type l -printf '%l\n' 2>/dev/null | sort -u; }

# Traces of this cluster, and of no other, on the host; NAMESPACES are those it had.
traces() {
    ip -o link | grep -E "[ @]${BRIDGE}[.:@]" || true
    grep -F "$dir" /proc/mounts || true
    find /sys/fs/cgroup -maxdepth 2 -name "temper-cluster-${SUBNET##*.}"
    pgrep -af -- "$dir/" || true
    comm -12 <(namespaces_of_all) <(echo "$NAMESPACES") | sed 's/^/namespace /'
    iptables-save 2>/dev/null | grep -E 'KUBE-|CNI-' || true
}

"$here/cluster" build pause k8s containerd busybox
started "up: two nodes" cluster up --nodes 2
started "up again, where a cluster was left" cluster up --nodes 2
# shellcheck source=/dev/null
. "$dir/cluster.env"
NAMESPACES=$(namespaces)
[ "$(traces | wc -l)" -gt 10 ] || fail "the traces of a running cluster are not seen"

timed "load-image" cluster load-image "$images/busybox.tar"
timed "a pod, from apply to its end" pod_to_end hello 'echo hello from $(hostname)'
logs_are hello "hello from hello"

pod server "mkdir /tmp/www; echo found >/tmp/www/index.html; httpd -f -p 8080 -h /tmp/www" node-1 >/dev/null
kubectl expose pod server --port 80 --target-port 8080 >/dev/null
pod_reaches server Running >/dev/null
timed "a pod that finds a service on the other node" \
    pod_to_end client 'until wget -q -O - $SERVER_SERVICE_HOST; do sleep 0.1; done' node-2
logs_are client found

created=$(jq -s 'map(select(.verb == "create" and .objectRef.resource == "pods" and .objectRef.subresource == null)) |
    length' "$dir/audit.log")
[ "$created" -eq 3 ] || fail "the audit log shows $created pods created, not 3"

timed "stop-apiserver, start-apiserver" eval 'cluster stop-apiserver && cluster start-apiserver'
timed "restart-etcd" cluster restart-etcd
logs_are hello "hello from hello"

if [ "${1-}" = --faults ]; then
    timed "node-cut until the node is known to be lost" eval 'cluster node-cut node-2 && node_becomes node-2 Unknown'
    timed "node-heal until it is ready" eval 'cluster node-heal node-2 && node_becomes node-2 True'
    timed "stop-kubelet until the node is known to be lost" \
        eval 'cluster stop-kubelet node-2 && node_becomes node-2 Unknown'
    timed "start-kubelet until it is ready" cluster start-kubelet node-2
    timed "node-kill until the node is known to be lost" eval 'cluster node-kill node-2 && node_becomes node-2 Unknown'
    timed "node-start until it is ready" cluster node-start node-2
    timed "a pod there" pod_to_end after true node-2
fi

# With those of the pod that still runs.
NAMESPACES=$(namespaces)
timed "down" cluster down
left=$(traces)
[ -z "$left" ] || fail "the cluster left behind: $left"
echo "nothing is left"
