# shellcheck shell=bash
# The control plane, on a machine of its own named `control`: etcd, the API server, the controller manager, the
# scheduler.

start_etcd() {
    # No fsync: what a test cluster knows need not outlive a power cut, but does outlive a restart of etcd.
    daemon_start control etcd "$BIN/etcd" --name control --data-dir "$DIR/machines/control/var/etcd" --unsafe-no-fsync \
        --log-level warn --quota-backend-bytes 8589934592 --auto-compaction-mode periodic --auto-compaction-retention 5m
}

# `start_apiserver [FLAG...]`: with flags besides its own.
start_apiserver() {
    local pki=$DIR/pki
    # Pods leave a lost node after 30 s instead of 300: a test waits for it.
    daemon_start control kube-apiserver "$BIN/kube-apiserver" \
        --etcd-servers=http://127.0.0.1:2379 \
        --bind-address=0.0.0.0 --advertise-address="$SUBNET.2" --secure-port=6443 \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
        --client-ca-file="$pki/ca.crt" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
        --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/16 \
        --service-account-key-file="$pki/service-account.pub" \
        --service-account-signing-key-file="$pki/service-account.key" \
        --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
        --kubelet-preferred-address-types=InternalIP --allow-privileged=true \
        --default-not-ready-toleration-seconds=30 --default-unreachable-toleration-seconds=30 \
        --audit-policy-file="$HERE/manifests/audit-policy.yaml" --audit-log-path="$DIR/audit.log" \
        --audit-log-maxsize=100000 "$@"
}

start_controller_manager() {
    local pki=$DIR/pki
    daemon_start control kube-controller-manager "$BIN/kube-controller-manager" \
        --kubeconfig="$pki/controller-manager.kubeconfig" --leader-elect=false --use-service-account-credentials \
        --root-ca-file="$pki/ca.crt" --service-account-private-key-file="$pki/service-account.key" \
        --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
        --kube-api-qps=1000 --kube-api-burst=2000 --node-monitor-grace-period=40s
}

start_scheduler() {
    daemon_start control kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$DIR/pki/scheduler.kubeconfig" \
        --leader-elect=false --kube-api-qps=1000 --kube-api-burst=2000
}

api_ready() {
    local pki=$DIR/pki
    # Not kubectl: it takes a tenth of a second of a core to start.
    curl --silent --fail --max-time 2 --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" \
        "https://$SUBNET.2:6443/readyz"
}

control_start() {
    machine_start control
    mkdir -p "$DIR/machines/control/var/etcd"
    start_etcd
    control_certificates
    start_apiserver
    wait_until 60 "the start of the API server" api_ready
    start_controller_manager
    start_scheduler
}
