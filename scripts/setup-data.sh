#!/bin/sh
# Makes sure that Fashion-MNIST is on this machine: a copy named by TEMPER_DATA, the cache, or Debian's package,
# which is installed when this runs as root. Elsewhere `temper-runner` downloads the set when it is first used.
#
#   scripts/setup-data.sh           finds it, or installs it
#   scripts/setup-data.sh --find    prints the folder; fails when there is none
set -eu

package=dataset-fashion-mnist
debian=/usr/share/datasets/fashion-mnist

# The places of trial-runner/src/models/data/locate.rs, in its order.
find_set() {
    cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/temper/data
    for folder in ${TEMPER_DATA:+"$TEMPER_DATA/fashion-mnist" "$TEMPER_DATA"} "$cache/fashion-mnist" $debian; do
        for file in train-images-idx3-ubyte train-images-idx3-ubyte.gz; do
            [ ! -e "$folder/$file" ] || { echo "$folder" && return; }
        done
    done
    return 1
}

if [ "${1-}" = --find ]; then
    find_set
    exit
fi
if folder=$(find_set); then
    echo "Fashion-MNIST is in $folder"
    exit 0
fi
later="temper-runner downloads it when it is first used"
if ! command -v apt-get >/dev/null; then
    echo "Fashion-MNIST is not on this machine yet; $later"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Fashion-MNIST is not on this machine yet; $later, or: sudo apt-get install $package"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if apt-get install -y -qq $package >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq $package >/dev/null; }; then
    echo "Fashion-MNIST is in $debian (Debian's package $package)"
else
    echo "Debian's package $package could not be installed; $later" >&2
fi
