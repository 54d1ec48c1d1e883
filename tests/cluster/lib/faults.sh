# shellcheck shell=bash
# Breaking a running cluster on purpose, and mending it. What is stopped here is killed, as a crash does it.

stop_apiserver() { daemon_stop control kube-apiserver KILL; }

# Starts what does not run: `restore DAEMON MACHINE COMMAND...`.
restore() { daemon_runs "$2" "$1" || "${@:3}"; }

apiserver_back() {
    restore kube-apiserver control start_apiserver "$@"
    wait_until 60 "the start of the API server" api_ready
}

restart_etcd() {
    daemon_stop control etcd KILL
    start_etcd
    wait_until 60 "the start of etcd" in_machine control curl --silent --fail http://127.0.0.1:2379/health
    wait_until 60 "the return of the API server" api_ready
}

need_node() {
    local known
    known=$(node_names)
    grep -qx -- "${1:-}" <<<"$known" || die "there is no node '${1:-}'; there are ${known//$'\n'/, }"
}

stop_kubelet() { need_node "$1" && daemon_stop "$1" kubelet KILL; }

kubelet_back() {
    need_node "$1"
    restore kubelet "$1" start_kubelet "$1"
    node_await "$1"
}

# Unplugs a node's network, and plugs it in again: the node lives on meanwhile, as do its pods.
node_cut() { need_node "$1" && ip link set "$(machine_cable "$1")" down; }
node_heal() { need_node "$1" && ip link set "$(machine_cable "$1")" up; }

# Pulls the plug of a node; what was on its disk is there when it starts again.
node_kill() { need_node "$1" && machine_kill "$1"; }

node_start() {
    need_node "$1"
    ! machine_pid "$1" >/dev/null || die "$1 runs"
    # A machine that starts knows nothing of its dead pods; the kubelet would ask containerd for each, 3 s long.
    cgroup_remove "$(node_cgroup "$1")"
    node_boot "$1"
    routes_set
    start_kubelet "$1"
    start_proxy "$1"
    node_await "$1"
}
