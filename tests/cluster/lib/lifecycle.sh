# shellcheck shell=bash
# A cluster from its start to its end. DIR/cluster.env notes what it took of the host: a subnet and a bridge.

# How many volume claims a cluster can serve.
VOLUMES=32

# Whose a bridge is: an interface's alias holds 255 bytes.
bridge_mark() { tail -c 255 <<<"$DIR"; }

# The cluster's own bridge; that it can be made claims its name and subnet from every other cluster.
bridge_make() {
    local each
    for each in $(seq 0 199); do
        ip -4 route show root "10.245.$each.0/24" | grep -q . && continue
        ip link add "temper$each" type bridge 2>/dev/null || continue
        SUBNET=10.245.$each BRIDGE=temper$each
        printf 'SUBNET=%s\nBRIDGE=%s\n' "$SUBNET" "$BRIDGE" >"$DIR/cluster.env"
        ip link set "$BRIDGE" alias "$(bridge_mark)"
        ip address add "$SUBNET.1/24" dev "$BRIDGE"
        ip link set "$BRIDGE" up
        return
    done
    die "no free bridge among temper0 to temper199 (see: ip link)"
}

cluster_up() {
    local nodes=1 gpus=0 simulated=0 each
    while [ $# -gt 0 ]; do
        case $1 in
        --nodes) nodes=$2 && shift 2 ;;
        --gpus) gpus=$2 && shift 2 ;;
        --kwok-nodes) simulated=$2 && shift 2 ;;
        *) die "up: there is no option '$1'" ;;
        esac
    done
    need_root
    case $DIR/ in /run/* | /var/lib/* | /var/log/*) die "machines have their own $DIR: choose another --dir" ;; esac
    need_packages
    build k8s containerd pause
    cluster_down
    rm -rf "$DIR"
    mkdir -p "$DIR"
    bridge_make
    trap '[ -e "$DIR/ready" ] || echo "the start failed: logs lie below $DIR; end what is left: cluster --dir $DIR down" >&2' EXIT
    control_start &
    local control=$!
    # Nodes need the authority's certificate, not yet the API server.
    wait_until 20 "the start of the control plane" test -e "$DIR/admin.kubeconfig"
    for each in $(seq "$nodes"); do node_boot "node-$each"; done
    wait "$control"
    routes_set
    for each in $(node_names); do start_kubelet "$each" && start_proxy "$each"; done
    echo "$gpus" >"$DIR/gpus"
    base_objects
    for each in $(node_names); do node_await "$each"; done
    [ "$simulated" -eq 0 ] || kwok_nodes "$simulated"
    wait_until 60 "the default service account" kubectl get serviceaccount default
    touch "$DIR/ready"
    echo "$DIR/admin.kubeconfig"
}

kubectl() { KUBECONFIG=$DIR/admin.kubeconfig "$BIN/kubectl" "$@"; }

node_ready() { kubectl wait "node/$1" --for=condition=Ready --timeout=30s && node_untainted "$1"; }

node_untainted() { [ -z "$(kubectl get node "$1" -o 'jsonpath={.spec.taints}')" ]; }

# Waits for a node, and makes the scheduler see GPUs on it: it then honours limits as on nodes that have them. The
# kubelet keeps what it finds in the capacity; it would take 10 s to copy that to what can be allocated.
node_await() {
    local gpus add='{"op": "add", "path": "/status/%s/nvidia.com~1gpu", "value": "%s"}'
    wait_until 90 "node $1 being ready" node_ready "$1"
    gpus=$(cat "$DIR/gpus")
    # shellcheck disable=SC2059  # a template
    [ "$gpus" -eq 0 ] || kubectl patch node "$1" --subresource=status --type=json >/dev/null \
        -p "[$(printf "$add" capacity "$gpus"), $(printf "$add" allocatable "$gpus")]"
}

# What a cluster has that somebody else would install: a storage class and volumes of it.
base_objects() {
    local each path
    {
        cat "$HERE/manifests/base.yaml"
        for each in $(seq "$VOLUMES"); do
            path=$DIR/volumes/$each
            mkdir -p "$path"
            chmod 777 "$path"
            echo "---"
            sed -e "s|NAME|volume-$each|" -e "s|PATH|$path|" "$HERE/manifests/volume.yaml"
        done
    } | kubectl apply --server-side -f - >/dev/null
}

cluster_down() {
    local each
    [ -e "$DIR/cluster.env" ] || return 0
    # shellcheck source=/dev/null
    . "$DIR/cluster.env"
    for each in "$DIR"/machines/*; do [ ! -d "$each" ] || machine_kill "$(basename "$each")"; done
    # After a restart of the host another cluster may have taken this one's number.
    if [ "$(cat "/sys/class/net/$BRIDGE/ifalias" 2>/dev/null)" = "$(bridge_mark)" ]; then
        ip link delete "$BRIDGE"
        cgroup_remove "/temper-cluster-${SUBNET##*.}"
    fi
    # Images and the data of pods and etcd go; the logs stay to be read.
    rm -rf "$DIR"/machines/*/var/{containerd,kubelet,cni,etcd} "$DIR"/{volumes,s3,cluster.env,ready}
}

cluster_status() {
    local machine file name
    need_cluster
    echo "$DIR: bridge $BRIDGE, API server https://$SUBNET.2:6443"
    for machine in control $(node_names); do
        machine_pid "$machine" >/dev/null || { echo "$machine: off" && continue; }
        for file in "$DIR/machines/$machine"/*.pid; do
            name=$(basename "$file" .pid)
            daemon_runs "$machine" "$name" && echo "$machine: $name runs" || echo "$machine: $name does not run"
        done
    done
    kubectl get nodes --request-timeout=5s || true
}
