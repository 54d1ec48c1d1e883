#!/usr/bin/env bash
# Run inside a new machine's namespaces by machine_start: NAME HOME SUBNET ADDRESS.
set -euo pipefail
name=$1 home=$2 subnet=$3 address=$4
mount --make-rprivate /
mount --make-rshared /
hostname "$name"

ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "$subnet.1"
echo 1 >/proc/sys/net/ipv4/ip_forward

# What programs write below /run, /var/lib and /var/log is the machine's own.
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
for each in kubelet containerd cni; do
    mkdir "/var/lib/$each"
    mount --bind "$home/var/$each" "/var/lib/$each"
done
mount --bind "$home/var/log" /var/log

# The kubelet sets these for the whole kernel, not for its namespaces. It finds them as it wants them and leaves the
# host's alone.
mkdir /run/sysctl
while read -r key value; do
    [ -e "/proc/sys/$key" ] || continue
    echo "$value" >"/run/sysctl/${key//\//.}"
    mount --bind "/run/sysctl/${key//\//.}" "/proc/sys/$key"
done <<'LIST'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
LIST
