# shellcheck shell=bash
# What some tests need beside the cluster: simulated nodes, a real S3 server.

# KWOK's own stages but for pod-complete, which is ours.
kwok_stages() {
    local stages each
    stages=$(cd "$HERE/kwok" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    for each in "$stages"/node/fast/node-initialize.yaml "$stages"/pod/fast/pod-{ready,delete}.yaml \
        "$stages"/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml "$HERE/manifests/pod-complete.yaml"; do
        echo "---"
        cat "$each"
    done
}

# Adds simulated nodes fake-0 ... to the cluster. Only pods that tolerate their taint go there.
kwok_nodes() {
    local each
    build kwok
    kwok_stages >"$DIR/kwok-stages.yaml"
    daemon_runs control kwok || daemon_start control kwok "$BIN/kwok" --kubeconfig "$DIR/admin.kubeconfig" \
        --config "$DIR/kwok-stages.yaml" --manage-all-nodes=false \
        --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake \
        --node-lease-duration-seconds=40 --cidr=10.100.0.0/16
    for each in $(seq 0 $(($1 - 1))); do
        echo "---"
        sed "s/NAME/fake-$each/" "$HERE/manifests/fake-node.yaml"
    done | kubectl apply --server-side -f - >/dev/null
    wait_until 60 "the simulated nodes being ready" kwok_ready "$1"
}

kwok_ready() {
    [ "$(kubectl get nodes -l kwok.x-k8s.io/node=fake --no-headers | grep -c ' Ready ')" -ge "$1" ]
}

# A real S3 server on the control plane's machine, its objects below DIR/s3; prints how to reach it, from the host and
# from pods alike.
s3() {
    local user=temper password=temper-secret
    build versitygw
    mkdir -p "$DIR/s3"
    daemon_runs control versitygw || daemon_start control versitygw \
        env ROOT_ACCESS_KEY="$user" ROOT_SECRET_KEY="$password" "$BIN/versitygw" --port "$SUBNET.2:7070" posix "$DIR/s3"
    wait_until 20 "the start of the S3 server" curl --silent --max-time 1 "http://$SUBNET.2:7070"
    cat <<ENV
AWS_ENDPOINT_URL=http://$SUBNET.2:7070
AWS_ACCESS_KEY_ID=$user
AWS_SECRET_ACCESS_KEY=$password
AWS_REGION=us-east-1
AWS_ALLOW_HTTP=true
ENV
}
