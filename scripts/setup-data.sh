#!/bin/sh
# Makes sure that Fashion-MNIST is on this machine: a copy named by TEMPER_DATA, the cache, or Debian's package,
# which is installed when this runs as root. Elsewhere `temper-runner` downloads the set when it is first used.
set -eu

first=train-images-idx3-ubyte
cache=${XDG_CACHE_HOME:-$HOME/.cache}/temper/data
for folder in ${TEMPER_DATA:+"$TEMPER_DATA" "$TEMPER_DATA/fashion-mnist"} "$cache/fashion-mnist" /usr/share/datasets/fashion-mnist; do
    if [ -e "$folder/$first" ] || [ -e "$folder/$first.gz" ]; then
        echo "Fashion-MNIST is in $folder"
        exit 0
    fi
done

if ! command -v apt-get >/dev/null; then
    echo "Fashion-MNIST is not on this machine yet; temper-runner downloads it when it is first used"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Debian's package dataset-fashion-mnist is missing: sudo apt-get install dataset-fashion-mnist" >&2
    echo "(or go on without: temper-runner downloads the set when it is first used)" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq dataset-fashion-mnist >/dev/null 2>&1 || {
    apt-get update -qq
    apt-get install -y -qq dataset-fashion-mnist >/dev/null
}
echo "Fashion-MNIST is in /usr/share/datasets/fashion-mnist (Debian's package dataset-fashion-mnist)"
