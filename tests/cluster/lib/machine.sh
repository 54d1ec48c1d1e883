# shellcheck shell=bash
# A machine of the cluster: a set of namespaces (processes, mounts, network, host name, IPC) that one process holds, on
# a bridge that it shares with the host and the cluster's other machines. It sees the host's files, but its own /run,
# and below /var what its folder DIR/machines/NAME holds; so every program keeps its usual ports and paths however many
# clusters there are. When the holder dies all of the machine goes with it, as when a plug is pulled: processes,
# containers, mounts, interfaces, iptables rules. What a machine leaves on the host is its control groups and files.

machine_home() { echo "$DIR/machines/$1"; }

# The last byte of its address, and the host's end of its cable to the bridge.
machine_number() { if [ "$1" = control ]; then echo 2; else echo $((10 + ${1#node-})); fi; }
machine_address() { echo "$SUBNET.$(machine_number "$1")"; }
machine_cable() { echo "$BRIDGE.$(machine_number "$1")"; }

# The holder's process id on the host, if it still lives: a number alone may be another process after a restart.
machine_pid() {
    local pid started
    read -r pid started 2>/dev/null <"$DIR/machines/$1/holder" || return 1
    [ "$(process_start "$pid")" = "$started" ] && echo "$pid"
}

# When a process was started, in clock ticks since boot: field 22, of which 19 follow the name in parentheses.
process_start() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    # shellcheck disable=SC2086  # words
    set -- ${stat##*) }
    echo "${20}"
}

in_machine() {
    local pid
    pid=$(machine_pid "$1") || die "the machine '$1' does not run"
    nsenter --target "$pid" --mount --uts --ipc --net --pid -- "${@:2}"
}

machine_start() {
    local name=$1 home cable parent pid
    home=$(machine_home "$name")
    cable=$(machine_cable "$name")
    rm -f "$home"/*.pid
    mkdir -p "$home"/{log,run,var/{kubelet,containerd,cni,log}}
    ip link delete "$cable" 2>/dev/null || true
    # Not --kill-child: the parent ends with its child, and is all that is seen of the machine in between.
    setsid unshare --mount --pid --fork --mount-proc --net --uts --ipc "$BIN/pause" </dev/null >>"$home/log/holder.log" 2>&1 &
    parent=$!
    wait_until 5 "the start of machine $name" machine_entered "$parent"
    pid=$(tr -d ' ' <"/proc/$parent/task/$parent/children")
    echo "$pid $(process_start "$pid")" >"$home/holder"
    ip link add "$cable" type veth peer name eth0 netns "$pid"
    ip link set "$cable" master "$BRIDGE" up
    in_machine "$name" "$HERE/lib/machine-setup.sh" "$name" "$home" "$SUBNET" "$(machine_address "$name")"
}

machine_entered() {
    [ "$(readlink "/proc/$(tr -d ' ' <"/proc/$1/task/$1/children")/exe")" = "$BIN/pause" ]
}

# Pulls the plug and waits until everything in the machine is gone: its first process is, when all others are.
machine_kill() {
    local pid
    pid=$(machine_pid "$1") || return 0
    kill -KILL "$pid"
    wait_until 20 "the end of machine $1" machine_gone "$1"
}

machine_gone() { ! machine_pid "$1"; }

# daemon_start MACHINE NAME COMMAND...: its process id in the machine is noted, its output goes to MACHINE/log/NAME.log.
daemon_start() {
    local home
    home=$(machine_home "$1")
    # shellcheck disable=SC2016  # expanded by the inner shell
    in_machine "$1" setsid --fork "$BASH" -c 'echo $$ >"$1"; log=$2; shift 2; exec "$@" </dev/null >>"$log" 2>&1' \
        "$2" "$home/$2.pid" "$home/log/$2.log" "${@:3}"
}

# daemon_signal MACHINE NAME SIGNAL
daemon_signal() {
    local pid
    pid=$(cat "$DIR/machines/$1/$2.pid" 2>/dev/null) || return 1
    in_machine "$1" "$BASH" -c "kill -$3 $pid" 2>/dev/null
}

daemon_runs() { machine_pid "$1" >/dev/null && daemon_signal "$1" "$2" 0; }

daemon_gone() { ! daemon_runs "$1" "$2"; }

# daemon_stop MACHINE NAME [SIGNAL]
daemon_stop() {
    daemon_signal "$1" "$2" "${3:-TERM}" || return 0
    wait_until 30 "the end of $2 on $1" daemon_gone "$1" "$2"
}
