#!/usr/bin/env bash
# Starts a cluster in a folder of its own, runs a pod in it to its end, breaks and mends it, ends it, and looks for what
# is left of it. Prints what took how long.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
dir=$(mktemp -d "${TMPDIR:-/tmp}/temper-cluster-check.XXXX")
cluster() { "$here/cluster" --dir "$dir" "$@"; }
trap 'cluster down; rm -rf "$dir"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# timed WHAT COMMAND...
timed() {
    local start=$EPOCHREALTIME
    "${@:2}"
    awk -v a="$start" -v b="$EPOCHREALTIME" -v what="$1" 'BEGIN {printf "%6.1f s  %s\n", b - a, what}'
}

# run_pod NAME SHELL-COMMAND [NODE]
run_pod() {
    cluster kubectl apply -f - >/dev/null <<POD
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  ${3:+nodeName: $3}
  containers:
  - {name: main, image: temper.test/busybox:1, imagePullPolicy: Never, command: [sh, -c, '$2']}
POD
}

pod_ends() { cluster kubectl wait "pod/$1" --for=jsonpath=.status.phase=Succeeded --timeout=60s >/dev/null; }

# What a cluster could leave on the host, one a line.
traces() {
    ip -o link | grep -oE 'temper[0-9]+(\.[0-9]+)?' || true
    grep -F "$dir" /proc/mounts || true
    find /sys/fs/cgroup -maxdepth 2 -name 'temper-cluster-*'
    grep -lsF "$dir" /proc/[0-9]*/cmdline | grep -v "/$$/" || true
    iptables-save | grep -E 'KUBE|CNI' || true
    ip netns list
    lsns --noheadings --output NS,TYPE | sort
}

"$here/cluster" build pause k8s busybox
traces >"$dir.before"
timed "up: two nodes" cluster up --nodes 2 >/dev/null
timed "load an image" cluster load-image "$(dirname "$(dirname "$here")")/target/cluster/bin/busybox.tar"

timed "a pod from apply to its end" eval 'run_pod hello "echo hello from \$(hostname)" && pod_ends hello'
[ "$(cluster kubectl logs hello)" = "hello from hello" ] || fail "the pod's log is '$(cluster kubectl logs hello)'"
[ "$(cluster kubectl auth whoami -o 'jsonpath={.status.userInfo.username}')" = admin ] || fail "not the administrator"

# Pods of two nodes reach each other, the API server and a service.
run_pod server "mkdir /tmp/w; echo found >/tmp/w/index.html; httpd -f -p 8080 -h /tmp/w" node-1
cluster kubectl expose pod server --port 80 --target-port 8080 --labels a=b 2>/dev/null >/dev/null || {
    cluster kubectl label pod server app=server >/dev/null
    cluster kubectl expose pod server --port 80 --target-port 8080 >/dev/null
}
cluster kubectl wait pod/server --for=condition=Ready --timeout=60s >/dev/null
timed "a pod of another node reaches a service" eval \
    'run_pod client "until wget -q -O - \$SERVER_SERVICE_HOST; do sleep 0.1; done" node-2 && pod_ends client'
[ "$(cluster kubectl logs client)" = found ] || fail "the service did not answer"

writes=$(jq -s 'map(select(.verb == "create" and .objectRef.resource == "pods" and .user.username == "admin")) | length' "$dir/audit.log")
[ "$writes" -eq 3 ] || fail "the audit log has $writes creations of pods, not 3"

timed "kill and start the API server" eval 'cluster stop-apiserver && cluster start-apiserver'
timed "restart etcd" cluster restart-etcd
cluster kubectl get pod hello >/dev/null || fail "etcd forgot a pod"

timed "end" cluster down
traces >"$dir.after"
diff "$dir.before" "$dir.after" || fail "the cluster left something behind"
rm "$dir.before" "$dir.after"
echo "nothing is left"
