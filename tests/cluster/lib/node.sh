# shellcheck shell=bash
# Nodes: machines named node-1, node-2, ... with containerd, a kubelet and a kube-proxy.

node_names() {
    local each
    for each in "$DIR"/machines/node-*; do [ ! -d "$each" ] || basename "$each"; done
}

node_pods() { echo "10.244.${1#node-}.0/24"; }

# Each kubelet keeps its pods below a control group of its own and would end what it does not know there.
node_cgroup() { echo "/temper-cluster-${SUBNET##*.}/$1"; }

node_prepare() {
    local name=$1 home pki=$DIR/pki address
    home=$(machine_home "$name")
    address=$(machine_address "$name")
    certificate "$name" "/O=system:nodes/CN=system:node:$name" "subjectAltName=DNS:$name,IP:$address"
    kubeconfig "$home/kubelet.kubeconfig" "$name"
    mkdir -p "$home/cni"
    cat >"$home/cni/10-temper.conflist" <<CONFIG
{"cniVersion": "0.4.0", "name": "temper", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$(node_pods "$name")"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CONFIG
    cat >"$home/containerd.toml" <<CONFIG
version = 3
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs"]
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$PAUSE_IMAGE"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE runc cannot lower a score below containerd's own, and dies of it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$home/cni"
CONFIG
    cat >"$home/kubelet.yaml" <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$pki/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: "$pki/$name.crt"
tlsPrivateKeyFile: "$pki/$name.key"
clusterDNS: [10.96.0.10]
cgroupDriver: cgroupfs
cgroupRoot: "$(node_cgroup "$name")"
failCgroupV1: false
failSwapOn: false
serializeImagePulls: false
maxPods: 250
kubeAPIQPS: 500
kubeAPIBurst: 1000
# The host's disk may be full for reasons of its own, and images cannot be pulled again.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
CONFIG
    cat >"$home/kube-proxy.yaml" <<CONFIG
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: "$pki/proxy.kubeconfig"}
mode: iptables
clusterCIDR: 10.244.0.0/16
conntrack: {maxPerCore: 0}
CONFIG
}

# It looks for the program that stands beside each pod on the path, where another containerd's may lie.
start_containerd() {
    daemon_start "$1" containerd env PATH="$BIN:$PATH" "$BIN/containerd" --config "$(machine_home "$1")/containerd.toml"
}

# Quiet about control groups of version 1, which the kubelet and containerd complain of in their own logs.
containers() { in_machine "$1" env CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 "$BIN/ctr" --namespace k8s.io "${@:2}"; }

containerd_ready() { containers "$1" version; }

image_import() { containers "$1" images import - >/dev/null; }

start_kubelet() {
    local home
    home=$(machine_home "$1")
    daemon_start "$1" kubelet "$BIN/kubelet" --config "$home/kubelet.yaml" --kubeconfig "$home/kubelet.kubeconfig" \
        --hostname-override "$1" --node-ip "$(machine_address "$1")"
}

start_proxy() {
    daemon_start "$1" kube-proxy "$BIN/kube-proxy" --config "$(machine_home "$1")/kube-proxy.yaml" \
        --hostname-override "$1"
}

# The machine and its containerd, with the pause image: what needs no API server.
node_boot() {
    local name=$1
    machine_start "$name"
    node_prepare "$name"
    cgroup_make "$(node_cgroup "$name")"
    # Pods reach the host by their node's address; among themselves by their own.
    in_machine "$name" iptables -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -o eth0 -j MASQUERADE
    start_containerd "$name"
    wait_until 20 "the start of containerd on $name" containerd_ready "$name"
    image_import "$name" <"$BIN/pause.tar"
}

# Every machine knows where every node's pods are.
routes_set() {
    local machine node
    for machine in control $(node_names); do
        for node in $(node_names); do
            [ "$machine" = "$node" ] || in_machine "$machine" ip route replace "$(node_pods "$node")" via "$(machine_address "$node")"
        done
    done
}

# Control groups: one tree (version 2), one for each controller (version 1), or both.
cgroup_trees() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }

cgroup_make() {
    local tree path each
    for tree in $(cgroup_trees); do
        path=$tree
        for each in ${1//\// }; do
            [ ! -e "$path/cgroup.subtree_control" ] ||
                sed 's/[a-z_][a-z_]*/+&/g' "$path/cgroup.controllers" >"$path/cgroup.subtree_control"
            mkdir -p "$path/$each"
            if [ -e "$path/$each/cpuset.cpus" ] && [ ! -s "$path/$each/cgroup.controllers" ]; then
                cat "$path/cpuset.cpus" >"$path/$each/cpuset.cpus"
                cat "$path/cpuset.mems" >"$path/$each/cpuset.mems"
            fi
            path=$path/$each
        done
    done
}

cgroup_remove() {
    local tree
    for tree in $(cgroup_trees); do
        [ ! -d "$tree$1" ] || find "$tree$1" -depth -type d -exec rmdir {} +
    done
}
